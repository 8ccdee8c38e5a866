"""Asking where everything stands: referrals at their hops, what gates confirmed, alarms, the home, its clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from refbus.clock import Standing
from refbus.core.ids import OrgId
from refbus.core.vocabulary import EventType
from refbus.each import each as one_by_one
from refbus.errors import Code, SetupError
from refbus.said import said
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.actions.officers import FourEyes, four_eyes
from refbus_gateway.cases import case_text, retention
from refbus_gateway.cases.retention import EraseDue
from refbus_gateway.consent import endings
from refbus_gateway.consent.endings import Ending
from refbus_gateway.reports import disclosure_report, lookups, overview, terms
from refbus_gateway.reports.overview import EventLine, Health, Hop, ReferralLine
from refbus_gateway.reports.terms import Term
from refbus_gateway.store import alarms as standing
from refbus_gateway.store import cases, outbox, referrals
from refbus_gateway.store.outbox import Said
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.tellings import Kind

__all__ = [
    "AlarmStanding",
    "ClockNote",
    "ClockStanding",
    "Ending",
    "EraseDue",
    "EventStanding",
    "HomeStanding",
    "NotTold",
    "OneReferral",
    "Overview",
    "ReceiptLine",
    "ReferralStanding",
    "Term",
    "UnreadCase",
    "UnreadReferral",
    "Untold",
    "accept_clock",
    "alarms",
    "clear_alarm",
    "clock",
    "of_home",
    "of_referral",
    "overview_of_all",
    "receipts",
]


MOST_TERMS: Final = 1_000
"""Of so many cases the overview tells what ends by law, those that end first."""


@dataclass(frozen=True, slots=True)
class EventStanding:
    """One event of ours: at which hop it is, since when (ms UTC), why, in how many envelopes it was sealed."""

    event: int
    type: EventType
    hop: Hop
    since_ms: int
    codes: tuple[str, ...]
    envelopes: int


@dataclass(frozen=True, slots=True)
class ReferralStanding:
    """Where one referral stands. Times in ms UTC; `file_number`: the worker's own; `unseen`: what nobody looked at."""

    referral: int
    case: int
    file_number: str | None
    organisation: OrgId
    own: bool
    state: str
    priority: str
    respond_by_ms: int | None
    unseen: int
    crossed: int
    events: tuple[EventStanding, ...]


@dataclass(frozen=True, slots=True)
class ClockNote:
    """What a person must know about this computer's clock, and how far it is off, in words for logs."""

    codes: tuple[Code, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class NotTold:
    """An organisation that was not told yet what a person said, since when (ms UTC), and why."""

    case: int
    organisation: OrgId
    said: Kind
    since_ms: int
    code: str | None


@dataclass(frozen=True, slots=True)
class HomeStanding:
    """What a person must know about this home as a whole. Times in ms UTC, None for never; the others are counts."""

    waiting: int
    oldest_unconfirmed_ms: int | None
    synchronised_ms: int | None
    heartbeat_ms: int | None
    silent: bool
    clock_behind_ms: int
    clock: ClockNote
    held: int
    refused: int
    withdrawals_unanswered_ms: int | None
    not_told: tuple[NotTold, ...]
    withdrawals_to_answer_ms: int | None
    alarms: int
    unproven: int
    unproven_ms: int | None
    checkpoint_ms: int | None
    foreign_keys: int
    directory_waiting_ms: int | None
    directory_unconfirmed: int
    restore_unanswered: int


@dataclass(frozen=True, slots=True)
class UnreadCase:
    """A case that cannot be read here, and why."""

    case: int
    code: Code


@dataclass(frozen=True, slots=True)
class UnreadReferral:
    """A referral that cannot be read here, and why."""

    referral: int
    code: Code


@dataclass(frozen=True, slots=True)
class Untold:
    """A case of which the person must still be told so many disclosures."""

    case: int
    disclosures: int


@dataclass(frozen=True, slots=True)
class OneReferral:
    """Where one referral stands, alone in the list, in the form of the overview."""

    referrals: tuple[ReferralStanding, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """Where all own referrals and the home stand, what is due, and what cannot be read here: it hides no other.

    `terms`: what ends by law for somebody.
    """

    referrals: tuple[ReferralStanding, ...]
    home: HomeStanding
    consents_ending: tuple[Ending, ...]
    erase_due: tuple[EraseDue, ...]
    unread: tuple[UnreadCase | UnreadReferral, ...]
    untold: tuple[Untold, ...]
    terms: tuple[Term, ...]
    four_eyes: FourEyes


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """What a gate, or the recipient's own gateway, signed about an event of ours. Time in ms UTC."""

    event: int
    type: EventType
    gate: str
    kind: str
    outcome: str
    codes: tuple[str, ...]
    at_ms: int
    also_signed_by: OrgId | None


@dataclass(frozen=True, slots=True)
class AlarmStanding:
    """Something that a person must look at, since when (ms UTC)."""

    alarm: int
    code: str
    detail: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class ClockStanding:
    """The time that counts, that of this computer, and what others signed. In ms UTC, None where nobody says it."""

    now_ms: int
    machine_ms: int
    directory_published_ms: int | None
    directory_expires_ms: int | None
    gate_ms: int | None
    codes: tuple[Code, ...]


def overview_of_all(desk: Desk, actor: Actor) -> Overview:
    """Return where everything stands that was sent from here, and what to do. What cannot be read hides no other."""
    actor.require(Permission.READ_STATUS)
    whole, single = cases.Unread(), cases.Unread()
    gateway = desk.gateway
    lookups.refresh(gateway)
    with desk.read() as tx:
        health = overview.health(gateway, tx, whole)
        ending = endings.endings(gateway, tx, unread=whole)
        to_erase = retention.due(gateway, tx, whole)
        untold = _untold(desk, tx, whole)
        coming, _ = terms.coming(gateway, tx, whole, MOST_TERMS)
        lines = overview.referral_lines(tx, own=True, unread=single, unread_cases=whole)
        found = _standings(tx, lines, single)
    unread = [UnreadCase(*each) for each in sorted(set(whole))]
    return Overview(
        found,
        standing_of_home(health),
        tuple(ending),
        tuple(to_erase),
        (*unread, *(UnreadReferral(*each) for each in sorted(set(single)))),
        tuple(Untold(*each) for each in untold.items()),
        coming,
        four_eyes(desk, actor),
    )


def of_home(desk: Desk, actor: Actor) -> HomeStanding:
    """Return what a person must know about this home as a whole. It needs no line."""
    actor.require(Permission.READ_STATUS)
    with desk.read() as tx:
        return standing_of_home(overview.health(desk.gateway, tx, []))


def of_referral(desk: Desk, actor: Actor, number: int) -> OneReferral:
    """Return where one referral stands, requested here or received. Raises RuleError."""
    actor.require(Permission.READ_STATUS)
    with desk.read() as tx:
        line = overview.referral_line(tx, referrals.get(tx, number))
        sealed = outbox.said_of(tx, (event.id for event in line.said))
        return OneReferral((_standing(sealed, line, case_text.file_number(tx, line.referral.case_id)),))


def receipts(desk: Desk, actor: Actor, number: int) -> tuple[ReceiptLine, ...]:
    """Return what was confirmed about the events of a referral, each signed and verified. Raises RuleError."""
    actor.require(Permission.READ_STATUS)
    with desk.read() as tx:
        line = overview.referral_line(tx, referrals.get(tx, number))
        events = _events(outbox.said_of(tx, (event.id for event in line.said)), line)
    return tuple(
        ReceiptLine(
            line.event.id,
            line.event.block.event_type,
            receipt.gate,
            receipt.kind,
            receipt.outcome,
            tuple(receipt.codes),
            receipt.at_ms,
            overview.also_signed_by(receipt),
        )
        for line in events
        for receipt in line.receipts
    )


def alarms(desk: Desk, actor: Actor) -> tuple[AlarmStanding, ...]:
    """Return what a person must look at."""
    actor.require(Permission.READ_STATUS)
    with desk.read() as tx:
        found = standing.standing_alarms(tx)
    return tuple(AlarmStanding(each.id, each.code, each.detail, each.at_ms) for each in found)


def clear_alarm(desk: Desk, actor: Actor, number: int) -> tuple[AlarmStanding, ...]:
    """Note that an alarm was dealt with; return those that are left. Raises SetupError USAGE when it does not stand."""
    actor.require(Permission.MANAGE_HOME)
    with desk.write() as tx:
        if not standing.clear_alarm(tx, number, desk.gateway.now_ms()):
            raise SetupError(Code.USAGE, said("no alarm %(number)s stands: refbus alarms lists them", number=number))
    return alarms(desk, actor)


def clock(desk: Desk, actor: Actor) -> ClockStanding:
    """Return which time counts and why."""
    actor.require(Permission.READ_STATUS)
    return _clock(desk.gateway.clock.standing())


def accept_clock(desk: Desk, actor: Actor) -> ClockStanding:
    """Take a person's word that this computer's clock is right: from now on it counts."""
    actor.require(Permission.MANAGE_HOME)
    desk.gateway.clock.accept()
    return _clock(desk.gateway.clock.standing())


def _clock(standing: Standing) -> ClockStanding:
    return ClockStanding(
        standing.now_ms,
        standing.wall_ms,
        standing.published_ms,
        standing.expires_ms,
        standing.gate_ms,
        tuple(standing.codes),
    )


def _untold(desk: Desk, tx: Transaction, unread: cases.Unread) -> dict[int, int]:
    """Return which cases have disclosures to tell the person of: in an emergency, or each where the law demands it."""
    directory = desk.gateway.newest_directory()
    policy = directory.policies.get(desk.gateway.country) if directory else None
    return disclosure_report.untold(tx, unread, every=policy is not None and policy.notify_subject)


def _standings(tx: Transaction, lines: Sequence[ReferralLine], unread: cases.Unread) -> tuple[ReferralStanding, ...]:
    """Return these referrals; of which the envelopes cannot be read is in `unread`."""
    sealed = outbox.said_of(tx, (event.id for line in lines for event in line.said))
    numbers = case_text.file_numbers(tx, {line.referral.case_id for line in lines})
    found = one_by_one(
        lines,
        lambda line: _standing(sealed, line, numbers.get(line.referral.case_id)),
        lambda line, error: unread.append((line.referral.id, error.code)),
    )
    return tuple(found)


def _standing(sealed: Said, line: ReferralLine, file_number: str | None) -> ReferralStanding:
    return ReferralStanding(
        line.referral.id,
        line.referral.case_id,
        file_number,
        line.referral.org,
        line.referral.own,
        line.view.status,
        line.priority,
        line.respond_by_ms,
        line.unseen,
        len(line.view.crossed),
        tuple(
            EventStanding(
                each.event.id, each.event.block.event_type, each.hop, each.since_ms, each.codes, each.envelopes
            )
            for each in _events(sealed, line)
        ),
    )


def _events(sealed: Said, line: ReferralLine) -> list[EventLine]:
    return [overview.event_line(sealed, event, line.view) for event in line.said]


def standing_of_home(health: Health) -> HomeStanding:
    """Return the state of a home as a value."""
    told = (NotTold(each.case_id, each.org, each.kind, each.made_ms, each.code) for each in health.untold)
    return HomeStanding(
        waiting=health.waiting,
        oldest_unconfirmed_ms=health.oldest_unconfirmed_ms,
        synchronised_ms=health.synchronised_ms,
        heartbeat_ms=health.heartbeat_ms,
        silent=health.silent,
        clock_behind_ms=health.clock.behind_ms,
        clock=ClockNote(tuple(health.clock.codes), health.clock.detail),
        held=health.held,
        refused=health.refused,
        withdrawals_unanswered_ms=health.withdrawals_unanswered_ms,
        not_told=tuple(told),
        withdrawals_to_answer_ms=health.withdrawals_to_answer_ms,
        alarms=len(health.alarms),
        unproven=health.unproven,
        unproven_ms=health.unproven_ms,
        checkpoint_ms=health.checkpoint_ms,
        foreign_keys=health.foreign_keys,
        directory_waiting_ms=health.directory.since_ms,
        directory_unconfirmed=health.directory.unconfirmed,
        restore_unanswered=health.restore_unanswered,
    )
