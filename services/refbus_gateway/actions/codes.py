"""Asking for one-time codes at one's own sign-in; a telephone that is lost is mended by two people."""

from __future__ import annotations

from dataclasses import dataclass, field

from refbus.errors import Code, RuleError, SetupError
from refbus.said import said
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.actions.people import require_second
from refbus_gateway.people import onetime, users
from refbus_gateway.people.admission import Second
from refbus_gateway.people.shown import PersonShown, shown


@dataclass(frozen=True, slots=True)
class CodesBegun:
    """Shown until a first code confirms it: secret and address for the telephone, and spare codes for paper."""

    secret: str = field(repr=False)
    address: str = field(repr=False)
    spare: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class OwnCodes:
    """Whether one's own sign-in asks for codes, how many spare ones are left, and what waits for a first code."""

    on: bool
    spare_left: int
    begun: CodesBegun | None


def own(desk: Desk, actor: Actor) -> OwnCodes:
    """Return where one's own codes stand. What was begun is shown until it is confirmed, to oneself alone."""
    actor.require(Permission.SIGN_IN)
    with desk.read() as tx:
        person = users.named(tx, actor.person)
    begun = onetime.waiting(person, _label(desk))
    waits = None if begun is None else CodesBegun(begun.secret, begun.address, begun.spare)
    return OwnCodes(bool(person.secret), len(person.spare), waits)


def begin(desk: Desk, actor: Actor) -> CodesBegun:
    """Begin to use one-time codes; sign-in asks for them once `confirm` was given a first one.

    Codes that are used already stay until then.
    """
    actor.require(Permission.SIGN_IN, again=True)
    with desk.write() as tx:
        kept, made = onetime.begin(users.named(tx, actor.person), _label(desk))
        users.save(tx, kept)
    return CodesBegun(made.secret, made.address, made.spare)


def confirm(desk: Desk, actor: Actor, code: str) -> PersonShown:
    """Ask for a code at each of one's own sign-ins from now on: the telephone has the secret, as this code shows.

    Raises RuleError CODE_WRONG, SetupError USAGE when nothing was begun.
    """
    actor.require(Permission.SIGN_IN)
    with desk.write() as tx:
        person = users.named(tx, actor.person)
        if not person.pending:
            raise SetupError(Code.USAGE, said("no codes were begun: refbus people codes"))
        kept = onetime.confirm(person, code, desk.gateway.now_ms())
        if kept is None:
            raise RuleError(Code.CODE_WRONG)
        users.save(tx, kept)
    return shown(desk.home, kept)


def end(desk: Desk, actor: Actor) -> PersonShown:
    """Ask for no one-time codes any more at one's own sign-in; forget what was begun."""
    actor.require(Permission.SIGN_IN, again=True)
    with desk.write() as tx:
        users.save(tx, kept := onetime.end(users.named(tx, actor.person)))
    return shown(desk.home, kept)


def remove(desk: Desk, actor: Actor, person: str, second: Second | None = None) -> PersonShown:
    """Take away the codes of somebody who lost the telephone: a `second` person agrees, where there is one.

    Raises RuleError SECOND_NEEDED, PASSPHRASE_PROVISIONAL, SetupError USAGE.
    """
    actor.require(Permission.MANAGE_PEOPLE, again=True)
    require_second(desk, actor, second)
    with desk.write() as tx:
        users.save(tx, kept := onetime.end(users.named(tx, person)))
    return shown(desk.home, kept)


def _label(desk: Desk) -> str:
    return f"Referral Bus {desk.gateway.me}"
