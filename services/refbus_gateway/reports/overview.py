"""Where everything stands, for people: at which hop an event waits and what to do next. Reads the store only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from refbus.clock import Standing
from refbus.core.courses.course import CourseView
from refbus.core.courses.facts import EventFact
from refbus.core.courses.machine import CourseKind
from refbus.core.courses.referral import UNDECIDED, State
from refbus.core.directory import CountryPolicy
from refbus.core.ids import OrgId, gate_id
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import TECHNICAL_EVENTS, EventType, Priority
from refbus.crypto.secretbox import StateKey
from refbus.each import each
from refbus.errors import Code, RefbusError
from refbus.wire.transport import HopReceipt
from refbus_gateway.directory import door, own_keys
from refbus_gateway.directory.door import Waiting
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import announced
from refbus_gateway.rules import course_state
from refbus_gateway.store import (
    alarms,
    consents,
    logheads,
    outbox,
    positions,
    referrals,
    set_aside,
    statements,
    tellings,
)
from refbus_gateway.store.alarms import Alarm
from refbus_gateway.store.cases import Unread
from refbus_gateway.store.outbox import OutboxRow, Receipt, RowState, Said
from refbus_gateway.store.referrals import Event, Referral
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.set_aside import AsideState
from refbus_gateway.store.tellings import Kind, Telling

SILENCE_MS: Final = 3 * HOUR_MS
"""Three heartbeats missed in a row: something between the gate and this inbox does not work."""


class Hop(StrEnum):
    """Where an event of ours is, as far as signed receipts and answers say."""

    MY_OUTBOX = "MY_OUTBOX"
    MY_GATE = "MY_GATE"
    HELD = "HELD"
    BORDER = "BORDER"
    THEIR_INBOX = "THEIR_INBOX"
    DELIVERED = "DELIVERED"
    OPENED = "OPENED"
    DECIDED = "DECIDED"
    REFUSED = "REFUSED"
    WAITS_THERE = "WAITS_THERE"
    NOT_TAKEN_IN = "NOT_TAKEN_IN"


_INTAKE: Mapping[str, Hop] = {"WAITS": Hop.WAITS_THERE, "REFUSED": Hop.NOT_TAKEN_IN}
_QUESTIONS: Final = frozenset({EventType.INFORMATION_REQUESTED, EventType.INFORMATION_PROVIDED})
_WITHDRAWING: Final = frozenset({EventType.CONSENT_WITHDRAWN, EventType.WITHDRAWAL_ACKNOWLEDGED})
_DECIDED = frozenset(State) - {State.DRAFT, State.REQUESTED, State.DELIVERED, State.UNDER_REVIEW}
_RECEIVED: Mapping[StrEnum, Hop] = {State.DELIVERED: Hop.DELIVERED, State.UNDER_REVIEW: Hop.OPENED}


class Turn(StrEnum):
    """Who has to do something next in a course, as far as its events say."""

    OURS = "OURS"
    THEIRS = "THEIRS"
    BOTH = "BOTH"
    NOBODY = "NOBODY"


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event of ours: where it is, since when (UTC ms), which codes, how many envelopes it took."""

    event: Event
    hop: Hop
    since_ms: int
    codes: tuple[str, ...]
    envelopes: int
    receipts: tuple[Receipt, ...]


@dataclass(frozen=True, slots=True)
class ReferralLine:
    """A referral at a glance. `unopened`: it was received, and nobody here has looked at what it asks.

    `asked_ms`: since when (UTC) an answer to the request is waited for, None when none is.
    `said`: its events that were said here, oldest first.
    """

    referral: Referral
    view: CourseView
    events: int
    unseen: int
    respond_by_ms: int | None
    priority: str
    last_ms: int
    turn: Turn
    unopened: bool
    asked_ms: int | None
    said: tuple[Event, ...] = field(repr=False)

    def due_ms(self, rules: CountryPolicy | None) -> int | None:
        """Return when an answer is due (UTC ms): as the sender set it, else by the usual time of a country's rules."""
        if self.respond_by_ms is not None or rules is None or self.asked_ms is None:
            return self.respond_by_ms
        return self.asked_ms + rules.clocks[Priority(self.priority or Priority.ROUTINE)].decide_s * 1000


@dataclass(frozen=True, slots=True)
class Health:
    """What a person must know about this home as a whole. Times in UTC ms, None for never.

    `untold`: who has not been told yet what a person said. `unproven`: own entries of the audit log that wait for a
    proof, `unproven_ms` since when the oldest does. `restore_unanswered`: who was told that this home goes on from a
    backup and has not answered.
    """

    waiting: int
    oldest_unconfirmed_ms: int | None
    synchronised_ms: int | None
    heartbeat_ms: int | None
    silent: bool
    clock: Standing
    held: int
    refused: int
    withdrawals_unanswered_ms: int | None
    withdrawals_to_answer_ms: int | None
    alarms: tuple[Alarm, ...]
    unproven: int
    unproven_ms: int | None
    checkpoint_ms: int | None
    foreign_keys: int
    directory: Waiting
    untold: tuple[Telling, ...]
    restore_unanswered: int


def event_line(sealed: Said, event: Event, view: CourseView) -> EventLine:
    """Return where one of our events is, of which the envelopes are in `sealed`."""
    rows = sealed.of_event(event.id)
    row = _farthest(rows)
    receipts = tuple(receipt for one in rows for receipt in sealed.receipts(one.id))
    of_row = receipts if row is None else tuple(sealed.receipts(row.id)) or receipts
    hop, since_ms = _hop(event, row, of_row, view)
    codes = of_row[-1].codes if of_row and hop in {Hop.HELD, Hop.REFUSED} else ()
    said = _intake(row, receipts)
    if said is not None and said.outcome in _INTAKE:
        hop, since_ms, codes = _INTAKE[said.outcome], said.at_ms, said.codes
    return EventLine(event, hop, since_ms, codes, len(rows), receipts)


def _farthest(rows: Sequence[OutboxRow]) -> OutboxRow | None:
    """Return the envelope that says where its event is: one that is through, else one on its way, else the newest.

    What a later one meets takes nothing back from one that arrived.
    """
    through = [row for row in rows if row.state is RowState.TAKEN]
    on_its_way = [row for row in rows if row.state not in outbox.ENDED]
    return next((found[-1] for found in (through, on_its_way, rows) if found), None)


def _intake(row: OutboxRow | None, receipts: tuple[Receipt, ...]) -> Receipt | None:
    """Return the last word of the recipient's own gateway about an envelope."""
    number = None if row is None else row.id
    return next((each for each in reversed(receipts) if (each.kind, each.outbox_id) == (outbox.INTAKE, number)), None)


def also_signed_by(receipt: Receipt) -> OrgId | None:
    """Return the gate of the other country whose own signature came with a receipt; None when none did."""
    return gate_id(HopReceipt.parse(receipt.receipt).to_country) if receipt.receipt else None


def referral_lines(
    tx: Transaction,
    *,
    own: bool | None = None,
    unread: Unread | None = None,
    unread_cases: Unread | None = None,
    most: int | None = None,
    skip: int = 0,
    numbers: Collection[int] | None = None,
) -> list[ReferralLine]:
    """Return so many of the newest referrals behind the `skip` newest, requested here (`own`), received, or both.

    By case, oldest first; `numbers`: of these alone. What cannot be read hides no other; its number and why go into
    `unread`, of a whole case into `unread_cases`.
    """
    kept, whole = [] if unread is None else unread, [] if unread_cases is None else unread_cases
    found = referrals.newest(tx, own=own, most=most, skip=skip, unread_cases=whole, unread=kept, numbers=numbers)
    rows = referrals.rows_of(tx, (referral for referral, _ in found))
    expiries = referrals.expiries_of(tx, [referral for referral, _ in found])

    def line(one: tuple[Referral, StateKey]) -> ReferralLine:
        referral, key = one
        return _line(referral, referrals.opened(rows[referral.id], key, referral), expiries[referral.id])

    return each(found, line, lambda one, error: kept.append((one[0].id, error.code)))


def referral_line(tx: Transaction, referral: Referral) -> ReferralLine:
    """Return one referral at a glance."""
    return _line(referral, referrals.events_of(tx, referral), referrals.expiry_of(tx, referral.referral_id))


def _line(referral: Referral, events: list[Event], expiry: list[EventFact]) -> ReferralLine:
    request = course_state.beginning_of(events)
    view = course_state.view_from(events, expiry)
    return ReferralLine(
        referral=referral,
        view=view,
        events=len(events),
        unseen=sum(1 for event in events if not event.outgoing and event.seen_ms is None and _for_people(event)),
        respond_by_ms=request.block.respond_by_ms if request and _awaits_answer(view) else None,
        priority=request.block.priority if request else "",
        last_ms=max((event.at_ms for event in events), default=referral.created_ms),
        turn=turn_of(referral, view, events),
        unopened=request is not None and not request.outgoing and request.seen_ms is None,
        asked_ms=request.block.occurred_at_ms if request and view.state in UNDECIDED else None,
        said=tuple(event for event in events if event.outgoing),
    )


def _awaits_answer(view: CourseView) -> bool:
    return view.kind is not CourseKind.REFERRAL or view.state in UNDECIDED


def turn_of(referral: Referral, view: CourseView, events: Sequence[Event]) -> Turn:
    """Return whose turn it is: of who was asked last, else of who helps while a referral is open.

    A return is the work of both while it is open; nobody has to do anything about what is over. After a withdrawal it
    is the turn of who was told, until it says what it did.
    """
    if not view.is_open:
        return Turn.NOBODY
    if view.kind is not CourseKind.REFERRAL:
        return Turn.BOTH
    if view.suspended:
        said = [event for event in events if event.block.event_type in _WITHDRAWING]
        if said[-1].block.event_type is EventType.WITHDRAWAL_ACKNOWLEDGED:
            return Turn.NOBODY
        return Turn.THEIRS if said[-1].outgoing else Turn.OURS
    asked = [event for event in events if event.block.event_type in _QUESTIONS]
    if asked and asked[-1].block.event_type is EventType.INFORMATION_REQUESTED:
        return Turn.THEIRS if asked[-1].outgoing else Turn.OURS
    return Turn.THEIRS if referral.own else Turn.OURS


def health(gateway: Gateway, tx: Transaction, unread: Unread | None = None) -> Health:
    """Return the state of this home as a whole. Cases of which a no cannot be read go into `unread`."""
    heartbeat, synchronised = tx.get_int(positions.LAST_HEARTBEAT), tx.get_int(positions.SYNCHRONISED)
    unproven, unproven_ms = statements.waiting(tx)

    def failed(number: int, error: RefbusError) -> None:
        if unread is not None:
            unread.append((number, error.code))

    return Health(
        waiting=outbox.waiting(tx),
        oldest_unconfirmed_ms=outbox.oldest_ready_ms(tx),
        synchronised_ms=synchronised or None,
        heartbeat_ms=heartbeat or None,
        silent=bool(heartbeat) and synchronised - heartbeat > SILENCE_MS,
        clock=gateway.clock.standing(),
        held=set_aside.count_aside(tx, AsideState.HELD),
        refused=set_aside.count_aside(tx, AsideState.REFUSED),
        withdrawals_unanswered_ms=consents.oldest_unanswered_ms(tx, outgoing=True),
        withdrawals_to_answer_ms=consents.oldest_unanswered_ms(tx, outgoing=False),
        alarms=tuple(alarms.standing_alarms(tx)),
        unproven=unproven,
        unproven_ms=unproven_ms,
        checkpoint_ms=logheads.newest_ms(tx),
        foreign_keys=own_keys.foreign(tx),
        directory=door.waiting(gateway, tx),
        untold=tuple(row for row in tellings.every(tx, failed) if not _concerns_nobody(row)),
        restore_unanswered=len(announced.unanswered(tx, gateway.now_ms())),
    )


def _concerns_nobody(row: Telling) -> bool:
    """Whether a no is one to an organisation that has nothing to hear: it has no consent and nothing of the case."""
    return not row.signed and row.kind is Kind.REFUSED and row.code in {None, Code.NO_CONSENT}


def _for_people(event: Event) -> bool:
    return event.block.event_type not in TECHNICAL_EVENTS


def _hop(event: Event, row: OutboxRow | None, receipts: tuple[Receipt, ...], view: CourseView) -> tuple[Hop, int]:
    since_ms = receipts[-1].at_ms if receipts else event.at_ms
    if row is None or row.state is RowState.REFUSED:
        return Hop.REFUSED, since_ms
    if row.state in {RowState.READY, RowState.STALE}:
        produced = row.produced_ms
        return (Hop.MY_OUTBOX, event.at_ms) if produced is None else (Hop.MY_GATE, produced)
    if row.state is RowState.HELD:
        return Hop.HELD, since_ms
    if row.state is RowState.FORWARDED:
        return _seen(view, event, Hop.BORDER), since_ms
    return _seen(view, event, Hop.THEIR_INBOX), since_ms


def _seen(view: CourseView, event: Event, otherwise: Hop) -> Hop:
    """Use what the recipient itself said, which may come before the gates' receipts do."""
    if event.block.event_type is not EventType.REFERRAL_REQUESTED:
        return otherwise
    if view.state in _DECIDED:
        return Hop.DECIDED
    return _RECEIVED.get(view.state, otherwise)
