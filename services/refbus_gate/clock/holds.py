"""Decisions that are made again: events that waited, and records that an operator replays.

Each is decided under a new decision id, and its count moves. Events of a case keep their order: as long as one waits,
those behind it do too. An event is opened again only when what it waits for is there (docs/adr/0040-room-for-each.md),
and only so many at a time: whoever has many waiting delays its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from refbus.audit import AuditOutcome
from refbus.backoff import BackOff
from refbus.bus.port import Record
from refbus.core.gate.passage import Outcome
from refbus.core.gate.verdicts import Duplicate, Hold, Missing, Refuse, Verdict
from refbus.core.units import HOUR_MS
from refbus.each import alone
from refbus.errors import Code, RefbusError, RowError, RuleError, SetupError, StoreError
from refbus.node.replay import Order
from refbus.node.store.holds import postpone, read_due, read_held_record, unheld
from refbus.node.store.reads import read_kept, read_record_at, read_records
from refbus.node.store.rows import Kept, RecordRow, Waits
from refbus_gate.decide.batch import GateCore, Source, verdict_of
from refbus_gate.decide.effects import Decider
from refbus_gate.decide.receipts import Again
from refbus_gate.decide.remembered import NO_ANSWER, Answer
from refbus_gate.decide.state import View
from refbus_gate.decide.work import Work

_log = logging.getLogger("refbus.gate.holds")
_PAGE = 16
_MOST = 64
"""Events in one slice. The timer comes every second, so 10,000 that may go on at once have gone in three minutes."""
Ordered = Callable[[Decider, Again], Callable[[], None]]
"""Is told of a decision that was made by order; returns what is done when all is made and nothing is written."""
SLICE_S = 0.25
"""Seconds that one slice takes at most, with the event that was begun: new events are decided beside it."""
WAITS = BackOff(first_ms=60_000, longest_ms=HOUR_MS)
"""An event that was looked at in vain is not looked at before a minute, then two, up to an hour; a time that it names
itself is waited for to the end."""


@dataclass(frozen=True, slots=True)
class Redecider:
    """Decides held events and replays again. `sources` are by topic; a slice of held events takes `slice_s` seconds."""

    core: GateCore
    sources: Mapping[str, Source]
    slice_s: float = SLICE_S

    def holds(self) -> int:
        """Decide a slice of the events that may go on or are over; return how many wait no longer."""
        released, looked, end = 0, 0, time.monotonic() + self.slice_s
        while looked < _MOST and (rows := self._due()):
            for row in rows:
                looked += 1
                with alone(row, self._failed, stops=(SetupError,)):
                    released += self._decide(row)
                if time.monotonic() >= end:
                    return released
        return released

    def _due(self) -> list[Waits]:
        parts = self.core.parts
        version = parts.directories().latest.version
        with parts.store.database.reading() as connection:
            return read_due(connection, version, parts.now_ms(), _PAGE)

    def _failed(self, row: Waits, error: RefbusError) -> None:
        """Leave an event on which the code fails where it is: it stops neither the gate nor other events."""
        _log.critical("a held record of %s at offset %s could not be decided: %s", row.topic, row.offset, error.code)
        self._postpone(row, Missing())

    def replay(self, decision_id: bytes, order: Order, note: Callable[[Outcome, bytes], None]) -> Verdict:
        """Decide a refused or quarantined record again, by order of two operators, whom the audit log is told.

        `note` keeps the outcome and the statement of that (refbus.audit.statement), empty while the country's inspector
        has no key: there is no audit entry then. It is called before anything is written: a gate that ends in between
        would have nothing left to prove the order with. Raises RuleError CASE_UNKNOWN for a decision that is not in
        force or whose record is not kept; what `note` raises.
        """
        before, kept = self._stopped(decision_id)
        if before is None or kept is None:
            raise RuleError(Code.CASE_UNKNOWN, "no stopped record has this decision id")

        def ordered(decider: Decider, again: Again) -> Callable[[], None]:
            stated = decider.replayed(again, order)
            return lambda: note(Outcome(again.outcome), stated())

        verdict = self._again(Record(kept.topic, kept.offset, kept.value, 0), before, None, ordered)
        if verdict is None:
            raise StoreError(Code.INTERNAL_ERROR, "a replay without a verdict")
        _log.warning("a record was decided again by an operator: %s", verdict.outcome)
        return verdict

    def is_stopped(self, decision_id: bytes) -> bool:
        """Whether a decision is in force that stopped a record which is still kept."""
        return self._stopped(decision_id)[1] is not None

    def _stopped(self, decision_id: bytes) -> tuple[RecordRow | None, Kept | None]:
        store = self.core.parts.store
        with store.database.reading() as connection:
            before = read_records(connection, store, "decision_id", [decision_id]).get(decision_id)
            return before, None if before is None else read_kept(connection, store, before.topic, before.offset)

    def _decide(self, row: Waits) -> bool:
        """Decide one waiting event; False when it still waits."""
        if row.reason == Code.INTERNAL_ERROR:
            return self._release(row)
        store = self.core.parts.store
        with store.database.reading() as connection:
            before = read_record_at(connection, store, row.topic, row.offset)
        try:
            with store.database.reading() as connection:
                value = read_held_record(connection, store, row.number)
        except RowError:
            self._give_up(row, before)
            return True
        if before is None or value is None:
            raise StoreError(Code.INTERNAL_ERROR, "a hold without its record")
        return self._again(Record(row.topic, row.offset, value, 0), before, row) is not None

    def _again(
        self,
        record: Record,
        before: RecordRow,
        hold: Waits | None,
        ordered: Ordered | None = None,
    ) -> Verdict | None:
        """Decide and write. None when `hold` has to wait on, and only that was written. Opened before the turn.

        `ordered` adds to what is written what is said of an order.
        """
        core, source = self.core, self.sources[record.topic]
        batch = core.batch(source)
        opened = core.open_again(source, batch, [record])[0]
        with core.turn:
            view = View(core.parts.store, core.parts.keys.country, source.point, [opened])
            verdict = verdict_of(opened, view, batch, resumed=True)
            if view.decided_elsewhere(opened, before.decision_id):
                verdict = Duplicate(verdict.about)
            if isinstance(verdict, Hold) and hold is not None:
                if batch.now_ms < hold.deadline_ms:
                    self._postpone(hold, verdict.missing)
                    return None
                verdict = _ended(verdict)
            if isinstance(verdict, Refuse) and hold is not None:
                verdict = _told(verdict, before)
            work = Work(core.parts.store, core.parts.keys.country)
            work.changes.released.append((record.topic, record.offset))
            decider = core.decider(batch, view, work)
            became = core.next_decision_id(before.decision_id)
            decider.settle(opened, verdict, became, before)
            again = Again(before.decision_id, became, AuditOutcome(verdict.outcome))
            first = None if ordered is None else ordered(decider, again)
            core.write(view, work, batch.now_ms, first=first)
        return verdict

    def _give_up(self, row: Waits, before: RecordRow | None) -> None:
        """End the waiting of an event whose bytes are damaged: whoever was told that it waits hears that it does not.

        It is known by its bytes no longer, so the same event, sent again, is decided as a new one. Where it cannot be
        known which record it is, it is one of those that count as held and do not wait.
        """
        core, source = self.core, self.sources.get(row.topic) or next(iter(self.sources.values()))
        store = core.parts.store
        with core.turn:
            with store.database.reading() as connection:
                ended = [before] if before is not None else unheld(connection, store, self.sources, _MOST)
            batch = core.batch(source)
            view = View(store, core.parts.keys.country, source.point, [])
            work = Work(store, core.parts.keys.country)
            work.changes.released.append((row.topic, row.offset))
            for each in ended:
                answer = _last_answer(each)
                told = replace(answer, outcome=Outcome.REFUSED, codes=(Code.HOME_DAMAGED,))
                core.decider(batch, view, work).give_up(each, told, core.next_decision_id(each.decision_id))
                heard = "nobody can be told" if answer.told is None else "its sender is told"
                _log.critical(
                    "the event at offset %s of %s is damaged and given up: %s", each.offset, each.topic, heard
                )
            core.write(view, work, batch.now_ms)

    def _postpone(self, row: Waits, missing: Missing) -> None:
        """Write down what an event waits for now. Again in vain, it is looked at more and more rarely."""
        parts = self.core.parts
        pause_ms = WAITS.wait_ms(row.attempts)
        next_ms = max(missing.at_ms, parts.now_ms() + pause_ms)
        if row.deadline_ms > parts.now_ms():
            next_ms = min(next_ms, row.deadline_ms)
        with parts.store.database.writing() as connection:
            postpone(connection, row.number, missing.version, next_ms)

    def _release(self, row: Waits) -> bool:
        """Let a case go on whose quarantined event nobody has looked at until it ended."""
        source = self.sources[row.topic]
        with self.core.turn:
            view = View(self.core.parts.store, self.core.parts.keys.country, source.point, [])
            work = Work(self.core.parts.store, self.core.parts.keys.country)
            work.changes.freed.append((row.topic, row.offset))
            self.core.write(view, work, self.core.parts.now_ms())
        return True


def _last_answer(before: RecordRow) -> Answer:
    return NO_ANSWER if before.answer is None else Answer.parse(before.answer)


def _ended(verdict: Hold) -> Refuse:
    """Return the refusal of an event whose reason to wait has not gone away in time."""
    codes = tuple(sorted({*verdict.codes, Code.HOLD_EXPIRED}))
    return Refuse(verdict.about, codes, verdict.notify, verdict.effects)


def _told(verdict: Refuse, before: RecordRow) -> Refuse:
    """Return the refusal for whoever was told that the event waits, when at its end nobody looks at signatures."""
    answer = None if before.answer is None else Answer.parse(before.answer)
    if verdict.notify is not None or answer is None or answer.told is None:
        return verdict
    return replace(verdict, notify=answer.told)
