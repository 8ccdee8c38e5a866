"""The auditor as a Faust application: one safe agent for the audit topic, one timer."""

from __future__ import annotations

import faust

from refbus.bus.address import BrokerAddress
from refbus.bus.harness import WorkerSettings, create_app, every
from refbus_auditor.auditor import Auditor

_TICK_S = 1.0


def auditor_app(auditor: Auditor, address: BrokerAddress) -> faust.App:
    """Return the application of an opened auditor whose cluster is at `address`. Nothing runs yet."""
    settings = auditor.settings
    worker = WorkerSettings(
        group=auditor.group,
        address=address,
        data_dir=settings.home / "faust",
        batch=settings.batch_records,
    )
    app = create_app(worker, auditor.consumers)
    every(app, _TICK_S, auditor.tick)
    return app
