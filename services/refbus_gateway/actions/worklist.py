"""Asking for work: what stands first today, referrals found by nickname, state and whose turn it is.

Each part of Today shows so many of what there is, with how many there are in all; so does a list. What a page reads
does not grow with the number of referrals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from refbus.core.courses.referral import UNDECIDED
from refbus.each import each as one_by_one
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
from refbus_gateway.cases import case_text, retention
from refbus_gateway.consent import endings
from refbus_gateway.courses import referral_steps
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.reports import lookups as refreshing
from refbus_gateway.reports import overview, terms
from refbus_gateway.reports.overview import Hop, ReferralLine, Turn
from refbus_gateway.reports.terms import Term
from refbus_gateway.store import cases, lookups, outbox, referrals
from refbus_gateway.store.lookups import Wanted
from refbus_gateway.store.session import Transaction

__all__ = [
    "MOST",
    "AnswerDue",
    "Counts",
    "Found",
    "Search",
    "Today",
    "Trouble",
    "Turn",
    "answer_due",
    "found",
    "outside",
    "today",
]
MOST: Final = 20
"""What each part of Today shows; the list has the others."""
MOST_STOPS: Final = 100
"""Of those whose consent was taken back, more: each must be answered."""
_TROUBLE: Final = frozenset({Hop.REFUSED, Hop.NOT_TAKEN_IN, Hop.WAITS_THERE, Hop.HELD})


@dataclass(frozen=True, slots=True)
class Trouble:
    """A referral of ours whose newest word did not arrive: where it is, since when (ms UTC), why."""

    referral: ReferralListed
    hop: Hop
    since_ms: int
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are of each part of Today, of which it shows the first."""

    to_stop: int
    not_arrived: int
    late: int
    to_answer: int
    answers: int
    news: int
    consents_ending: int
    erase_due: int
    terms: int


@dataclass(frozen=True, slots=True)
class Today:
    """What there is to do, in the order in which it is done; of each part the first ones, and in `counts` how many.

    `to_stop`: the person took consent back; `not_arrived`, `late`: own ones, without an answer in time; `to_answer`:
    theirs, the soonest first; `answers`: what came to own ones; `news`: what else came; `terms`: what ends by law for
    somebody; the rest as in the overview.
    """

    to_stop: tuple[ReferralListed, ...]
    not_arrived: tuple[Trouble, ...]
    late: tuple[ReferralListed, ...]
    to_answer: tuple[ReferralListed, ...]
    answers: tuple[ReferralListed, ...]
    news: tuple[ReferralListed, ...]
    consents_ending: tuple[Ending, ...]
    erase_due: tuple[EraseDue, ...]
    terms: tuple[Term, ...]
    home: HomeStanding
    unread: tuple[UnreadCase | UnreadReferral, ...]
    counts: Counts


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: `own` referrals, received ones or both (None), in a state, by whose turn, by a nickname.

    `person`: of cases that somebody with this id looks after.

    The nickname is the worker's own number of a case, or a name of its person in any script; a part of it is enough.
    """

    own: bool | None = None
    state: str | None = None
    turn: Turn | None = None
    nickname: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A part of the referrals that were looked for, the newest first, and how many there are in all."""

    referrals: tuple[ReferralListed, ...]
    total: int


@dataclass(frozen=True, slots=True)
class AnswerDue:
    """When an answer is due, ms UTC. `usual`: the sender set no time, so it is that of the country for this urgency."""

    at_ms: int
    usual: bool


def today(desk: Desk, actor: Actor, *, mine: bool = False) -> Today:
    """Return what there is to do. It needs no line; what cannot be read hides no other.

    `mine`: answers and news of cases that the one who asks looks after. What must be stopped, did not arrive, is late
    or waits for an answer is everybody's and never left out.
    """
    actor.require(Permission.READ_CASES)
    gateway, now_ms = desk.gateway, desk.gateway.now_ms()
    refreshing.refresh(gateway)
    look = _Look(desk.gateway)
    with desk.read() as tx:
        stop, stops = look.listed(tx, Wanted(of_cases=lookups.to_answer(tx)), _is_to_stop, most=MOST_STOPS)
        troubles, troubled = look.troubles(tx)
        late, is_late = look.listed(tx, _overdue(now_ms), lambda each: _is_late(each, now_ms), soonest=True)
        answer, to_answer = look.listed(tx, _WAITS, _is_waiting, soonest=True)
        whose = actor.person if mine else None
        answers, answered = look.listed(
            tx, replace(_ANSWERS, of_cases_of=whose), lambda each: each.own and each.unseen > 0
        )
        news, told = look.listed(tx, replace(_NEWS, of_cases_of=whose), _is_news)
        ending, to_erase, ended, erased = look.ends(tx)
        coming, to_come = terms.coming(gateway, tx, look.whole, MOST)
        home = standing_of_home(overview.health(gateway, tx, look.whole))
    return Today(
        to_stop=stop,
        not_arrived=troubles,
        late=late,
        to_answer=answer,
        answers=answers,
        news=news,
        consents_ending=ending,
        erase_due=to_erase,
        terms=coming,
        home=home,
        unread=look.unread(),
        counts=Counts(stops, troubled, is_late, to_answer, answered, told, ended, erased, to_come),
    )


def found(desk: Desk, actor: Actor, search: Search, most: int, skip: int = 0) -> Found:
    """Return so many of the referrals that are looked for, behind the `skip` newest. It needs no line."""
    actor.require(Permission.READ_CASES)
    asked = search.nickname.strip()
    refreshing.refresh(desk.gateway)
    wanted = Wanted(search.own, None if search.state is None else frozenset({search.state}), search.turn)
    look = _Look(desk.gateway)

    def fits(each: ReferralListed) -> bool:
        return search.state in {None, each.state} and search.turn in {None, each.turn}

    with desk.read() as tx:
        if asked:
            wanted = replace(wanted, of_cases=refreshing.cases_called(desk.gateway, tx, asked))
        if search.person:
            wanted = replace(wanted, of_cases_of=search.person)
        return Found(*look.listed(tx, wanted, fits, most=most, skip=skip))


def answer_due(desk: Desk, actor: Actor, number: int) -> AnswerDue | None:
    """Return when an answer to a referral is due; None when none is waited for. Raises RuleError."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        line = overview.referral_line(tx, referrals.get(tx, number))
    due_ms = line.due_ms(desk.gateway.known_rules())
    return None if due_ms is None else AnswerDue(due_ms, usual=line.respond_by_ms is None)


def outside(desk: Desk, actor: Actor, number: int) -> ReferralListed:
    """Return what may be seen of a referral without opening it; nobody learns of it. Raises RuleError."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        return _listed(desk.gateway, tx, [overview.referral_line(tx, referrals.get(tx, number))])[number]


_UNDECIDED: Final = frozenset(map(str, UNDECIDED))
_WAITS: Final = Wanted(own=False, states=_UNDECIDED, turn=Turn.OURS, no_stop=True)
_ANSWERS: Final = Wanted(own=True, unseen=True)
_NEWS: Final = Wanted(own=False, unseen=True, no_stop=True, but=(_UNDECIDED, Turn.OURS))


def _overdue(now_ms: int) -> Wanted:
    return Wanted(own=True, states=_UNDECIDED, overdue_ms=now_ms)


class _Look:
    """One look at the store: what was found, and what could not be read."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.whole: cases.Unread = []
        self.single: cases.Unread = []

    def listed(
        self,
        tx: Transaction,
        wanted: Wanted,
        fits: Callable[[ReferralListed], bool],
        *,
        most: int = MOST,
        skip: int = 0,
        soonest: bool = False,
    ) -> tuple[tuple[ReferralListed, ...], int]:
        """Return so many of what is wanted, and how many there are; what turns out not to fit is left out."""
        numbers, total = lookups.find(tx, wanted, most, skip, soonest=soonest)
        lines = self.lines(tx, numbers)
        listed = _listed(self.gateway, tx, lines)
        kept = tuple(listed[number] for number in numbers if number in listed and fits(listed[number]))
        return kept, total - (len(numbers) - len(kept))

    def lines(self, tx: Transaction, numbers: Iterable[int]) -> list[ReferralLine]:
        """Return these referrals at a glance."""
        wanted = list(numbers)
        if not wanted:
            return []
        return overview.referral_lines(tx, numbers=wanted, unread=self.single, unread_cases=self.whole)

    def troubles(self, tx: Transaction) -> tuple[tuple[Trouble, ...], int]:
        """Return those whose newest word did not arrive, and how many there are."""
        numbers, total = lookups.troubled(tx, Turn.NOBODY, ("WAITS", "REFUSED"), MOST)
        lines = self.lines(tx, numbers)
        listed = _listed(self.gateway, tx, lines)
        tried = one_by_one(
            lines,
            lambda line: _trouble(tx, line, listed[line.referral.id]),
            lambda line, error: self.single.append((line.referral.id, error.code)),
        )
        kept = tuple(filter(None, tried))
        return kept, total - (len(numbers) - len(kept))

    def ends(self, tx: Transaction) -> tuple[tuple[Ending, ...], tuple[EraseDue, ...], int, int]:
        """Return the consents that end, what is to be erased, and how many cases there are of each."""
        by_ms = endings.warned_by_ms(self.gateway)
        ending = tuple(endings.endings(self.gateway, tx, unread=self.whole, most=MOST))
        due = tuple(retention.due(self.gateway, tx, self.whole, most=MOST))
        more = (lookups.count_ending(tx, by_ms, own=own) for own in (True, False))
        ended, erased = (max(0, each - MOST) for each in more)
        return ending, due, len(ending) + ended, len(due) + erased

    def unread(self) -> tuple[UnreadCase | UnreadReferral, ...]:
        """Return what could not be read."""
        return (
            *(UnreadCase(*each) for each in sorted(set(self.whole))),
            *(UnreadReferral(*each) for each in sorted(set(self.single))),
        )


def _is_to_stop(each: ReferralListed) -> bool:
    return each.withdrawal_to_answer


def _is_waiting(each: ReferralListed) -> bool:
    return not each.own and each.turn is Turn.OURS and not each.withdrawal_to_answer and each.state in _UNDECIDED


def _is_news(each: ReferralListed) -> bool:
    return not each.own and each.unseen > 0 and not _is_waiting(each) and not each.withdrawal_to_answer


def _is_late(each: ReferralListed, now_ms: int) -> bool:
    return each.own and each.state in _UNDECIDED and _is_over(each, now_ms)


def _listed(gateway: Gateway, tx: Transaction, lines: Iterable[ReferralLine]) -> dict[int, ReferralListed]:
    lines = list(lines)
    files = case_text.file_numbers(tx, {line.referral.case_id for line in lines if line.referral.own})
    stop, rules = referral_steps.cases_to_answer(tx), gateway.known_rules()
    listed = (
        replace(
            listed_value(line, files.get(line.referral.case_id), line.referral.case_id in stop),
            respond_by_ms=line.due_ms(rules),
        )
        for line in lines
    )
    return {each.referral: each for each in listed}


def _trouble(tx: Transaction, line: ReferralLine, listed: ReferralListed) -> Trouble | None:
    """Return what is wrong with the newest word of an open referral, None for one that goes its way."""
    if not line.view.is_open:
        return None
    if not line.said:
        return None
    newest = overview.event_line(outbox.said_of(tx, [line.said[-1].id]), line.said[-1], line.view)
    return Trouble(listed, newest.hop, newest.since_ms, newest.codes) if newest.hop in _TROUBLE else None


def _is_over(each: ReferralListed, now_ms: int) -> bool:
    return each.respond_by_ms is not None and each.respond_by_ms < now_ms
