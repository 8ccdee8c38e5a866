"""Asking about returns home: begin one, sign the other side's risk assessment, open one with what is still missing.

Every other step is an answer: `referrals.answer` and `referrals.stop`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from refbus.core.courses.course import statuses
from refbus.core.courses.deadlines import ALARMS as _ALARMS
from refbus.core.courses.machine import CourseKind
from refbus.core.courses.repatriation import BEFORE_JOURNEY
from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.cases import CaseName, named
from refbus_gateway.actions.desk import Delivery, Desk
from refbus_gateway.actions.referrals import CourseOpened, ReferralListed, listed_value, opened_value
from refbus_gateway.cases import case_text
from refbus_gateway.courses import opening, referral_steps, returns, standing
from refbus_gateway.reports import lookups as refreshing
from refbus_gateway.reports import overview
from refbus_gateway.rules import course_state, papers
from refbus_gateway.store import lookups, referrals
from refbus_gateway.store.lookups import Wanted
from refbus_gateway.store.session import slices


@dataclass(frozen=True, slots=True)
class ReturnBegun:
    """A return; when the same wish had been sent before it was left alone."""

    case: int
    return_: int
    to: OrgId
    sent_before: bool


@dataclass(frozen=True, slots=True)
class ReturnQueued(ReturnBegun):
    """A return that was not begun before, and whose wish was queued."""

    delivery: Delivery


@dataclass(frozen=True, slots=True)
class RiskCoSigned:
    """The other organisation's risk assessment, which was signed here too."""

    return_: int
    event: int
    type: EventType
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class ReturnOpened(CourseOpened):
    """A return with everything that was said in it, and every guard of its departure that is still open.

    `documents`: the kinds of travel document that both countries accept; none once the person has left.
    """

    guards: tuple[Code, ...]
    documents: tuple[str, ...]


Check = standing.Check
"""A condition of the departure, and whose turn it is."""
Wait = standing.Wait
"""What is waited for, until when, from whom."""
Route = papers.Route
"""The way to another country: the kinds of travel document that both accept."""


@dataclass(frozen=True, slots=True)
class ReturnStanding:
    """How a return stands: conditions of the departure (none after it), what is waited for, whether we may sign theirs.

    `to_sign`: the other organisation assessed the risks, and we have not signed that text. `route`: the way home.
    """

    checks: tuple[Check, ...]
    waits: tuple[Wait, ...]
    to_sign: bool
    route: Route


@dataclass(frozen=True, slots=True)
class ReturnListed:
    """A return in a list; `expected_ms` (UTC) of a person on the road or a hand-over, `late` when that is over."""

    course: ReferralListed
    expected_ms: int | None
    late: bool


def begin(
    desk: Desk,
    actor: Actor,
    case: CaseName,
    to: OrgId,
    wish: Mapping[str, Any],
    *,
    withhold: Collection[DataCategory] = (),
    later: bool = False,
) -> ReturnBegun:
    """Begin the return of the person of an own case; the same wish to the same organisation again changes nothing.

    Raises CaseInvalidError with every problem of `wish`, ConsentError, RuleError, UncheckableError.
    """
    actor.require(Permission.REFER, again=True)
    with desk.write() as tx:
        found = named(desk, actor, tx, case)
        sent = returns.begin(desk.gateway, tx, found, to, wish, withhold=withhold)
    told = found.id, sent.referral.id, sent.referral.org, sent.again
    return ReturnBegun(*told) if sent.again else ReturnQueued(*told, desk.deliver(later=later))


def co_sign(desk: Desk, actor: Actor, number: int, *, later: bool = False) -> RiskCoSigned:
    """Sign the risk assessment that the other organisation recorded, word for word. What waits is read first.

    Raises RuleError REFERRAL_UNKNOWN, STATE_NOT_ALLOWED; ConsentError; UncheckableError NOT_SYNCHRONISED.
    """
    actor.require(Permission.ANSWER)
    desk.require_synchronised()
    with desk.write() as tx:
        event = referral_steps.co_sign(desk.gateway, tx, number)
    return RiskCoSigned(number, event.id, event.block.event_type, desk.deliver(later=later))


def listed(desk: Desk, actor: Actor) -> tuple[ReturnListed, ...]:
    """Return every return, those that are late first, then the newest. It needs no line; nothing is opened."""
    actor.require(Permission.READ_CASES)
    now_ms = desk.gateway.now_ms()
    refreshing.refresh(desk.gateway)
    with desk.read() as tx:
        numbers, _ = lookups.find(tx, Wanted(states=statuses(CourseKind.REPATRIATION)), most=None)
        parts = (overview.referral_lines(tx, numbers=some, unread=[], unread_cases=[]) for some in slices(numbers))
        lines = [line for part in parts for line in part if line.view.kind is CourseKind.REPATRIATION]
        files = case_text.file_numbers(tx, {line.referral.case_id for line in lines if line.referral.own})
        stop = referral_steps.cases_to_answer(tx)
        found = []
        for line in lines:
            waits = standing.waits(desk.gateway, tx, line.referral, line.view) if line.view.is_open else ()
            expected_ms = next((each.due_ms for each in waits if each.kind in _ALARMS), None)
            value = listed_value(line, files.get(line.referral.case_id), line.referral.case_id in stop)
            found.append(ReturnListed(value, expected_ms, expected_ms is not None and expected_ms < now_ms))
    return tuple(sorted(found, key=lambda each: (not each.late, -each.course.referral)))


def stands(desk: Desk, actor: Actor, number: int) -> ReturnStanding:
    """Return how a return stands, from what is here. Raises RuleError REFERRAL_UNKNOWN."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        referral = referrals.get(tx, number)
        view = course_state.view_of(tx, referral)
        events = referrals.events_of(tx, referral)
        waiting = view.kind is CourseKind.REPATRIATION and view.state in BEFORE_JOURNEY
        checks = standing.checks(desk.gateway, tx, referral) if waiting else ()
        waits = standing.waits(desk.gateway, tx, referral, view) if view.is_open else ()
    risk = next((each for each in checks if each.guard is Code.GUARD_RISK_ASSESSMENT), None)
    assessed = any(each.block.event_type is EventType.RISK_ASSESSED and not each.outgoing for each in events)
    signs = risk is not None and ((not risk.met and risk.ours) or Code.GUARD_RISK_DIFFERS in risk.wrong)
    return ReturnStanding(checks, waits, assessed and signs, papers.route_to(desk.gateway, referral.org))


def routes(desk: Desk, actor: Actor) -> tuple[Route, ...]:
    """Return the way to each other country, with the travel documents that suffice for it. It needs no line."""
    actor.require(Permission.READ_CASES)
    return papers.routes(desk.gateway)


def route(desk: Desk, actor: Actor, number: int) -> Route:
    """Return the way of a return, with the travel documents that suffice. Raises RuleError REFERRAL_UNKNOWN."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        return papers.route_to(desk.gateway, referrals.get(tx, number).org)


def open_return(desk: Desk, actor: Actor, number: int, language: str, *, codes: bool = True) -> ReturnOpened:
    """Open a return as `referrals.open_course` does, with what still stands in the way of a departure."""
    actor.require(Permission.READ_CASES)
    desk.require_synchronised()
    with desk.write() as tx:
        opened = opening.open_referral(desk.gateway, tx, number, language, codes=codes)
        missing = returns.open_guards(desk.gateway, tx, opened.referral)
        waiting = opened.view.state in BEFORE_JOURNEY
        documents = papers.route_to(desk.gateway, opened.referral.org).documents if waiting else ()
        found = opened_value(desk, actor, tx, opened)
    desk.deliver()
    opened_fields = {each.name: getattr(found, each.name) for each in fields(found)}
    return ReturnOpened(**opened_fields, guards=missing, documents=documents)
