"""Asking whose case is whose: give it to a person of this organisation, hand it over with a note, list somebody's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from refbus.errors import Code, RuleError
from refbus.said import said
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.people import users
from refbus_gateway.people.roles import ALLOWED
from refbus_gateway.people.users import Person, State
from refbus_gateway.store import assignments, cases
from refbus_gateway.store.session import Transaction

MOST_NOTE: Final = 1000
"""Most characters of a note."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """Whose case it is now, None for nobody's."""

    case: int
    person: str | None


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who may look after a case. `shown`: how colleagues call the person."""

    person: str
    shown: str


@dataclass(frozen=True, slots=True)
class LookedAfter:
    """Who looks after a case (None: nobody), since when (ms UTC, 0 for nobody), with which note; and who else could.

    `person` may be somebody who was locked out since.
    """

    case: int
    person: Colleague | None
    since_ms: int
    note: str = field(repr=False)
    colleagues: tuple[Colleague, ...]


def whose(desk: Desk, actor: Actor, case: int) -> LookedAfter:
    """Return who looks after a case, also one that came from others. Raises RuleError CASE_UNKNOWN."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        found = assignments.of_case(tx, cases.get(tx, case))
        able = _able(tx)
        if found is None:
            return LookedAfter(case, None, 0, "", able)
        person = users.find(tx, found.person_id)
    named = Colleague(found.person_id, person.shown if person else "")
    return LookedAfter(case, named, found.since_ms, found.note, able)


def assign(
    desk: Desk, actor: Actor, case: int, person: str | None, *, note: str = "", replaces: str | None = None
) -> Assigned:
    """Give a case to somebody who may work on it, or to nobody; also how it is handed over, with a note.

    `replaces`: who looked after it as the one who asks knows, "" for nobody; None does not say. Raises RuleError
    CASE_CHANGED when that is somebody else by now, NOT_PERMITTED, CASE_UNKNOWN, TOO_LARGE.
    """
    actor.require(Permission.ASSIGN)
    if len(note) > MOST_NOTE:
        raise RuleError(Code.TOO_LARGE, said("a note has at most %(most)s characters", most=MOST_NOTE))
    with desk.write() as tx:
        found = cases.get(tx, case)
        before = assignments.of_case(tx, found)
        if replaces is not None and replaces != (before.person_id if before else ""):
            raise RuleError(Code.CASE_CHANGED, said("somebody else looks after it by now"))
        to = None if person is None else users.named(tx, person)
        if to is not None and not _may_look_after(to):
            raise RuleError(Code.NOT_PERMITTED, said("locked out, or in a role that reads no cases"))
        person_id = None if to is None else to.person_id
        assignments.assign(tx, found, person_id, note, desk.gateway.now_ms())
    return Assigned(case, person_id)


def cases_of(desk: Desk, actor: Actor, person: str) -> tuple[int, ...]:
    """Return the numbers of the cases that are somebody's, the newest first."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        return tuple(assignments.cases_of(tx, users.named(tx, person).person_id))


def _able(tx: Transaction) -> tuple[Colleague, ...]:
    return tuple(Colleague(each.person_id, each.shown) for each in users.every(tx) if _may_look_after(each))


def _may_look_after(person: Person) -> bool:
    return person.state is State.ACTIVE and Permission.READ_CASES in ALLOWED[person.role]
