"""Asking about a person's no: whom it reaches before it is said, what waits for an answer of ours, what was done."""

from __future__ import annotations

from dataclasses import dataclass

from refbus.core.consent.record import ConsentState
from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory, Purpose
from refbus_gateway.actions import consent
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.consent import OrganisationWithdrawn, beside_value
from refbus_gateway.actions.desk import Delivery, Desk
from refbus_gateway.cases import case_text, casework, onward
from refbus_gateway.courses import referral_steps
from refbus_gateway.erasure import removal
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import cases, disclosures, referrals
from refbus_gateway.store.cases import Case
from refbus_gateway.store.session import Transaction


@dataclass(frozen=True, slots=True)
class Reached:
    """An organisation that a no about a case goes to: whether something of the case reached it, and the consent now.

    `state`, `categories` and `counted` (in published numbers): of the newest word of the person; None and empty without
    any.
    """

    organisation: OrgId
    received: bool
    state: ConsentState | None
    categories: tuple[DataCategory, ...]
    counted: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a no about a case reaches. `same_content_as_cases`: other cases here, which it does not reach by itself."""

    case: int
    own: bool
    file_number: str | None
    organisations: tuple[Reached, ...]
    same_content_as_cases: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OrganisationRefused:
    """An organisation that must never learn of a case from now on; `withdrawn`: what became of what it had."""

    case: int
    withdrawn: OrganisationWithdrawn
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class WithdrawalShown:
    """What came of a person's no and waits for an answer of ours. Times in ms UTC.

    `answer`: what was said already, None for nothing; `passed_on_as_cases`: cases here that were made from it, which it
    does not reach by itself; `may_keep`: whoever asks may say that a law demands to keep the data.
    """

    referral: int
    case: int
    organisation: OrgId
    own: bool
    file_number: str | None
    came_ms: int
    answer: str | None
    passed_on_as_cases: tuple[int, ...]
    may_keep: bool


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What was done after a withdrawal, as it is told to the other side."""

    referral: int
    result: str
    delivery: Delivery


def refuse(desk: Desk, actor: Actor, number: int, org: OrgId, *, later: bool = False) -> OrganisationRefused:
    """Take down that the person does not want an organisation to know of an own case, whatever it knows already.

    Raises RuleError CASE_UNKNOWN.
    """
    actor.require(Permission.STOP)
    with desk.write() as tx:
        casework.deny(tx, cases.get(tx, number), [org])
    done = consent.withdraw(desk, actor, number, org, later=later)
    return OrganisationRefused(number, done.withdrawn[0], done.delivery)


def reach(desk: Desk, actor: Actor, number: int) -> Reach:
    """Return whom a no about a case reaches, before it is said. Raises RuleError CASE_UNKNOWN, KEY_DESTROYED."""
    actor.require(Permission.STOP)
    with desk.read() as tx:
        case = cases.get(tx, number)
        case.require_live()
        parties = cases.readable_parties(tx, case, lambda _: None)
        found = tuple(_reached(desk.gateway, tx, case, party.org) for party in parties)
        own_number = case_text.file_number(tx, number) if case.own else None
        copies = tuple(casework.copies_of(desk.gateway, tx, case)) if case.own else ()
    return Reach(number, case.own, own_number, found, copies)


def waiting(desk: Desk, actor: Actor, number: int) -> WithdrawalShown | None:
    """Return the withdrawal that waits for an answer in the case of a referral, the newest; None without one.

    It opens nothing and needs no line. Raises RuleError REFERRAL_UNKNOWN.
    """
    actor.require(Permission.STOP)
    with desk.read() as tx:
        referral = referrals.get(tx, number)
        rows = referral_steps.waiting_withdrawals(tx, referral)
        if not rows:
            return None
        own_number = case_text.file_number(tx, referral.case_id) if referral.own else None
        passed_on = tuple(onward.made_from(tx, referral))
    return WithdrawalShown(
        number,
        referral.case_id,
        referral.org,
        referral.own,
        own_number,
        rows[-1].created_ms,
        rows[-1].answer,
        passed_on,
        actor.may(Permission.ANSWER),
    )


def acknowledge(
    desk: Desk, actor: Actor, number: int, result: str, reason: str | None = None, *, later: bool = False
) -> Acknowledged:
    """Tell what was done after a withdrawal. ERASED destroys the case here; to keep it needs a `reason`, and ANSWER.

    Raises RuleError STATE_NOT_ALLOWED when no withdrawal waits, REASON_REQUIRED.
    """
    actor.require(Permission.STOP)
    if reason is not None:
        actor.require(Permission.ANSWER)
    with desk.write() as tx:
        referral_steps.acknowledge(desk.gateway, tx, number, result, reason)
    removal.settle(desk.gateway)
    return Acknowledged(number, result, desk.deliver(later=later))


def _reached(gateway: Gateway, tx: Transaction, case: Case, org: OrgId) -> Reached:
    beside = beside_value(gateway, tx, case, org)
    got = not case.own or disclosures.reached(tx, case, org)
    if beside is None:
        return Reached(org, got, None, (), counted=False)
    return Reached(org, got, beside.state, beside.categories, Purpose.STATISTICS_NON_IDENTIFYING in beside.purposes)
