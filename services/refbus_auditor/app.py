"""The auditor as a Faust application: one safe agent for the audit topic, and the clock beside it."""

from __future__ import annotations

import faust

from refbus.bus.address import BrokerAddress
from refbus.bus.harness import WorkerSettings, begin, create_app
from refbus_auditor.auditor import Auditor


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
    begin(app, auditor.begin_clock)
    return app
