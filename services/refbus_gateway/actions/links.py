"""Asking which cases belong together: link two, take a link away, list them, tell a recipient (ADR 74)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refbus.core.consent.age import AgeGroup
from refbus.core.ids import OrgId
from refbus.core.vocabulary import EventType
from refbus.each import each
from refbus.errors import Code, RuleError
from refbus.said import said
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Delivery, Desk
from refbus_gateway.cases import case_text, companions
from refbus_gateway.rules import age_check
from refbus_gateway.store import cases, links, referrals
from refbus_gateway.store.links import Link
from refbus_gateway.store.session import Transaction


@dataclass(frozen=True, slots=True)
class LinkedCase:
    """Another case as one case sees it: `relation` is what its person is to this one.

    `travels`: both travel together; `told`: whether recipients may hear of it; `age`: None where it cannot be read, and
    for a case that was received.
    """

    case: int
    file_number: str | None
    relation: str
    travels: bool
    told: bool
    age: AgeGroup | None


@dataclass(frozen=True, slots=True)
class CaseLinks:
    """The cases that belong to one."""

    case: int
    links: tuple[LinkedCase, ...]


@dataclass(frozen=True, slots=True)
class LinksTold:
    """What a recipient was told of those who belong to a person; `event` None when it knew."""

    referral: int
    to: OrgId
    event: int | None
    delivery: Delivery | None


def link(
    desk: Desk, actor: Actor, case: int, others: Sequence[int], relation: str, *, travels: bool = True
) -> CaseLinks:
    """Link a case with others; `relation` is what each of them is to it. Nothing is sent.

    One that was received is linked only by what never leaves this home (`companions.OWN_KNOWLEDGE`).

    A relation that is the same between all of them joins the others with one another too, where nothing does yet.
    Raises RuleError LINK_INVALID, CASE_UNKNOWN, KEY_DESTROYED.
    """
    actor.require(Permission.WRITE_CASES)
    with desk.write() as tx:
        companions.link_all(tx, [cases.get(tx, number) for number in (case, *others)], relation, travels=travels)
        return _shown(desk, tx, case)


def unlink(desk: Desk, actor: Actor, case: int, other: int, *, later: bool = False) -> CaseLinks:
    """Take a link away from both cases; recipients who heard of it hear that it is so no more, and not why.

    Raises RuleError LINK_INVALID when there is none.
    """
    actor.require(Permission.WRITE_CASES)
    with desk.write() as tx:
        if not links.end(tx, case, other):
            raise RuleError(Code.LINK_INVALID, said("case %(case)s does not belong to it", case=other))
        found = _shown(desk, tx, case)
    companions.settle(desk.gateway)
    desk.deliver(later=later)
    return found


def shown(desk: Desk, actor: Actor, case: int) -> CaseLinks:
    """Return the cases that belong to one. Raises RuleError CASE_UNKNOWN, KEY_DESTROYED."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        return _shown(desk, tx, case)


def tell(desk: Desk, actor: Actor, referral: int, *, later: bool = False) -> LinksTold:
    """Tell the recipient of a referral or return who belongs to the person now, as far as its consent allows.

    Raises RuleError REFERRAL_UNKNOWN, ROLE_NOT_ALLOWED; ConsentError; UncheckableError.
    """
    actor.require(Permission.REFER)
    with desk.write() as tx:
        found = referrals.get(tx, referral)
        if not found.own:
            raise RuleError(Code.ROLE_NOT_ALLOWED, EventType.COMPANIONS_CHANGED)
        event = companions.tell(desk.gateway, tx, found)
    if event is None:
        return LinksTold(referral, found.org, None, None)
    return LinksTold(referral, found.org, event.id, desk.deliver(later=later))


def _shown(desk: Desk, tx: Transaction, number: int) -> CaseLinks:
    case = cases.get(tx, number)
    case.require_live()
    found = companions.links_of(tx, case)
    numbers = [one.other for one in found]
    files, ages = case_text.file_numbers(tx, numbers), dict[int, AgeGroup]()

    def note_age(other: int) -> None:
        found = cases.get(tx, other)
        if found.own:
            ages[other] = age_check.age_in_case(desk.gateway, tx, found).group

    each(numbers, note_age, lambda *_: None)
    return CaseLinks(number, tuple(_linked(one, files.get(one.other), ages.get(one.other)) for one in found))


def _linked(one: Link, file_number: str | None, age: AgeGroup | None) -> LinkedCase:
    return LinkedCase(one.other, file_number, one.relation, one.travels, companions.is_told(one), age)
