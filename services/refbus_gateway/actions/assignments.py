"""Asking whose case is whose: give it to a person of this organisation, hand it over, list somebody's."""

from __future__ import annotations

from dataclasses import dataclass

from refbus.errors import Code, RuleError
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.people import users
from refbus_gateway.people.users import State
from refbus_gateway.store import assignments, cases


@dataclass(frozen=True, slots=True)
class Assigned:
    """Whose case it is now, None for nobody's."""

    case: int
    person: str | None


def assign(desk: Desk, actor: Actor, case: int, person: str | None) -> Assigned:
    """Give a case to somebody who may work on it, or to nobody; also how it is handed over. Raises RuleError."""
    actor.require(Permission.ASSIGN)
    with desk.write() as tx:
        cases.get(tx, case)
        whose = None if person is None else users.named(tx, person)
        if whose is not None and whose.state is not State.ACTIVE:
            raise RuleError(Code.NOT_PERMITTED, "locked out")
        person_id = None if whose is None else whose.person_id
        assignments.assign(tx, case, person_id, desk.gateway.now_ms())
    return Assigned(case, person_id)


def cases_of(desk: Desk, actor: Actor, person: str) -> tuple[int, ...]:
    """Return the numbers of the cases that are somebody's, the newest first."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        return tuple(assignments.cases_of(tx, users.named(tx, person).person_id))
