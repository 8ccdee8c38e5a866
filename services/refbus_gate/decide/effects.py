"""From a verdict to what it causes: the row that accounts for it, the state, the audit entry, what is sent to whom.

Decisions are data (`core.gate.routing`); here they get their effects, in one place for egress, ingress, holds and
replays alike. `egress` and `ingress` say what is different between the two.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol, assert_never

from refbus.audit import AuditOutcome, Stage
from refbus.audit.entry import entry_of
from refbus.audit.record import AnyRecord
from refbus.audit.statement import Statement
from refbus.core.consent.record import ConsentState
from refbus.core.directory import DirectoryHistory
from refbus.core.gate.passage import event_identity
from refbus.core.gate.rules import STOP_ORDERS
from refbus.core.gate.verdicts import (
    About,
    Duplicate,
    Effect,
    Forward,
    Hold,
    MarkWithdrawn,
    Missing,
    NoteAnswer,
    Point,
    Quarantine,
    RecordConsent,
    Refuse,
    Verdict,
)
from refbus.core.ids import CountryCode, EventId
from refbus.core.message import is_urgent
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.envelope.stamps import Stamper
from refbus.errors import Code
from refbus.node.replay import Order
from refbus.node.store.node import NodeStore
from refbus.node.store.rows import Dropped, HoldRow, Kept, RecordRow
from refbus.wire.transport import StoppedRecord
from refbus_gate.decide.opening import Opened
from refbus_gate.decide.quotas import Room
from refbus_gate.decide.receipts import (
    Again,
    Noted,
    Said,
    Stated,
    inspector_public,
    nothing_stated,
)
from refbus_gate.decide.remembered import Answer
from refbus_gate.decide.repeats import Repeats
from refbus_gate.decide.stamps import version_for
from refbus_gate.decide.state import CASE, ENVELOPE, KEEP_MS, Decided, View
from refbus_gate.decide.work import Work
from refbus_gate.names import GateKeys

_log = logging.getLogger("refbus.gate.deciding")
KEEP_RECORD_MS = 120 * DAY_MS
"""How long a record is recognised: past message life, retention of the topics and skew."""
MOST_SHOWN = 990_000
"""Bytes of a stopped record in the operator's topic: its format takes 1,000,000 in all. The store keeps every byte."""
NO_CASE = b"no case"
"""Name of the audit key for decisions about records whose case is not known."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is the same for every record of a batch. `origin` is the country whose events these are."""

    keys: GateKeys
    directories: DirectoryHistory
    point: Point
    origin: CountryCode
    now_ms: int

    def stamper(self, origin: CountryCode, destination: CountryCode) -> Stamper:
        """Return what signs for envelopes on the road between two countries, now."""
        return Stamper(self.keys.pair, (origin, destination), self.now_ms // HOUR_MS)

    def stamps_for(self, country: CountryCode) -> int:
        """Return the version of stamps and receipts that is written to a country."""
        return version_for(country, self.directories.latest)

    def inspector(self) -> bytes | None:
        """Return the key that audit records are sealed to; None while the country's inspector has none."""
        return inspector_public(self.directories.latest, self.keys.country, self.now_ms)


class Side(Protocol):
    """What differs between egress and ingress."""

    def forward(self, opened: Opened, verdict: Forward) -> None:
        """Send an event on its way."""
        ...

    def tell(self, said: Said, stated: Stated, *, again: bool, reverses: bool = False) -> None:
        """Tell its sender what became of an event; `again` when it was told before, and then nothing is `stated`.

        `reverses`: it was told that the event does not go on, or that it waits.
        """
        ...

    def confirm(self, answer: Answer) -> None:
        """Tell the gate of origin that the event is in this store."""
        ...


@dataclass(slots=True)
class Decider:
    """Turns verdicts into work, in the order of the records."""

    batch: Batch
    store: NodeStore
    view: View
    work: Work
    side: Side
    room: Room
    repeats: Repeats

    def take(self, opened: Opened, verdict: Verdict, decision_id: bytes) -> None:
        """Account for a new record within what its sender may have waiting, and have refused."""
        repeat = self.view.decided(opened) if isinstance(verdict, Duplicate) else None
        bounded = self.room.bounded(verdict, opened)
        if repeat is not None:
            self._answer_again(opened, verdict, decision_id, repeat)
        elif bounded is None or self._floods(opened, bounded):
            self._drop(opened, verdict)
        elif opened.hop is not None and isinstance(bounded, Forward):
            self.work.changes.counted[opened.record.topic, bounded.outcome] += 1
            self.side.forward(opened, bounded)
        else:
            self.settle(opened, bounded, decision_id)

    def settle(self, opened: Opened, verdict: Verdict, decision_id: bytes, before: RecordRow | None = None) -> None:
        """Account for a record: a new one, or, with `before`, one that was decided again."""
        for effect in verdict.effects:
            self.view.apply(effect)
        answer = self._answer(opened, verdict)
        self._account(opened, verdict, decision_id, answer, before)
        stated = nothing_stated
        if opened.hop is None and opened.notice is None:
            stated = self._audit(opened, verdict, decision_id)
        self._cause(opened, verdict, decision_id)
        if answer.told is not None:
            said = Said.of(answer, answer.told, decision_id)
            self.side.tell(said, stated, again=False, reverses=before is not None and isinstance(verdict, Forward))
        if answer.hop:
            self.side.confirm(answer)

    def give_up(self, before: RecordRow, answer: Answer, decision_id: bytes) -> None:
        """Refuse an event that waited and cannot be read any more, and tell whoever heard that it waits."""
        event_id = None if answer.event_id is None else EventId(answer.event_id)
        about = About(self.batch.point, event_id=event_id, sender=answer.told)
        row = replace(
            before,
            decision_id=decision_id,
            outcome=answer.outcome,
            code=answer.codes[0],
            at_ms=self.batch.now_ms,
            keep_until_ms=self.batch.now_ms + KEEP_RECORD_MS,
            answer=answer.encode(),
        )
        self.work.changes.moved.append(row)
        self.work.changes.unnamed.append((row.topic, row.offset))
        codes = tuple(Code(code) for code in answer.codes)
        stage, outcome = Stage(self.batch.point), AuditOutcome(answer.outcome)
        noted = Noted(about, stage, outcome, codes, decision_id, answer.envelope_sha256)
        stated = self.audit(noted, self.view.key(CASE, NO_CASE))
        if answer.told is not None:
            self.side.tell(Said.of(answer, answer.told, decision_id), stated, again=False)

    def _answer_again(self, opened: Opened, verdict: Verdict, decision_id: bytes, before: Decided) -> None:
        """Count a repeat, and answer it as the first time unless that was done often enough."""
        self.work.changes.counted[opened.record.topic, verdict.outcome] += 1
        if not self.repeats.may_answer(before.decision_id):
            return
        if self.repeats.may_log():
            self._audit(opened, verdict, decision_id)
        answer = before.answer
        if answer.told is not None:
            self.side.tell(Said.of(answer, answer.told, before.decision_id), nothing_stated, again=True)
        if answer.hop:
            self.side.confirm(answer)

    def _floods(self, opened: Opened, verdict: Verdict) -> bool:
        """Whether a sender had so much refused that this refusal is counted only. Never an order to stop."""
        block = opened.block
        refused = isinstance(verdict, Refuse) or (isinstance(verdict, Duplicate) and bool(verdict.codes))
        if block is None or not refused or block.event_type in STOP_ORDERS:
            return False
        return not self.repeats.may_refuse(block.sender)

    def _cause(self, opened: Opened, verdict: Verdict, decision_id: bytes) -> None:
        match verdict:
            case Forward():
                self.work.changes.loud.extend(verdict.loud)
                self.side.forward(opened, verdict)
            case Hold():
                self._hold(opened, verdict)
            case Refuse() | Quarantine():
                self._stop(opened, verdict, decision_id)
            case Duplicate():
                self._note_reused(opened, verdict)
            case _:
                assert_never(verdict)

    def _note_reused(self, opened: Opened, verdict: Duplicate) -> None:
        """Count another event under a used number: an alarm, though nothing of it is kept."""
        self.work.changes.refusals.extend(verdict.codes)
        if verdict.codes and self.repeats.may_log():
            _log.critical("%s at offset %d of %s", verdict.codes[0], opened.record.offset, opened.record.topic)

    def _answer(self, opened: Opened, verdict: Verdict) -> Answer:
        block = opened.block
        told = verdict.about.sender if isinstance(verdict, Forward) else getattr(verdict, "notify", None)
        return Answer(
            outcome=verdict.outcome,
            codes=tuple(verdict.codes),
            told=told,
            event_id=None if block is None else block.event_id,
            envelope_sha256=opened.envelope_sha256,
            identity=None if block is None else event_identity(block),
            hop=opened.passed is not None,
            destination=verdict.destination if isinstance(verdict, Forward) else None,
        )

    def _account(
        self, opened: Opened, verdict: Verdict, decision_id: bytes, answer: Answer, before: RecordRow | None
    ) -> None:
        """Write the row by which the record is counted and recognised. A repeat is counted only.

        Only what leaves this country is found by its envelope: whoever sends it back over a border changes nothing.
        """
        repeat = (isinstance(verdict, Duplicate) and not verdict.codes) or opened.hop is not None
        reused = isinstance(verdict, Duplicate)
        block, view = opened.block, self.view
        here = self.batch.point is Point.EGRESS
        envelope_sha256 = opened.envelope_sha256 if here and not repeat and not reused else None
        row = RecordRow(
            topic=opened.record.topic,
            offset=opened.record.offset,
            decision_id=decision_id,
            outcome=verdict.outcome,
            code=verdict.codes[0] if verdict.codes else "",
            record_key=None if repeat else view.record_key(opened.sha256),
            signed_key=None if repeat or opened.presented is None else view.signed_key(opened.presented.signed_sha256),
            envelope_key=None if envelope_sha256 is None else view.key(ENVELOPE, envelope_sha256),
            event_key=None if repeat or reused or block is None else view.event_key(block.sender, block.event_id),
            at_ms=self.batch.now_ms,
            keep_until_ms=self.batch.now_ms + KEEP_RECORD_MS,
            answer=None if repeat else answer.encode(),
        )
        (self.work.changes.records if before is None else self.work.changes.moved).append(row)
        if not repeat:
            view.note(opened, Decided(decision_id, answer))

    def _audit(self, opened: Opened, verdict: Verdict, decision_id: bytes) -> Stated:
        case_handle = verdict.about.case_handle
        name = self.view.key(CASE, NO_CASE if case_handle is None else case_handle)
        noted = Noted(
            verdict.about,
            Stage(self.batch.point),
            AuditOutcome(verdict.outcome),
            verdict.loud if isinstance(verdict, Forward) and verdict.loud else verdict.codes,
            decision_id,
            opened.envelope_sha256,
        )
        return self.audit(noted, name)

    def audit(self, noted: Noted, case_name: bytes) -> Stated:
        """Send the audit entry of a decision, as `_enter`."""
        return self._enter(noted.record(self.batch.keys.org, self.batch.now_ms), case_name)

    def replayed(self, again: Again, order: Order) -> Stated:
        """Send the audit entry of an order to decide again, as `_enter`. No case is named in it."""
        batch = self.batch
        record = again.record(batch.keys, Stage(batch.point), order, batch.now_ms)
        return self._enter(record, self.view.key(CASE, NO_CASE))

    def _enter(self, record: AnyRecord, case_name: bytes) -> Stated:
        """Send an audit entry, and return what gives its statement; both look the case's audit key up when made.

        Evidence of a disclosure without consent is not among what is erased when the case is forgotten. While nobody
        could open an entry there is none; what needs one waits (`core.verdict_of`), and stops do not.
        """
        inspector, batch = self.batch.inspector(), self.batch
        if inspector is None:
            _log.critical("no audit entry about a decision: the country's inspector has no key in the directory")
            return nothing_stated
        self.work.audit_names.add(case_name)
        if case_name != self.view.key(CASE, NO_CASE) and not record.stays:
            self.work.changes.audited.append((case_name, record.decision_id, batch.now_ms + KEEP_MS))

        @cache
        def statement() -> Statement:  # encoded once, for the entry and for the notice
            return Statement.of(record, self.work.audit_key(case_name))

        def make() -> bytes:
            return entry_of(statement(), signer=batch.keys.pair, inspector=inspector).encode()

        self.work.to_own_topic(f"{batch.keys.country}.audit", make)
        return lambda: statement().encode()

    def hold(self, opened: Opened, code: Code, deadline_ms: int, missing: Missing, case_key: bytes | None) -> None:
        """Let a record wait, and with it the later events of its case."""
        if opened.block is not None and is_urgent(opened.block):
            self.work.changes.urgent_held += 1
            _log.critical("an urgent event is held: %s; python -m refbus_gate waiting names whose", code)
        row = HoldRow(
            opened.record.topic,
            opened.record.offset,
            case_key,
            code,
            deadline_ms,
            opened.record.value,
            self.room.note_held(opened).key,
            missing.version,
            missing.at_ms,
        )
        self.work.changes.held.append(row)
        if case_key is not None:
            self.view.note_held(case_key)

    def _hold(self, opened: Opened, verdict: Hold) -> None:
        case_handle, sender = verdict.about.case_handle, verdict.about.sender
        case_key = None
        if case_handle is not None and sender is not None:
            case_key = self.view.held_key(case_handle, sender)
        self.hold(opened, verdict.codes[0], verdict.deadline_ms, verdict.missing, case_key)

    def _drop(self, opened: Opened, verdict: Verdict) -> None:
        """Count a record for which there is no room: nobody can be told of it, or its sender was told too much.

        An honest one comes again, and is decided then: nothing of it is remembered but a no that is in it.
        """
        for effect in verdict.effects:
            if _says_no(effect):
                self.view.apply(effect)
        self._note_unverified(opened, verdict)
        outcome = Quarantine.outcome if isinstance(verdict, Hold) else verdict.outcome
        record = opened.record
        self.work.changes.dropped.append(Dropped(record.topic, record.offset, outcome, len(record.value)))

    def _note_unverified(self, opened: Opened, verdict: Verdict) -> None:
        """Count why a record is stopped of which nobody but the operator can be told: one alarm, however many."""
        if opened.signed_block is None:
            self.work.changes.unverified.update(verdict.codes)

    def _stop(self, opened: Opened, verdict: Refuse | Quarantine, decision_id: bytes) -> None:
        """Keep what was stopped, here for a replay and in the operator's topic, as far as its sender has room.

        The topic shows `MOST_SHOWN` bytes of it.
        """
        record = opened.record
        self._note_unverified(opened, verdict)
        if isinstance(verdict, Refuse):
            self.work.changes.refusals.extend(verdict.codes)
        if not self.room.keeps(opened):
            self.work.changes.unkept += 1
            return
        owner = self.room.note_kept(opened).key
        self.work.changes.kept.append(Kept(record.topic, record.offset, verdict.codes[0], record.value, owner))
        shown = record.value[:MOST_SHOWN]
        stopped = StoppedRecord(decision_id, record.topic, record.offset, tuple(verdict.codes), shown)
        family = "refused" if isinstance(verdict, Refuse) else "quarantine"
        self.work.to_own_topic(f"{self.batch.keys.country}.{family}", stopped.encode)


def _says_no(effect: Effect) -> bool:
    """Whether an effect must be remembered, whoever writes how much: it stops something."""
    if isinstance(effect, RecordConsent):
        return effect.evidence.record.state is not ConsentState.GIVEN
    return isinstance(effect, (MarkWithdrawn, NoteAnswer))
