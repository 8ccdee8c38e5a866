"""The gate as a Faust application: one safe agent per source, one timer."""

from __future__ import annotations

import faust

from refbus.bus.harness import WorkerSettings, create_app, every
from refbus_gate.gate import Gate

_TICK_S = 1.0


def gate_app(gate: Gate) -> faust.App:
    """Return the application of an opened gate. Nothing runs yet."""
    settings = gate.settings
    worker = WorkerSettings(
        group=gate.group,
        address=gate.addresses[settings.country],
        data_dir=settings.home / "faust",
        batch=settings.batch_records,
    )
    app = create_app(worker, gate.consumers)
    every(app, _TICK_S, gate.tick)
    return app
