"""What this node knows, for one decision after the other: read once for a batch, then kept up to date in memory.

It is the `NodeView` that the rules read. Their effects go in here, so that the second event of a case in a batch is
decided on the first; what changed is handed to the transaction as facts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import Connection

from refbus.core.consent.chain import with_mark
from refbus.core.consent.denials import Denials, matters, note
from refbus.core.consent.record import Evidence, KnownConsent
from refbus.core.courses.facts import remember
from refbus.core.gate.passage import KnownReferral, Outcome
from refbus.core.gate.verdicts import (
    AddDisclosure,
    AddReferralFact,
    BindConsent,
    Effect,
    MarkWithdrawn,
    NoteAnswer,
    Point,
    RecordConsent,
)
from refbus.core.ids import CaseHandle, ConsentId, CountryCode, EventId, OrgId, ReferralId, SubjectRef
from refbus.core.units import DAY_MS
from refbus.errors import RefbusError, RowError
from refbus.node.store import outgoing
from refbus.node.store.node import NodeStore
from refbus.node.store.places import fact_place
from refbus.node.store.reads import read_deadlines, read_facts, read_fence, read_held_cases, read_records
from refbus.node.store.rows import Fact, RecordRow
from refbus_gate.decide.opening import Opened
from refbus_gate.decide.remembered import (
    NO_ANSWER,
    Answer,
    decode_consent,
    decode_denials,
    decode_ledger,
    decode_referral,
    encode_consent,
    encode_denials,
    encode_ledger,
    encode_referral,
)

_log = logging.getLogger("refbus.gate.state")
CONSENT, REFERRAL, LEDGER, CASE, ENVELOPE = "consent", "referral", "ledger", "case", "envelope"
DENIAL, RELAYED = "denial", "relayed"
KEEP_MS = 5 * 366 * DAY_MS
"""How long consent, referrals and ledger are kept after their last change: past every retention limit and statute."""

KEEP_RELAYED_MS = 120 * DAY_MS
"""How long it is counted what the other gate said of an event: as long as the event is recognised."""

StepId = tuple[str, int, int, int]
"""A step of a deadline: kind, number, when it was due (UTC ms), level. The same one has the same id again."""
_Fact = TypeVar("_Fact")


@dataclass(frozen=True, slots=True)
class Decided:
    """An earlier decision: its id, and what to answer. `damaged`: only what stands in the open is left of it."""

    decision_id: bytes
    answer: Answer
    damaged: bool = False


class View:
    """A `NodeView` over the store as it was at `fence`, with everything that the batch has changed since.

    A value that is damaged is no value that is missing: whatever asks for it gets RowError, and it is never written
    over. Only `without_damaged` reads on as if it had not been there.
    """

    def __init__(
        self,
        store: NodeStore,
        country: CountryCode,
        point: Point,
        opened: Sequence[Opened],
        courses: Sequence[ReferralId] = (),
    ) -> None:
        """Read what decisions about `opened` need, and the courses that a timer looks at."""
        self._store = store
        self._country = country
        self.point = point
        with store.database.reading() as connection:
            self.fence = read_fence(connection)
            self._read(connection, opened, courses)
        self._forgiving: frozenset[OrgId] | None = None
        self._read_facts: dict[tuple[str, bytes], Any] = {}
        self._changed: set[tuple[str, bytes]] = set()
        self._touched: dict[ReferralId, set[StepId]] = {}

    def _read(self, connection: Connection, opened: Sequence[Opened], courses: Sequence[ReferralId]) -> None:
        """Read all state that decisions about these records may ask for."""
        store = self._store
        blocks = [each.block for each in opened if each.block is not None]
        names = {(kind, self.key(kind, block.referral_id)) for block in blocks for kind in (REFERRAL, LEDGER)}
        names |= {(REFERRAL, self.key(REFERRAL, referral_id)) for referral_id in courses}
        self._timetables = read_deadlines(connection, store, [key for kind, key in names if kind == REFERRAL])
        names |= {
            (CONSENT, self.key(CONSENT, each.presented.consent.record.consent_id))
            for each in opened
            if each.presented is not None and each.presented.consent is not None
        }
        names |= {(DENIAL, self.key(DENIAL, subject)) for each in opened for subject in _subjects(each)}
        about = [said.envelope_sha256 for each in opened for said in (each.notice, each.hop) if said is not None]
        names |= {(RELAYED, self.key(RELAYED, sha256)) for sha256 in about}
        found = read_facts(connection, store, names)
        self._facts = {name: each.value for name, each in found.items() if each is not None}
        self._damaged = {name for name, each in found.items() if each is None and name[0] != RELAYED}
        self._held = read_held_cases(connection, [self.held_key(block.case_handle, block.sender) for block in blocks])
        records = read_records(connection, store, "record_key", [self.record_key(each.sha256) for each in opened])
        signed_keys = [self.signed_key(each.presented.signed_sha256) for each in opened if each.presented is not None]
        signed = read_records(connection, store, "signed_key", signed_keys)
        self._decided = {key: _decided(row) for key, row in {**records, **signed}.items()}
        sent = read_records(connection, store, "envelope_key", [self.key(ENVELOPE, sha256) for sha256 in about])
        self._sent = {key: _decided(row) for key, row in sent.items()}
        self._awaited = outgoing.awaited(connection, self._sent)
        event_keys = [self.event_key(block.sender, block.event_id) for block in blocks]
        events = read_records(connection, store, "event_key", event_keys)
        decided = {key: _decided(row) for key, row in events.items()}
        self._events = {key: None if each.damaged else each.answer.identity for key, each in decided.items()}

    def decided_elsewhere(self, opened: Opened, decision_id: bytes) -> bool:
        """Return whether the same signed bytes were decided in another record than the one of `decision_id`."""
        if opened.presented is None:
            return False
        found = self._decided.get(self.signed_key(opened.presented.signed_sha256))
        return found is not None and found.decision_id != decision_id

    def key(self, kind: str, value: bytes) -> bytes:
        """Return the name under which a value of this kind is stored."""
        return self._store.name(kind, value)

    def record_key(self, record_sha256: bytes) -> bytes:
        """Return the name of a record at this point of decision."""
        return self._store.name(f"record/{self.point}", record_sha256)

    def signed_key(self, signed_sha256: bytes) -> bytes:
        """Return the name of what a sender signed at this point of decision."""
        return self._store.name(f"signed/{self.point}", signed_sha256)

    def event_key(self, sender: OrgId, event_id: EventId) -> bytes:
        """Return the name of an event: its id is its sender's, so both count."""
        return self._store.name("event", sender.encode() + b"\0" + event_id)

    def held_key(self, case_handle: CaseHandle, sender: OrgId) -> bytes:
        """Return the name of what must stay in order while it waits: whoever knows a case holds up only its own."""
        return self._store.name("held", sender.encode() + b"\0" + case_handle)

    def sent(self, envelope_sha256: bytes) -> Decided | None:
        """Return the decision by which an envelope left this country."""
        return self._sent.get(self.key(ENVELOPE, envelope_sha256))

    def may_confirm(self, envelope_sha256: bytes, country: CountryCode) -> bool:
        """Return whether the gate of `country` may say what became of an envelope: it was let out to there.

        A row that an earlier release wrote names no destination; then the row that waits does, or nobody can tell and
        the sender's gateway, which knows, decides.
        """
        key = self.key(ENVELOPE, envelope_sha256)
        sent = self._sent.get(key)
        if sent is None or sent.answer.outcome is not Outcome.FORWARDED:
            return False
        return (self._awaited.get(key) or sent.answer.destination) in {None, country}

    def relayed(self, envelope_sha256: bytes) -> int:
        """Return how many notices of the destination's gate about an envelope its sender was given."""
        return int.from_bytes(self._facts.get((RELAYED, self.key(RELAYED, envelope_sha256)), b""), "big")

    def note_relayed(self, envelope_sha256: bytes) -> None:
        """Count another one."""
        self._put(RELAYED, envelope_sha256, (self.relayed(envelope_sha256) + 1).to_bytes(2, "big"))

    def taken(self, envelope_sha256: bytes) -> bool:
        """Note that the destination's gate has signed for an envelope; False when that was known before."""
        return self._awaited.pop(self.key(ENVELOPE, envelope_sha256), None) is not None

    def decided(self, opened: Opened) -> Decided | None:
        """Return the earlier decision about this record, or about the same signed bytes."""
        found = self._decided.get(self.record_key(opened.sha256))
        if found is None and opened.presented is not None:
            found = self._decided.get(self.signed_key(opened.presented.signed_sha256))
        return found if found is None or not found.damaged else replace(found, answer=_answer_to(opened, found.answer))

    # NodeView ---------------------------------------------------------------------------------------------------------

    @property
    def country(self) -> CountryCode:
        """The country of this node."""
        return self._country

    def record_seen(self, record_sha256: bytes) -> bool:
        """Return whether exactly this record was decided at this point before."""
        return self.record_key(record_sha256) in self._decided

    def signed_seen(self, signed_sha256: bytes) -> bool:
        """Return whether these signed bytes were decided at this point before."""
        return self.signed_key(signed_sha256) in self._decided

    def event_seen(self, sender: OrgId, event_id: EventId) -> bytes | None:
        """Return the identity of what this sender sent under this event id before."""
        key = self.event_key(sender, event_id)
        if key in self._events and self._events[key] is None and self._forgiving is None:
            raise RowError("what was sent under this event id")
        return self._events.get(key)

    def consent(self, consent_id: ConsentId) -> KnownConsent:
        """Return what is remembered of a consent id."""
        return self._decoded(CONSENT, consent_id, decode_consent) or KnownConsent()

    def referral(self, referral_id: ReferralId) -> KnownReferral | None:
        """Return what is remembered of a referral."""
        return self._decoded(REFERRAL, referral_id, decode_referral)

    def denials(self, subject_ref: SubjectRef) -> Denials:
        """Return what is remembered of a person's refusals between two organisations."""
        return self._decoded(DENIAL, subject_ref, decode_denials) or Denials()

    def disclosed(self, referral_id: ReferralId) -> frozenset[OrgId]:
        """Return the organisations that the disclosure ledger names for this referral."""
        known = self._decoded(LEDGER, referral_id, decode_ledger)
        if known is None and (LEDGER, self.key(LEDGER, referral_id)) in self._damaged:
            known = self._forgiving
        return known or frozenset()

    def case_held(self, case_handle: CaseHandle, sender: OrgId) -> bool:
        """Return whether an earlier event of this sender in this case is being held."""
        return self.held_key(case_handle, sender) in self._held

    # What a decision changes ------------------------------------------------------------------------------------------

    def note(self, opened: Opened, decided: Decided) -> None:
        """Remember the decision about a record that is no repeat."""
        self._decided[self.record_key(opened.sha256)] = decided
        if opened.presented is not None:
            block = opened.presented.block
            self._decided[self.signed_key(opened.presented.signed_sha256)] = decided
            key = self.event_key(block.sender, block.event_id)
            self._events.setdefault(key, decided.answer.identity)

    def note_held(self, case_key: bytes) -> None:
        """Remember that this case has an event waiting."""
        self._held.add(case_key)

    @contextmanager
    def without_damaged(self, parties: frozenset[OrgId]) -> Iterator[None]:
        """Read what is damaged as if it had not been there: for a no between `parties`, which waits for nothing.

        A damaged ledger may have named them.
        """
        self._forgiving = parties
        try:
            yield
        finally:
            self._forgiving = None

    def apply(self, effect: Effect) -> None:
        """Take up one effect of a decision. What it would add to is left as it is when that is damaged."""
        try:
            self._apply(effect)
        except RowError as error:
            _log.critical("an effect of a decision is not kept, what it adds to is damaged: %s", error.detail)

    def _apply(self, effect: Effect) -> None:
        match effect:
            case RecordConsent(evidence, needless):
                self._record_consent(evidence, needless)
            case MarkWithdrawn(withdrawal):
                known = self.consent(withdrawal.consent_id)
                marks = with_mark(known.withdrawals, withdrawal)
                self._put(CONSENT, withdrawal.consent_id, encode_consent(replace(known, withdrawals=marks)))
            case BindConsent(consent_id, case_handle):
                known = replace(self.consent(consent_id), case_handle=case_handle)
                self._put(CONSENT, consent_id, encode_consent(known))
            case NoteAnswer(record, signer):
                known_denials = note(self.denials(record.subject_ref), record, signer)
                self._put(DENIAL, record.subject_ref, encode_denials(known_denials))
            case AddReferralFact():
                self._add_fact(effect)
            case AddDisclosure(referral_id, _, sender, recipient):
                orgs = self.disclosed(referral_id)
                self._put(LEDGER, referral_id, encode_ledger(orgs | {sender, recipient}))

    def changed_facts(self, now_ms: int) -> dict[tuple[str, bytes], Fact]:
        """Return what the transaction has to write."""
        kept = {RELAYED: KEEP_RELAYED_MS}
        return {name: Fact(*name, now_ms + kept.get(name[0], KEEP_MS), self._facts[name]) for name in self._changed}

    def tell(self, referral_id: ReferralId, step: StepId | None) -> None:
        """Remember that a step was told (or that there was none): the course's timetable is written anew."""
        self._touched.setdefault(referral_id, set()).update([] if step is None else [step])

    def touched(self) -> Iterator[tuple[ReferralId, bytes, bytes | None, frozenset[StepId]]]:
        """Yield the courses whose timetable changes: id, key, the timetable as it was kept, and what was told now."""
        for referral_id, told in self._touched.items():
            key = self.key(REFERRAL, referral_id)
            yield referral_id, key, self._timetables.get(key), frozenset(told)

    def _record_consent(self, evidence: Evidence, needless: tuple[bytes, ...]) -> None:
        consent_id = evidence.record.consent_id
        known = self.consent(consent_id)
        others = tuple(each for each in known.newest if each.record_sha256 not in needless)
        self._put(CONSENT, consent_id, encode_consent(replace(known, newest=(*others, evidence))))

    def _add_fact(self, effect: AddReferralFact) -> None:
        known = self.referral(effect.referral_id)
        if known is None:
            known = KnownReferral(effect.case_handle, effect.subject_ref, ())
        facts = remember(known.facts, effect.fact)
        if known.minor is None:
            known = replace(known, minor=effect.minor, of_age_ms=effect.of_age_ms)
        if facts != known.facts:
            self._touched.setdefault(effect.referral_id, set())
            self._put(REFERRAL, effect.referral_id, encode_referral(replace(known, facts=facts)))

    def _put(self, kind: str, value_id: bytes, value: bytes) -> None:
        name = (kind, self.key(kind, value_id))
        if self._facts.get(name) != value:
            self._facts[name] = value
            self._changed.add(name)
            self._read_facts.pop(name, None)

    def _decoded(self, kind: str, value_id: bytes, decode: Callable[[bytes], _Fact]) -> _Fact | None:
        """Return a fact as a value, decoded once for as long as it does not change."""
        name = (kind, self.key(kind, value_id))
        data = self._facts.get(name)
        if name in self._damaged and self._forgiving is None:
            raise RowError(f"a fact of kind {kind}")
        if data is None or name in self._damaged:
            return None
        found: _Fact | None = self._read_facts.get(name)
        if found is None:
            found = self._read_facts[name] = self._decode(name, data, decode)
        return found

    def _decode(self, name: tuple[str, bytes], data: bytes, decode: Callable[[bytes], _Fact]) -> _Fact:
        try:
            return decode(data)
        except (ValueError, TypeError, LookupError, RefbusError) as error:
            self._store.note_damaged(fact_place(*name))
            raise RowError(f"a fact of kind {name[0]}") from error


def _subjects(opened: Opened) -> Iterator[SubjectRef]:
    """Yield the pseudonym whose refusals a decision about this record asks for or changes; most records have none."""
    presented = opened.presented
    if presented is not None and presented.consent is not None and matters(presented.consent.record):
        yield presented.consent.record.subject_ref
    if presented is not None and presented.basis is not None:
        yield presented.basis.record.subject_ref


def _decided(row: RecordRow) -> Decided:
    """Return an earlier decision. Of one whose answer is damaged the outcome and a code stand in the open."""
    if row.answer is not None:
        return Decided(row.decision_id, Answer.parse(row.answer))
    left = replace(NO_ANSWER, outcome=Outcome(row.outcome), codes=(row.code,) if row.code else ())
    return Decided(row.decision_id, left, damaged=True)


def _answer_to(opened: Opened, answer: Answer) -> Answer:
    """Return what a damaged answer said to the sender of these bytes, as far as they say it themselves."""
    block = opened.signed_block
    return replace(
        answer,
        told=None if block is None else block.sender,
        event_id=None if block is None else block.event_id,
        envelope_sha256=opened.envelope_sha256,
        hop=opened.passed is not None,
    )
