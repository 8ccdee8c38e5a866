"""Asking for the erasure of a case, and how far erasures are."""

from __future__ import annotations

from dataclasses import dataclass

from refbus.core.ids import OrgId
from refbus.errors import Code, RefbusError, StoreError
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Delivery, Desk
from refbus_gateway.cases import case_text
from refbus_gateway.erasure import demand
from refbus_gateway.store import cases, referrals


@dataclass(frozen=True, slots=True)
class Plan:
    """What erasing a case will do: who is told, and which other cases with the same content stay.

    `unread`: why that is not known of a case that cannot be read; it is erased as well. `file_number`: the worker's own
    name for it; `from_`: who referred it here, of a received case; `erased`: it was done, or is being done.
    """

    case: int
    told: tuple[OrgId, ...]
    other_cases: tuple[int, ...]
    unread: Code | None = None
    file_number: str | None = None
    from_: OrgId | None = None
    erased: bool = False


@dataclass(frozen=True, slots=True)
class OrganisationAsked:
    """What became of our word to one organisation. Times in ms UTC; without `told_ms` it was not told at all."""

    organisation: OrgId
    told_ms: int | None
    answer: str | None
    reason: str | None
    answered_ms: int | None
    not_told: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the erasure of a case is. Times in ms UTC; `content`: it is still to be taken out, and tried again."""

    case: int
    own: bool
    ordered_ms: int | None
    destroyed_ms: int | None
    content: bool
    organisations: tuple[OrganisationAsked, ...]


@dataclass(frozen=True, slots=True)
class Unread:
    """A case that cannot be read here, and why."""

    case: int
    unread: Code


@dataclass(frozen=True, slots=True)
class AllProgress:
    """How far all erasures are, and the cases of which that cannot be read."""

    cases: tuple[Progress, ...]
    unread: tuple[Unread, ...]


@dataclass(frozen=True, slots=True)
class Erased(Progress):
    """A case that was erased here, what became of our word to the others, and the other cases with its content."""

    erased: bool
    delivery: Delivery
    other_cases: tuple[int, ...]


def case_of_referral(desk: Desk, actor: Actor, number: int) -> int:
    """Return the number of the case of a referral. Raises RuleError."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        return referrals.case_of(tx, number).id


def erased_case(desk: Desk, actor: Actor, number: int) -> int | None:
    """Return the number of the case of a referral if it was erased, or is being erased, else None. Raises RuleError."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        found = referrals.case_of(tx, number)
    return None if found.live else found.id


def plan(desk: Desk, actor: Actor, number: int) -> Plan:
    """Return what erasing a case will do. Raises RuleError CASE_UNKNOWN."""
    actor.require(Permission.READ_CASES)
    return _plan(desk, number)


def _plan(desk: Desk, number: int) -> Plan:
    with desk.read() as tx:
        found = cases.get(tx, number)
        try:
            own_number = case_text.file_number(tx, number) if found.own and found.live else None
            sender = (
                None if found.own or not found.live else next((each.org for each in referrals.of_case(tx, found)), None)
            )
            planned = demand.plan(desk.gateway, tx, found)
            return Plan(number, *planned, None, own_number, sender, not found.live)
        except StoreError:
            raise
        except RefbusError as error:
            return Plan(number, (), (), error.code)


def erase(desk: Desk, actor: Actor, number: int, *, later: bool = False) -> Erased:
    """Erase a case for ever, and have everyone who received something of it erase it too. Once more does no harm.

    Raises RuleError CASE_UNKNOWN, REENTRY_NEEDED.
    """
    actor.require(Permission.STOP, again=True)
    others = _plan(desk, number).other_cases  # who may say stop need not be one who may read
    demand.erase(desk.gateway, number)
    delivery = desk.deliver(later=later)
    with desk.read() as tx:
        found = demand.progress(tx, cases.get(tx, number))
    return Erased(*_fields(found), erased=True, delivery=delivery, other_cases=others)


def progress(desk: Desk, actor: Actor, number: int) -> Progress:
    """Return how far the erasure of a case is; works when nothing of it is left. Raises RuleError CASE_UNKNOWN."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        return _progress(demand.progress(tx, cases.get(tx, number)))


def all_progress(desk: Desk, actor: Actor) -> AllProgress:
    """Return how far every erasure is that was ordered here, oldest case first."""
    actor.require(Permission.READ_CASES)
    unread: cases.Unread = []
    with desk.read() as tx:
        found = tuple(_progress(each) for each in demand.all_progress(tx, unread))
    return AllProgress(found, tuple(Unread(number, code) for number, code in unread))


def _progress(found: demand.Progress) -> Progress:
    return Progress(*_fields(found))


def _fields(found: demand.Progress) -> tuple[int, bool, int | None, int | None, bool, tuple[OrganisationAsked, ...]]:
    asked = tuple(
        OrganisationAsked(each.org, each.told_ms, each.answer, each.reason, each.answered_ms, each.code)
        for each in found.asked
    )
    return found.case, found.own, found.ordered_ms, found.destroyed_ms, found.content, asked
