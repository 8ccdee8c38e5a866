"""Asking for work: what stands first today, referrals found by nickname, state and whose turn it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from refbus.core.courses.referral import UNDECIDED
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.actions.referrals import ReferralListed, listed_value
from refbus_gateway.actions.status import (
    Ending,
    EraseDue,
    HomeStanding,
    UnreadCase,
    UnreadReferral,
    standing_of_home,
)
from refbus_gateway.cases import casework, retention
from refbus_gateway.consent import amendments
from refbus_gateway.courses import referral_steps
from refbus_gateway.reports import overview
from refbus_gateway.reports.overview import Hop, ReferralLine, Turn
from refbus_gateway.store import cases, referrals
from refbus_gateway.store.session import Transaction

__all__ = ["Found", "Search", "Today", "Trouble", "Turn", "found", "outside", "today"]
_TROUBLE: Final = frozenset({Hop.REFUSED, Hop.NOT_TAKEN_IN, Hop.WAITS_THERE, Hop.HELD})


@dataclass(frozen=True, slots=True)
class Trouble:
    """A referral of ours whose newest word did not arrive: where it is, since when (ms UTC), why."""

    referral: ReferralListed
    hop: Hop
    since_ms: int
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Today:
    """What there is to do, in the order in which it is done.

    `to_stop`: the person took consent back; `not_arrived`, `late`: own ones, without an answer in time; `to_answer`:
    theirs, the soonest first; `answers`: what came to own ones; `news`: what else came; the rest as in the overview.
    """

    to_stop: tuple[ReferralListed, ...]
    not_arrived: tuple[Trouble, ...]
    late: tuple[ReferralListed, ...]
    to_answer: tuple[ReferralListed, ...]
    answers: tuple[ReferralListed, ...]
    news: tuple[ReferralListed, ...]
    consents_ending: tuple[Ending, ...]
    erase_due: tuple[EraseDue, ...]
    home: HomeStanding
    unread: tuple[UnreadCase | UnreadReferral, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: `own` referrals, received ones or both (None), in a state, by whose turn, by a nickname.

    The nickname is the worker's own number of a case; a part of it is enough.
    """

    own: bool | None = None
    state: str | None = None
    turn: Turn | None = None
    nickname: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A part of the referrals that were looked for, the newest first, and how many there are in all."""

    referrals: tuple[ReferralListed, ...]
    total: int


def today(desk: Desk, actor: Actor) -> Today:
    """Return what there is to do. It needs no line; what cannot be read hides no other."""
    actor.require(Permission.READ_CASES)
    whole: cases.Unread = []
    single: cases.Unread = []
    gateway, now_ms = desk.gateway, desk.gateway.now_ms()
    with desk.read() as tx:
        lines = overview.referral_lines(tx, unread=single, unread_cases=whole)
        listed = _listed(tx, lines)
        troubles = tuple(filter(None, (_trouble(tx, line, listed[line.referral.id]) for line in lines)))
        endings = tuple(amendments.endings(gateway, tx, unread=whole))
        to_erase = tuple(retention.due(gateway, tx, whole))
        home = standing_of_home(overview.health(gateway, tx, whole))

    def where(holds: Callable[[ReferralListed], bool]) -> tuple[ReferralListed, ...]:
        return tuple(each for each in listed.values() if holds(each))

    def waits(each: ReferralListed) -> bool:
        return not each.own and each.turn is Turn.OURS and not each.withdrawal_to_answer and each.state in _UNDECIDED

    return Today(
        to_stop=where(lambda each: each.withdrawal_to_answer),
        not_arrived=troubles,
        late=where(lambda each: each.own and each.state in _UNDECIDED and _is_over(each, now_ms)),
        to_answer=tuple(sorted(where(waits), key=lambda each: (each.respond_by_ms or each.last_ms, each.referral))),
        answers=where(lambda each: each.own and each.unseen > 0),
        news=where(lambda each: not each.own and each.unseen > 0 and not waits(each) and not each.withdrawal_to_answer),
        consents_ending=endings,
        erase_due=to_erase,
        home=home,
        unread=(
            *(UnreadCase(*each) for each in sorted(set(whole))),
            *(UnreadReferral(*each) for each in sorted(set(single))),
        ),
    )


def found(desk: Desk, actor: Actor, search: Search, most: int, skip: int = 0) -> Found:
    """Return so many of the referrals that are looked for, behind the `skip` newest. It needs no line."""
    actor.require(Permission.READ_CASES)
    own, state, turn, asked = search.own, search.state, search.turn, search.nickname.casefold().strip()
    narrow = bool(asked or state or turn)
    with desk.read() as tx:
        some = (None, 0) if narrow else (most, skip)
        lines = overview.referral_lines(tx, own=own, most=some[0], skip=some[1])
        listed = sorted(_listed(tx, lines).values(), key=lambda each: -each.referral)
        total = referrals.count(tx, own=own)
    if not narrow:
        return Found(tuple(listed), total)
    kept = [
        each
        for each in listed
        if state in {None, each.state} and turn in {None, each.turn} and asked in (each.file_number or "").casefold()
    ]
    return Found(tuple(kept[skip : skip + most]), len(kept))


def outside(desk: Desk, actor: Actor, number: int) -> ReferralListed:
    """Return what may be seen of a referral without opening it; nobody learns of it. Raises RuleError."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        return _listed(tx, [overview.referral_line(tx, referrals.get(tx, number))])[number]


_UNDECIDED: Final = frozenset(map(str, UNDECIDED))


def _listed(tx: Transaction, lines: Iterable[ReferralLine]) -> dict[int, ReferralListed]:
    lines = list(lines)
    files = casework.file_numbers(tx, {line.referral.case_id for line in lines if line.referral.own})
    stop = referral_steps.cases_to_answer(tx)
    return {
        line.referral.id: listed_value(line, files.get(line.referral.case_id), line.referral.case_id in stop)
        for line in lines
    }


def _trouble(tx: Transaction, line: ReferralLine, listed: ReferralListed) -> Trouble | None:
    """Return what is wrong with the newest word of an open referral, None for one that goes its way."""
    if not line.view.is_open:
        return None
    events = [event for event in referrals.events_of(tx, line.referral) if event.outgoing]
    if not events:
        return None
    newest = overview.event_line(tx, events[-1], line.view)
    return Trouble(listed, newest.hop, newest.since_ms, newest.codes) if newest.hop in _TROUBLE else None


def _is_over(each: ReferralListed, now_ms: int) -> bool:
    return each.respond_by_ms is not None and each.respond_by_ms < now_ms
