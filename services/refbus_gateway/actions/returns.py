"""Asking about returns home: begin one, sign the other side's risk assessment, open one with what is still missing.

Every other step is an answer: `referrals.answer` and `referrals.stop`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.cases import CaseName, named
from refbus_gateway.actions.desk import Delivery, Desk
from refbus_gateway.actions.referrals import CourseOpened, opened_value
from refbus_gateway.courses import opening, referral_steps, returns


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
    """A return with everything that was said in it, and every guard of its departure that is still open."""

    guards: tuple[Code, ...]


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


def open_return(desk: Desk, actor: Actor, number: int, language: str) -> ReturnOpened:
    """Open a return as `referrals.open_course` does, with what still stands in the way of a departure."""
    actor.require(Permission.READ_CASES)
    desk.require_synchronised()
    with desk.write() as tx:
        opened = opening.open_referral(desk.gateway, tx, number, language)
        missing = returns.open_guards(desk.gateway, tx, opened.referral)
        found = opened_value(desk, actor, tx, opened)
    desk.deliver()
    return ReturnOpened(**{each.name: getattr(found, each.name) for each in fields(found)}, guards=missing)
