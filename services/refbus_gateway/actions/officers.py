"""Asking about the officers of this organisation, who decide about an emergency: name, list, remove, vouch for them."""

from __future__ import annotations

from dataclasses import dataclass

from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.actions.people import Second, require_second
from refbus_gateway.people import admission, officers


@dataclass(frozen=True, slots=True)
class OfficerAdded:
    """An officer, named by the id of the key (hex), and the role."""

    officer: str
    role: str


@dataclass(frozen=True, slots=True)
class OfficerListed:
    """An officer of the list, and whether the organisation vouches for that key now."""

    officer: str
    role: str
    endorsed: bool


@dataclass(frozen=True, slots=True)
class OfficerRemoved:
    """An officer who decides nothing any more, and whose key is destroyed."""

    officer: str


@dataclass(frozen=True, slots=True)
class RollRenewed:
    """Until when (ms UTC) the organisation vouches for its officers."""

    valid_until_ms: int


@dataclass(frozen=True, slots=True)
class FourEyes:
    """How many people chose their passphrase, how many officers are named; `alone`: one person can be both of two."""

    people: int
    officers: int
    alone: bool


def four_eyes(desk: Desk, actor: Actor) -> FourEyes:
    """Return whether what needs two people has two here (docs/adr/0070-an-office-of-one.md)."""
    actor.require(Permission.READ_STATUS)
    with desk.read() as tx:
        people = admission.deciding(tx, desk.home)
    named = len(officers.listed(desk.home, desk.gateway.now_ms()))
    return FourEyes(people, named, people < 2)


def require_role(desk: Desk, actor: Actor, role: str) -> None:
    """Raise SetupError USAGE, before anybody types a passphrase, unless an officer of this home can have this role."""
    actor.require(Permission.MANAGE_PEOPLE)
    desk.home.require()
    officers.require_role(role)


def add(desk: Desk, actor: Actor, role: str, passphrase: str, second: Second | None = None) -> OfficerAdded:
    """Make a key for an officer under a passphrase of one's own, and vouch for it.

    Where several people work here a `second` one agrees: nobody alone makes both officers of a decision. Raises
    SetupError USAGE, RuleError SECOND_NEEDED, PASSPHRASE_PROVISIONAL.
    """
    actor.require(Permission.MANAGE_PEOPLE)
    require_second(desk, actor, second)
    made = officers.add(desk.gateway, desk.home, role, passphrase)
    return OfficerAdded(made.kid.hex(), role)


def listed(desk: Desk, actor: Actor, now_ms: int) -> tuple[OfficerListed, ...]:
    """Return every officer, and whether the organisation vouches for each at `now_ms` (UTC). It needs no key."""
    actor.require(Permission.MANAGE_PEOPLE)
    found = officers.listed(desk.home, now_ms)
    return tuple(OfficerListed(each.officer.kid.hex(), each.officer.role, each.endorsed) for each in found)


def renew(desk: Desk, actor: Actor) -> RollRenewed:
    """Let the organisation vouch for its officers anew, for ninety days."""
    actor.require(Permission.MANAGE_PEOPLE)
    return RollRenewed(officers.renew(desk.gateway, desk.home).roll.valid_until_ms)


def remove(desk: Desk, actor: Actor, name: str) -> OfficerRemoved:
    """Take an officer off the roll and destroy the key. Raises SetupError USAGE when no officer is named so."""
    actor.require(Permission.MANAGE_PEOPLE)
    return OfficerRemoved(officers.remove(desk.gateway, desk.home, name).kid.hex())
