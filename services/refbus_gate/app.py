"""The gate as a Faust application: one safe agent per source, one timer."""

from __future__ import annotations

from functools import partial

import faust

from refbus.bus.address import BrokerAddress
from refbus.bus.harness import WorkerSettings, create_app, every, listen
from refbus_gate.gate import Gate

_TICK_S = 1.0


def gate_app(gate: Gate, address: BrokerAddress) -> faust.App:
    """Return the application of an opened gate whose cluster is at `address`. Nothing runs yet."""
    settings = gate.settings
    worker = WorkerSettings(
        group=gate.group,
        address=address,
        data_dir=settings.home / "faust",
        batch=settings.batch_records,
    )
    app = create_app(worker, gate.consumers)
    gate.listen = partial(listen, app, worker)
    every(app, _TICK_S, gate.tick)
    return app
