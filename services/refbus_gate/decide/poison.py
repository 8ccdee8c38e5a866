"""The record that nothing can be done with: put aside so that it never halts a country, and its case waits."""

from __future__ import annotations

import logging

from refbus.bus.port import Record
from refbus.core.gate.verdicts import About, Missing, Quarantine
from refbus.core.units import HOUR_MS
from refbus.crypto.framing import sha256
from refbus.errors import Code
from refbus.node.store.rows import Position
from refbus.node.topic_reader import where
from refbus_gate.decide.batch import GateCore, Source
from refbus_gate.decide.effects import Decider
from refbus_gate.decide.opening import Opened
from refbus_gate.decide.state import View
from refbus_gate.decide.work import Work

_log = logging.getLogger("refbus.gate.poison")


def quarantine(core: GateCore, source: Source, record: Record, after: Position, before: Position | None) -> None:
    """Quarantine `record` with INTERNAL_ERROR and hold its case, if it can be known. Raises StoreError.

    What stands for a batch that cannot be read has BATCH_UNREADABLE; nothing is known of its cases.
    """
    code = Code.BATCH_UNREADABLE if record.unreadable else Code.INTERNAL_ERROR
    with core.turn:
        batch = core.batch(source)
        opened = _opened(core, source, record)
        view = View(core.parts.store, core.parts.keys.country, source.point, [opened])
        work = Work(core.parts.store, core.parts.keys.country)
        work.changes.position = after
        about = About(source.point)
        verdict = Quarantine(about, (code,))
        decider = core.decider(batch, view, work)
        decider.take(opened, verdict, core.decision_id(after.topic_id, record))
        _hold_case(decider, opened)
        core.write(view, work, batch.now_ms, before)
    _log.critical("a record of %s was quarantined with %s", record.topic, code)


def _opened(core: GateCore, source: Source, record: Record) -> Opened:
    """Open the record if that is not what fails."""
    if record.unreadable:
        return Opened(record, sha256(record.value))
    try:
        return core.open_again(source, core.batch(source), [record])[0]
    except Exception as error:  # noqa: BLE001 - it may be what fails
        _log.error("the record cannot even be opened: %s", where(error))
        return Opened(record, sha256(record.value))


def _hold_case(decider: Decider, opened: Opened) -> None:
    """Let later events of the case wait until somebody has looked, at most until the envelope ends.

    A sender that has as much waiting as it may has no room for this either.
    """
    if opened.block is None or opened.header is None or not decider.room.holds(opened):
        return
    case_key = decider.view.held_key(opened.block.case_handle, opened.block.sender)
    deadline_ms = opened.header.expires_at_hour * HOUR_MS
    decider.hold(opened, Code.INTERNAL_ERROR, deadline_ms, Missing(at_ms=deadline_ms), case_key)
