"""Alerts for a process that is gone, with real Prometheus and Alertmanager; the others are in tests/alerts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bench.stage import Stage, staged
from demo.processes import Service
from kafka.patience import wait
from refbus.core.ids import CountryCode
from refbus.telemetry.alerts import RULES
from support.watchers import Target, Watchers, programs, watching

KZ = CountryCode("kz")


@dataclass(slots=True)
class Scene:
    """A gate of kz that works, and what an operator's telephone says. Each test leaves it as it was."""

    stage: Stage
    watchers: Watchers

    def rings(self, *names: str) -> None:
        """Wait until all of these ring."""
        wait(f"{names} ring", lambda: set(names) <= self.watchers.ringing(), pause_s=0.5)

    def clears(self, *names: str) -> None:
        """Wait until none of these rings."""
        wait(f"{names} clear", lambda: not set(names) & self.watchers.ringing(), pause_s=0.5)

    def start_again(self, name: str) -> None:
        """Start a service that was stopped."""
        self.stage.stack.services[name] = Service(self.stage.stack.services[name].command)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a broker, the gate of kz, Prometheus and Alertmanager once for all faults."""
    programs()
    folder = tmp_path_factory.mktemp("alerts")
    with staged(folder / "stage", federated=False, say=lambda _: None, movable=True) as stage:
        stage.start_gate(KZ)
        pages = (
            Target("refbus-gate", stage.stack.ports["gate-kz"]),
            Target("refbus-auditor", _auditor_port(stage)),
        )
        with watching(folder / "watch", pages) as watchers:
            yield Scene(stage, watchers)


def _auditor_port(stage: Stage) -> int:
    """Start the auditor once, so that its port is known, and stop it."""
    service = stage.start_auditor(KZ)
    service.stop()
    return stage.stack.ports["auditor-kz"]


def test_every_rule_is_loaded(scene: Scene) -> None:
    """A default Prometheus has all of them, without an error."""
    assert scene.watchers.rules() == {rule.name for rule in RULES}


def test_a_gate_that_is_killed_rings_and_clears(scene: Scene) -> None:
    """RefbusGateGone rings while the gate is away."""
    assert "RefbusGateGone" not in scene.watchers.ringing()
    scene.stage.stack.services["gate-kz"].stop()
    scene.rings("RefbusGateGone")
    scene.start_again("gate-kz")
    scene.clears("RefbusGateGone")


def test_an_auditor_that_is_away_rings_and_clears(scene: Scene) -> None:
    """RefbusAuditorGone rings for a job that nobody serves, and clears when its auditor is there."""
    scene.rings("RefbusAuditorGone")
    scene.start_again("auditor-kz")
    scene.clears("RefbusAuditorGone")
