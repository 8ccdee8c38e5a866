"""Alerts with a real Prometheus and Alertmanager over a real gate: they ring for a fault, and clear when it is over."""

from __future__ import annotations

from pathlib import Path

from bench.stage import staged
from demo.processes import Service
from refbus.core.ids import CountryCode
from refbus.telemetry.alerts import RULES
from support.watchers import programs, watching


def test_a_gate_that_is_killed_rings_and_clears(tmp_path: Path) -> None:
    """Every rule is loaded; RefbusGateGone rings while the gate is away, and a job that nobody set up rings at once."""
    programs()
    with staged(tmp_path / "stage", federated=False, say=lambda _: None) as stage:
        gate = stage.start_gate(CountryCode("kz"))
        port = stage.stack.ports["gate-kz"]
        with watching(tmp_path / "watch", {"refbus-gate": port}) as watchers:
            assert watchers.rules() == {rule.name for rule in RULES}
            watchers.wait_for("RefbusAuditorGone", rings=True)
            assert "RefbusGateGone" not in watchers.ringing()
            gate.stop()
            watchers.wait_for("RefbusGateGone", rings=True)
            stage.stack.services["gate-kz"] = Service(gate.command)
            watchers.wait_for("RefbusGateGone", rings=False)
