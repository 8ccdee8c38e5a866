"""Decisions that are made again: events that waited, and records that an operator replays.

Each is decided under a new decision id, and its count moves. Events of a case keep their order: as long as one waits,
those behind it do too.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from refbus.bus.port import Record
from refbus.core.verdicts import Duplicate, Hold, Refuse, Verdict
from refbus.errors import Code, RuleError, StoreError
from refbus.store.reads import read_held_record, read_holds, read_kept, read_record_at, read_records
from refbus.store.rows import RecordRow, Waits
from refbus_gate.core import GateCore, Source, verdict_of
from refbus_gate.view import View
from refbus_gate.work import Work

_log = logging.getLogger("refbus.gate.holds")
_PAGE = 200
_FOR_THE_DIRECTORY = frozenset({Code.DIRECTORY_NEWER, Code.KEY_UNKNOWN, Code.VIEW_STALE})
"""Reasons that only a new version of the directory can take away."""


@dataclass(frozen=True, slots=True)
class Redecider:
    """Decides held events and replays again. `sources` are by topic."""

    core: GateCore
    sources: Mapping[str, Source]

    def holds(self, *, moved: bool = True) -> int:
        """Decide the events that wait once more, oldest first; return how many wait no longer.

        `moved` tells whether the directory has a new version: without one, what waits for it is left alone.
        """
        released, last = 0, 0
        blocked: set[bytes] = set()
        with self.core.turn:
            while rows := self._page(last):
                last = rows[-1].number
                for row in rows:
                    if row.case_key not in blocked and self._is_due(row, moved=moved) and self._decide(row):
                        released += 1
                    elif row.case_key is not None:
                        blocked.add(row.case_key)
        return released

    def _page(self, after: int) -> list[Waits]:
        with self.core.parts.store.database.reading() as connection:
            return read_holds(connection, after, _PAGE)

    def _is_due(self, row: Waits, *, moved: bool) -> bool:
        """Whether anything can have changed for a waiting event."""
        over = self.core.parts.now_ms() >= row.deadline_ms
        if row.reason == Code.INTERNAL_ERROR:
            return over
        return over or moved or row.reason not in _FOR_THE_DIRECTORY

    def replay(self, decision_id: bytes) -> Verdict:
        """Decide a refused or quarantined record again, by order of an operator.

        Raises RuleError CASE_UNKNOWN for a decision that is not in force or whose record is not kept.
        """
        store = self.core.parts.store
        with self.core.turn:
            with store.database.reading() as connection:
                before = read_records(connection, store, "decision_id", [decision_id]).get(decision_id)
                kept = None if before is None else read_kept(connection, store, before.topic, before.offset)
            if before is None or kept is None:
                raise RuleError(Code.CASE_UNKNOWN, "no stopped record has this decision id")
            record = Record(kept.topic, kept.offset, kept.value, 0)
            verdict = self._again(record, before, None)
        if verdict is None:
            raise StoreError(Code.INTERNAL_ERROR, "a replay without a verdict")
        _log.warning("a record was decided again by an operator: %s", verdict.outcome)
        return verdict

    def _decide(self, row: Waits) -> bool:
        """Decide one waiting event; False when it still waits."""
        if row.reason == Code.INTERNAL_ERROR:
            return self._release(row)
        store = self.core.parts.store
        with store.database.reading() as connection:
            before = read_record_at(connection, store, row.topic, row.offset)
            value = read_held_record(connection, store, row.number)
        if before is None or value is None:
            raise StoreError(Code.STORE_FAILED, "a hold without its record")
        return self._again(Record(row.topic, row.offset, value, 0), before, row) is not None

    def _again(self, record: Record, before: RecordRow, hold: Waits | None) -> Verdict | None:
        """Decide and write. None when `hold` has to wait on, and nothing was written."""
        core, source = self.core, self.sources[record.topic]
        batch = core.batch(source)
        opened = core.open_again(source, batch, [record])[0]
        view = View(core.parts.store, core.parts.keys.country, source.point, [opened])
        verdict = verdict_of(opened, view, batch, resumed=True)
        if view.decided_elsewhere(opened, before.decision_id):
            verdict = Duplicate(verdict.about)
        if isinstance(verdict, Hold) and hold is not None:
            if batch.now_ms < hold.deadline_ms:
                return None
            verdict = _ended(verdict)
        work = Work(core.parts.store, core.parts.keys.country)
        work.changes.released.append((record.topic, record.offset))
        decider = core.decider(batch, view, work)
        decider.settle(opened, verdict, core.next_decision_id(before.decision_id), before)
        core.write(view, work, batch.now_ms)
        return verdict

    def _release(self, row: Waits) -> bool:
        """Let a case go on whose quarantined event nobody has looked at until it ended."""
        source = self.sources[row.topic]
        view = View(self.core.parts.store, self.core.parts.keys.country, source.point, [])
        work = Work(self.core.parts.store, self.core.parts.keys.country)
        work.changes.freed.append((row.topic, row.offset))
        self.core.write(view, work, self.core.parts.now_ms())
        return True


def _ended(verdict: Hold) -> Refuse:
    """Return the refusal of an event whose reason to wait has not gone away in time."""
    codes = tuple(sorted({*verdict.codes, Code.HOLD_EXPIRED}))
    return Refuse(verdict.about, codes, verdict.notify, verdict.effects)
