"""Asking for disclosure without consent, to protect a life: two officers decide, a third one reviews.

It is opened by `referrals.open_course`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from refbus.core.consent.legal_basis import MOST_HOURS, ReviewResult
from refbus.core.ids import OrgId
from refbus.errors import Code, ConsentError
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.cases import CaseName, named
from refbus_gateway.actions.desk import Delivery, Desk
from refbus_gateway.actions.officers import OfficerListed
from refbus_gateway.courses import emergencies
from refbus_gateway.people import officers
from refbus_gateway.store import referrals

_TWO: Final = 2
Decision = emergencies.Decision
"""What two officers decided."""


@dataclass(frozen=True, slots=True)
class OfficerWord:
    """An officer, named by the beginning of the key id, who types the passphrase of that key."""

    officer: str
    passphrase: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EmergencyRule:
    """What the country allows: whether at all, for how many hours, reviewed within how many; and the officers here.

    `possible`: it is allowed, and two officers can decide.
    """

    allowed: bool
    most_hours: int
    review_hours: int
    officers: tuple[OfficerListed, ...]
    possible: bool


@dataclass(frozen=True, slots=True)
class EmergencyInvoked:
    """An emergency disclosure that was queued."""

    case: int
    emergency: int
    to: OrgId
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class EmergencyReviewed:
    """What an independent officer found of an emergency disclosure."""

    emergency: int
    result: ReviewResult
    delivery: Delivery


def rule(desk: Desk, actor: Actor) -> EmergencyRule:
    """Return what the country allows, and who can decide, before anybody writes anything. Raises UncheckableError."""
    actor.require(Permission.EMERGENCY)
    policy, now_ms = desk.gateway.policy(), desk.gateway.now_ms()
    found = officers.listed(desk.home, now_ms)
    able = tuple(OfficerListed(each.officer.kid.hex(), each.officer.role, each.endorsed) for each in found)
    return EmergencyRule(
        policy.emergency_disclosure,
        min(MOST_HOURS, policy.emergency_max_hours),
        policy.emergency_review_hours,
        able,
        possible=policy.emergency_disclosure and sum(each.endorsed for each in able) >= _TWO,
    )


def check_decision(desk: Desk, actor: Actor, to: OrgId, names: Iterable[str]) -> None:
    """Raise, before anybody types a passphrase, unless the country allows it, and officers and recipient are known.

    Raises ConsentError EMERGENCY_OFF, SetupError USAGE, UncheckableError ORGANISATION_UNKNOWN.
    """
    actor.require(Permission.EMERGENCY)
    if not desk.gateway.policy().emergency_disclosure:
        raise ConsentError((Code.EMERGENCY_OFF,))
    for name in names:
        officers.find(desk.home, name)
    desk.gateway.organisation(to)


def invoke(
    desk: Desk,
    actor: Actor,
    case: CaseName,
    decision: Decision,
    words: Iterable[OfficerWord],
    *,
    later: bool = False,
) -> EmergencyInvoked:
    """Disclose the least of an own case to one organisation, on the word of two officers.

    Raises ConsentError with every rule that it breaks, CaseInvalidError, RuleError, SetupError USAGE, KEYFILE_*.
    """
    actor.require(Permission.EMERGENCY, again=True)
    pairs = tuple(officers.unlock(desk.gateway, desk.home, each.officer, each.passphrase) for each in words)
    roll = officers.roll_of(desk.home)
    with desk.write() as tx:
        found = named(desk, actor, tx, case, Permission.EMERGENCY)
        made = emergencies.invoke(desk.gateway, tx, found, decision, (roll, pairs))
    return EmergencyInvoked(found.id, made.id, made.org, desk.deliver(later=later))


def check_review(desk: Desk, actor: Actor, number: int, name: str) -> None:
    """Raise, before anybody types a passphrase, unless the officer and the emergency are known.

    Raises SetupError USAGE, RuleError REFERRAL_UNKNOWN.
    """
    actor.require(Permission.EMERGENCY)
    officers.find(desk.home, name)
    with desk.read() as tx:
        referrals.get(tx, number)


def review(
    desk: Desk, actor: Actor, number: int, result: ReviewResult, word: OfficerWord, *, later: bool = False
) -> EmergencyReviewed:
    """Report what an officer who did not decide found; the recipient hears it too.

    Raises ConsentError REVIEWER_NOT_INDEPENDENT, RuleError REFERRAL_UNKNOWN, STATE_NOT_ALLOWED; SetupError USAGE,
    KEYFILE_*.
    """
    actor.require(Permission.EMERGENCY)
    pair = officers.unlock(desk.gateway, desk.home, word.officer, word.passphrase)
    with desk.write() as tx:
        emergencies.review(desk.gateway, tx, number, result, pair)
    return EmergencyReviewed(number, result, desk.deliver(later=later))
