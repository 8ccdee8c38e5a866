"""The gate as a Faust application: one safe agent per source, and the clock beside it."""

from __future__ import annotations

from functools import partial

import faust

from refbus.bus.address import BrokerAddress
from refbus.bus.harness import WorkerSettings, begin, create_app, listen
from refbus_gate.gate import Gate


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
    begin(app, gate.begin_clock)
    return app
