"""Asking about the organisation's cases: keep one, change it, deny organisations, list them, show one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from refbus.core.consent.age import AgeGroup
from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory, EventType, Priority, Purpose
from refbus.errors import Code
from refbus.wire.payload import as_decoded
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.cases import case_text, casework, onward
from refbus_gateway.consent import endings
from refbus_gateway.consent.endings import Ending
from refbus_gateway.forms.problems import CaseInvalidError, Problem
from refbus_gateway.rules import age_check
from refbus_gateway.store import cases, referrals
from refbus_gateway.store.cases import Case
from refbus_gateway.store.session import Transaction
from refbus_gateway.words.payloads import Sections, render

CaseName = int | bytes
"""The number of a case, or the content of a case file: one that is not known yet becomes a case."""


@dataclass(frozen=True, slots=True)
class CaseKept:
    """A case that is kept here now."""

    case: int


@dataclass(frozen=True, slots=True)
class CaseCopied:
    """A new case with the content of another."""

    case: int
    copy_of: int


@dataclass(frozen=True, slots=True)
class CaseChanged:
    """A case whose file was replaced, and the name of its new state."""

    case: int
    revision: str


@dataclass(frozen=True, slots=True)
class OwnCase:
    """An own case to choose. `file_number`: the worker's own."""

    case: int
    file_number: str | None


@dataclass(frozen=True, slots=True)
class OwnCases:
    """Own cases that can be worked on, oldest first."""

    cases: tuple[OwnCase, ...]


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case in a list. Of an erased case only its number and dates are left. Times in ms UTC.

    `file_number`: the worker's own; `unread`: why a damaged one cannot be read here.
    """

    case: int
    own: bool
    created_ms: int
    erased: bool
    file_number: str | None
    parties: tuple[OrgId, ...]
    referrals: tuple[int, ...]
    unread: Code | None


@dataclass(frozen=True, slots=True)
class CasePage:
    """A part of all cases, the newest last, and how many there are in all."""

    total: int
    cases: tuple[CaseLine, ...]


@dataclass(frozen=True, slots=True)
class CaseShown:
    """An own case as it would be sent now."""

    case: int
    file_number: str | None
    purpose: Purpose
    priority: Priority
    categories: frozenset[DataCategory]
    age: AgeGroup
    age_contradictions: tuple[str, ...]
    consents_ending: tuple[Ending, ...]
    content: Sections


def add(desk: Desk, actor: Actor, content: bytes, denied: Collection[OrgId] = ()) -> CaseKept:
    """Check a case file and keep it as a case; `denied` must never know of it. Raises CaseInvalidError, TOO_LARGE."""
    actor.require(Permission.WRITE_CASES)
    with desk.write() as tx:
        case = named(desk, actor, tx, content)
        casework.deny(tx, case, denied)
    return CaseKept(case.id)


def check(desk: Desk, actor: Actor, content: bytes) -> tuple[Problem, ...]:
    """Return everything that is wrong with a case file, as `add` would tell it; nothing is kept."""
    actor.require(Permission.WRITE_CASES)
    try:
        casework.judged(desk.gateway, content)
    except CaseInvalidError as error:
        return error.problems
    return ()


def require_known(desk: Desk, actor: Actor, case: CaseName) -> None:
    """Raise RuleError CASE_UNKNOWN for a number that no case has, before anybody writes what is about it."""
    actor.require(Permission.READ_CASES)
    if isinstance(case, int):
        with desk.read() as tx:
            cases.get(tx, case)


def update(desk: Desk, actor: Actor, number: int, content: bytes, *, replaces: str | None = None) -> CaseChanged:
    """Put an edited case file in place of the one that a case has. What was sent stays as it was sent.

    Raises RuleError CASE_CHANGED when somebody else changed it meanwhile, CaseInvalidError.
    """
    actor.require(Permission.WRITE_CASES)
    with desk.write() as tx:
        revision = casework.update_case(desk.gateway, tx, cases.get(tx, number), content, replaces=replaces)
    return CaseChanged(number, revision)


def file_to_edit(desk: Desk, actor: Actor, number: int) -> Mapping[str, Any]:
    """Return the case file of an own case, with the revision that it was taken at. Raises RuleError CASE_UNKNOWN."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        return casework.file_to_edit(tx, cases.get(tx, number))


def listed(desk: Desk, actor: Actor, most: int | None = None, skip: int = 0) -> CasePage:
    """Return so many of the newest cases (None: all) behind the `skip` newest, own and received.

    A case that cannot be read hides no other.
    """
    actor.require(Permission.READ_CASES)
    unread: cases.Unread = []
    with desk.read() as tx:
        total, found = cases.count(tx), cases.newest(tx, most, skip, unread)
        live = [case for case in found if case.live]
        numbers = referrals.numbers_by_case(tx, (case.id for case in live))
        parties = cases.parties_of(tx, live)
        damaged = {case.id: Code.HOME_DAMAGED for case in live if case.id not in parties} | dict(unread)
        files = case_text.file_numbers(tx, [case.id for case in found])
        found += [cases.without_key(tx, number) for number, _ in unread]
    lines = [
        CaseLine(
            case.id,
            case.own,
            case.created_ms,
            not case.live and case.id not in damaged,
            files.get(case.id),
            tuple(parties.get(case.id, ())),
            tuple(numbers.get(case.id, ())),
            damaged.get(case.id),
        )
        for case in sorted(found, key=lambda one: one.id)
    ]
    return CasePage(total, tuple(lines))


def own(desk: Desk, actor: Actor, most: int) -> OwnCases:
    """Return those of so many newest cases that can be worked on: our own, neither erased nor being erased."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        numbers = [case.id for case in cases.newest(tx, most, 0, []) if case.own and case.live]
        files = case_text.file_numbers(tx, numbers)
    return OwnCases(tuple(OwnCase(number, files.get(number)) for number in numbers))


def show(desk: Desk, actor: Actor, case: CaseName, language: str, *, codes: bool = True) -> CaseShown:
    """Return an own case as it would be sent now, its content in the words of a language, with codes or without."""
    actor.require(Permission.READ_CASES)
    with desk.write() as tx:
        found = named(desk, actor, tx, case)
        file = casework.file_of(desk.gateway, tx, found)
        ending = endings.endings(desk.gateway, tx, found)
        age = age_check.age_in_case(desk.gateway, tx, found)
        own_number = case_text.file_number(tx, found.id)
    request = EventType.REFERRAL_REQUESTED
    return CaseShown(
        found.id,
        own_number,
        file.purpose,
        file.priority,
        file.categories,
        age.group,
        tuple(age.contradictions),
        tuple(ending),
        render(request, as_decoded(request, file.fields), language, codes=codes),
    )


def nickname(desk: Desk, actor: Actor, number: int) -> str | None:
    """Return the worker's own file number of an own case, None where there is none, or no such case."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        return case_text.file_number(tx, number)


def copy(desk: Desk, actor: Actor, number: int) -> CaseCopied:
    """Make a new case with the content of an own one, which cannot be joined with it. Raises RuleError CASE_UNKNOWN."""
    actor.require(Permission.WRITE_CASES)
    with desk.write() as tx:
        made = casework.copy_case(desk.gateway, tx, cases.get(tx, number))
    return CaseCopied(made.id, number)


def onward_file(desk: Desk, actor: Actor, referral: int, withhold: Collection[DataCategory] = ()) -> str:
    """Return a case file of what a referral brought, to refer the person on. Everything that waits is read first.

    Raises ConsentError when the consent does not allow it, UncheckableError NOT_SYNCHRONISED.
    """
    actor.require(Permission.WRITE_CASES)
    desk.require_synchronised()
    with desk.read() as tx:
        return onward.case_document(desk.gateway, tx, referral, withhold)


def named(
    desk: Desk, actor: Actor, tx: Transaction, case: CaseName, makes: Permission = Permission.WRITE_CASES
) -> Case:
    """Return the case of a number, or of a case file. A file that is new becomes a case: `makes` is asked for that.

    STOP where a no is taken down, EMERGENCY in an emergency: neither waits for another permission. Raises RuleError
    CASE_UNKNOWN, NOT_PERMITTED; CaseInvalidError, TOO_LARGE.
    """
    if isinstance(case, int):
        return cases.get(tx, case)
    known = casework.find_case(tx, case)
    if known is not None:
        return known
    actor.require(makes)
    return casework.add_case(desk.gateway, tx, case)
