"""How a return stands for people: every condition of the departure with whose turn it is, and what is waited for."""

from __future__ import annotations

from dataclasses import dataclass

from refbus.core.courses import deadlines
from refbus.core.courses.course import CourseView
from refbus.core.courses.deadlines import DeadlineKind
from refbus.core.courses.guards import CONTENT_GUARDS, EVENT_GUARDS, EventGuard
from refbus.core.courses.machine import Role
from refbus.core.courses.repatriation import TABLE
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from refbus_gateway.courses import returns
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules import course_state
from refbus_gateway.store import referrals
from refbus_gateway.store.referrals import EventStatus, Referral
from refbus_gateway.store.session import Transaction


@dataclass(frozen=True, slots=True)
class Check:
    """A condition of the departure. `wrong`: what its content leaves open; `settled_by`: the event that comes next.

    `ours`, `theirs`: who may say that event now.
    """

    guard: Code
    met: bool
    wrong: tuple[Code, ...]
    settled_by: EventType
    ours: bool
    theirs: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that is waited for until `due_ms` (UTC), from us (`ours`) or them; `month` of a contact, else 0."""

    kind: DeadlineKind
    due_ms: int
    ours: bool
    month: int


def checks(gateway: Gateway, tx: Transaction, referral: Referral) -> tuple[Check, ...]:
    """Return every condition of the departure of a return in the order of the road."""
    events, role = referrals.events_of(tx, referral), course_state.role_in(referral)
    counting = [event for event in events if event.status is not EventStatus.REFUSED]
    missing = set(returns.gaps(gateway, tx, referral, counting))
    minor = returns.details_of(counting).minor
    view = course_state.view_from(counting, ())
    said = {(event.block.event_type, view.role_of(event.block.sender)) for event in counting}
    due = [guard for guard in EVENT_GUARDS if minor or not guard.minors_only]
    found = [_check(guard, missing, said, role) for guard in due]
    if Code.GUARD_PROTECTED in missing:
        stop = EventType.REPATRIATION_ABORTED
        found.insert(0, Check(Code.GUARD_PROTECTED, False, (), stop, ours=True, theirs=True))
    if returns.children_behind(gateway, tx, referral):
        begins = EventType.RETURN_WISH_RECORDED
        found.append(Check(Code.GUARD_COMPANION, False, (), begins, ours=True, theirs=False))
    return tuple(found)


def waits(gateway: Gateway, tx: Transaction, referral: Referral, view: CourseView) -> tuple[Wait, ...]:
    """Return what is waited for in a return: the person on the road, the hand-over, the contacts afterwards."""
    directory = gateway.newest_directory()
    source = directory.find(view.source) if directory and view.source else None
    policy = directory.policies.get(source.country) if directory and source else None
    if policy is None:
        return ()
    facts = [course_state.fact_of(event) for event in referrals.events_of(tx, referral)]
    steps = deadlines.steps_of(facts, policy, view)
    role = course_state.role_in(referral)
    kinds = {DeadlineKind.LEG, DeadlineKind.ESCORT, DeadlineKind.HANDOVER, DeadlineKind.MONITORING}
    found = {
        Wait(step.kind, step.due_ms, step.responsible is role, step.number) for step in steps if step.kind in kinds
    }
    return tuple(sorted(found, key=lambda wait: (wait.due_ms, wait.month)))


def _check(guard: EventGuard, missing: set[Code], said: set[tuple[EventType, Role | None]], role: Role) -> Check:
    wrong = tuple(
        each.code
        for each in CONTENT_GUARDS
        if each.code in missing and each.settled_by[0] in guard.settled_by and each.code is not Code.GUARD_PROTECTED
    )
    met = guard.code not in missing
    kinds = {kind for kind, _ in said}
    settles = next((kind for kind in guard.settled_by if kind not in kinds), guard.settled_by[-1])
    emitters = set(TABLE[settles].emitters)
    if guard.code is Code.GUARD_RISK_ASSESSMENT and not met:
        emitters -= {each for kind, each in said if kind is EventType.RISK_ASSESSED and each}
    theirs = Role.TARGET if role is Role.SOURCE else Role.SOURCE
    return Check(guard.code, met, wrong if met else (), settles, role in emitters, theirs in emitters)
