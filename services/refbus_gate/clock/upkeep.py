"""What a gate does by the clock: heartbeats, deliveries that nobody confirmed in time, and forgetting old rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy import Connection

from refbus.audit import AuditOutcome, Stage
from refbus.audit.erasure import make_orders
from refbus.clock import Clock
from refbus.core.directory import MEMBER_ROLES, Organisation, OrgStatus
from refbus.core.gate.passage import Outcome
from refbus.core.gate.verdicts import About, Point
from refbus.core.ids import CountryCode, EventId, OrgId
from refbus.core.units import HOUR_MS
from refbus.crypto.framing import sha256
from refbus.each import each
from refbus.errors import Code, RefbusError, RowError
from refbus.node.store import entries_of_cases, outgoing
from refbus.node.store.node import get_setting
from refbus.node.store.purge import purge
from refbus.node.store.reads import read_inboxes, read_records
from refbus.node.store.rows import InboxRow, RecordRow
from refbus.wire.transport import BorderRecord, InboxKind, NoticeKind, NoticeOutcome, Passed
from refbus_gate.decide.batch import GateCore, Source
from refbus_gate.decide.effects import NO_CASE, Batch
from refbus_gate.decide.quotas import sender_of
from refbus_gate.decide.receipts import Noted, Said, Stated, notice, public_key_of
from refbus_gate.decide.remembered import NO_ANSWER, Answer
from refbus_gate.decide.state import CASE, View
from refbus_gate.decide.work import Work
from refbus_gate.names import inbox
from refbus_gate.restored import HEARTBEAT, Generation, generation

_log = logging.getLogger("refbus.gate.upkeep")
_LATE = (Code.DELIVERY_FAILED,)
_LEFT = (Code.DELIVERY_FAILED, Code.ORGANISATION_UNKNOWN)
"""What the sender of an event hears whose recipient's country has left the federation."""
_MOST = 50
"""Events or cases in one transaction: each of them is sealed or signed in the turn in which batches are decided."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The tasks that a timer calls. `own` is the outbox: what is written here is written by the own country's gate."""

    core: GateCore
    own: Source
    clock: Clock
    heartbeat_ms: int = HOUR_MS
    forgot: Callable[[int], None] = field(default=lambda _rows: None)
    gone: Callable[[CountryCode], bool] = field(default=lambda _country: False)
    """Whether a country has left the federation."""

    def heartbeats(self) -> int:
        """Write a heartbeat into every inbox of the country when it is time; return how many."""
        core, now_ms = self.core, self.core.parts.now_ms()
        with core.turn:
            view, work, batch = self._begin()
            with core.parts.store.database.reading() as connection:
                last = get_setting(connection, HEARTBEAT)
                if last is not None and 0 <= now_ms - int.from_bytes(last, "big") < self.heartbeat_ms:
                    return 0  # a last one in the future says nothing: the clock was wrong then
                members = _members(batch)
                known = read_inboxes(connection, [inbox(each.org_id) for each in members])
                copied = generation(connection)
            for member in members:
                topic = inbox(member.org_id)
                row = known.get(topic, InboxRow(topic, 0, bytes(32)))
                self._heartbeat(work, batch, member.org_id, row, copied)
            work.changes.settings[HEARTBEAT] = now_ms.to_bytes(8, "big")
            core.write(view, work, now_ms)
        return len(members)

    def next_beat_ms(self, connection: Connection) -> int:
        """Return when, UTC ms, the next heartbeat is due; before now when it is."""
        last = get_setting(connection, HEARTBEAT)
        return 0 if last is None else int.from_bytes(last, "big") + self.heartbeat_ms

    def undelivered(self) -> int:
        """Give up events that expired before the destination's gate signed for them, and tell their senders.

        So with all that waits for a country that has left: nobody there takes it in any more.
        """
        core, store = self.core, self.core.parts.store
        with core.turn:
            view, work, batch = self._begin()
            with store.database.reading() as connection:
                rows = outgoing.expired(connection, batch.now_ms, _MOST)
                left = self._for_nobody(connection, _MOST - len(rows))
                rows += left
                keys = [key for _, key in rows if key is not None]
                sent = read_records(connection, store, "envelope_key", keys)
            failed = [sent[key] for _, key in rows if key in sent]
            codes = {key: _LEFT for _, key in left if key is not None}
            each(
                failed, lambda row: self._failed(work, batch, row, codes.get(row.envelope_key or b"", _LATE)), _not_told
            )
            work.changes.expired.extend(row for row, _ in rows)
            if rows:
                core.write(view, work, batch.now_ms)
                _log.warning("%d events were not taken by their destination in time", len(rows))
        return len(rows)

    def forget(self) -> int:
        """Delete some of the rows that are older than everything that could refer to them; their counts stay.

        Returns how many; there may be more. None while the clock is in doubt: what is deleted does not come back.
        """
        if not self.clock.may_forget():
            return 0
        with self.core.turn, self.core.parts.store.database.writing() as connection:
            deleted = purge(connection, self.core.parts.now_ms())
        if deleted:
            _log.warning("forgot %d rows that are past their time", deleted)
        self.forgot(deleted)
        return deleted

    def forget_cases(self, destroy: Callable[[Sequence[bytes]], None]) -> int:
        """Erase the audit entries of cases that nothing is known of any more; return how many cases.

        `destroy` ends their audit keys; it comes first, so that a stop in between does both again.
        """
        core = self.core
        if not self.clock.may_forget():
            return 0
        with core.turn:
            view, work, batch = self._begin()
            with core.parts.store.database.reading() as connection:
                names = entries_of_cases.over(connection, batch.now_ms, _MOST)
                decisions = entries_of_cases.decisions_of(connection, names)
            if names:
                destroy(names)
                for order in make_orders(batch.keys.org, decisions, batch.keys.pair, batch.now_ms):
                    work.to_own_topic(f"{batch.keys.country}.audit", order.encode)
                work.changes.forgotten.extend(names)
                core.write(view, work, batch.now_ms)
                _log.warning("forgot %d cases of which nothing is known any more", len(names))
        self.forgot(len(names))
        return len(names)

    def _begin(self) -> tuple[View, Work, Batch]:
        parts = self.core.parts
        view = View(parts.store, parts.keys.country, self.own.point, [])
        return view, Work(parts.store, parts.keys.country), self.core.batch(self.own)

    def _heartbeat(self, work: Work, batch: Batch, to: OrgId, row: InboxRow, copied: Generation | None) -> None:
        public = public_key_of(batch.directories.latest, to, batch.now_ms)
        if public is not None:
            said = Said(to, NoticeKind.HEARTBEAT, inbox_count=row.sequence, inbox_hash=row.hash)
            if copied is not None:
                said = replace(said, generation=copied.id, restored_from_ms=copied.from_ms)
            work.to_inbox(to, InboxKind.NOTICE, partial(notice, batch.keys, said, public, batch.now_ms))

    def _for_nobody(self, connection: Connection, most: int) -> list[tuple[int, bytes | None]]:
        """Return some of the rows that are for countries which have left."""
        found = list[tuple[int, bytes | None]]()
        for country in outgoing.destinations(connection):
            if len(found) < most and self.gone(CountryCode(country)):
                found += outgoing.bound_for(connection, country, most - len(found))
        return found

    def _failed(self, work: Work, batch: Batch, row: RecordRow, codes: tuple[Code, ...]) -> None:
        answer = self._passed_on(batch, row) if row.answer is None else Answer.parse(row.answer)
        if answer.told is None:
            raise RowError
        decision_id = self.core.next_decision_id(row.decision_id)
        public = public_key_of(batch.directories.latest, answer.told, batch.now_ms)
        said = Said(
            answer.told,
            NoticeKind.DELIVERY_FAILED,
            NoticeOutcome(answer.outcome),
            codes,
            answer.envelope_sha256 or bytes(32),
            answer.event_id,
            decision_id,
        )
        stated = self._audit(work, batch, answer, decision_id, codes)
        if public is not None:
            make = partial(notice, batch.keys, said, public, batch.now_ms, stated)
            work.to_inbox(answer.told, InboxKind.NOTICE, make)

    def _passed_on(self, batch: Batch, row: RecordRow) -> Answer:
        """Make out, from what was to be delivered, whose it is: the answer of its decision is damaged or gone.

        Raises RowError when that is damaged too.
        """
        store = self.core.parts.store
        with store.database.reading() as connection:
            sent = None if row.envelope_key is None else outgoing.of_envelope(connection, store, row.envelope_key)
        if sent is None:
            raise RowError
        whose = next(
            (org for org in batch.directories.latest.organisations if sender_of(store, org).key == sent.sender), None
        )
        envelope = Passed.parse(BorderRecord.parse(sent.value).body).envelope
        return replace(NO_ANSWER, outcome=Outcome.FORWARDED, told=whose, envelope_sha256=sha256(envelope))

    def _audit(self, work: Work, batch: Batch, answer: Answer, decision_id: bytes, codes: tuple[Code, ...]) -> Stated:
        event_id = None if answer.event_id is None else EventId(answer.event_id)
        about = About(Point.EGRESS, event_id=event_id, sender=answer.told)
        noted = Noted(about, Stage.DELIVERY, AuditOutcome.FAILED, codes, decision_id, answer.envelope_sha256)
        view = View(self.core.parts.store, batch.keys.country, Point.EGRESS, [])
        return self.core.decider(batch, view, work).audit(noted, view.key(CASE, NO_CASE))


def _not_told(_: RecordRow, error: RefbusError) -> None:
    _log.critical("nobody could be told of a delivery that failed: %s %s", error.code, error.detail)


def _members(batch: Batch) -> list[Organisation]:
    """Return the active organisations of this country that have an inbox, in a fixed order."""
    here = batch.directories.latest.members_of(batch.keys.country, *MEMBER_ROLES)
    return sorted((each for each in here if each.status is OrgStatus.ACTIVE), key=lambda each: each.org_id)
