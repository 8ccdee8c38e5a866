"""Signing in by a passphrase: counted and slowed; and the second person of what one may not do alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from refbus.clock import Clock
from refbus.errors import Code, RefbusError, RuleError
from refbus.said import said
from refbus_gateway.home import attempts, slots
from refbus_gateway.home.folder import Home
from refbus_gateway.home.slots import Opened
from refbus_gateway.people import users
from refbus_gateway.people.users import State
from refbus_gateway.store.session import Transaction

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Second:
    """Another person who agrees, and types the passphrase."""

    name: str
    passphrase: str = field(repr=False)


def tried(home: Home, who: str, clock: Clock, try_it: Callable[[], _T], address: str = "") -> _T:
    """Try a passphrase: counted, and slowed after failures. `address`: from where on the network it came, if so.

    Raises SlowedError SIGN_IN_SLOWED, SetupError KEYFILE_*.
    """
    home.require()
    with attempts.one_at_a_time(home):
        attempts.require_no_pause(home, who, clock, address)
        try:
            found = try_it()
        except RefbusError as error:
            if error.code is Code.KEYFILE_WRONG_PASSPHRASE:
                attempts.failed(home, who, clock, address)
            raise
        attempts.was_right(home, address)
        return found


def sign_in(path: Path, name: str | None, passphrase: str, clock: Clock, address: str = "") -> Opened:
    """Open the keys of the home in `path`: as a person by name, without it as its unattended service.

    `address` as for `tried`. In a home without people its one passphrase is all, which is not tried here. Raises
    SlowedError SIGN_IN_SLOWED, SetupError as `slots.sign_in`.
    """
    home = Home(path)
    who = slots.find_id(home, name) or attempts.NOBODY
    return tried(home, who, clock, lambda: slots.sign_in(home, name, passphrase), address)


def require_second(tx: Transaction, home: Home, asker: str, second: Second | None, clock: Clock) -> None:
    """Raise RuleError SECOND_NEEDED unless a person other than `asker` agrees; where nobody else could, one is enough.

    PASSPHRASE_PROVISIONAL: a passphrase that somebody else set counts for neither of the two: whoever set it could be
    both.
    """
    others = (users.ids(tx, State.ACTIVE) & set(slots.ids(home))) - {asker}
    if not others:
        return
    _require_own(tx, asker)
    if second is None:
        raise RuleError(Code.SECOND_NEEDED)
    found = sign_in(home.path, second.name, second.passphrase, clock)
    if found.slot not in others:
        raise RuleError(Code.SECOND_NEEDED, said("another person than who asks"))
    _require_own(tx, found.slot)


def deciding(tx: Transaction, home: Home) -> int:
    """Return how many people count where two must agree: they sign in here, with a passphrase that they chose."""
    active = users.ids(tx, State.ACTIVE) & set(slots.ids(home))
    found = (users.find(tx, each) for each in active)
    return sum(1 for each in found if each is not None and not each.provisional)


def _require_own(tx: Transaction, person_id: str) -> None:
    person = users.find(tx, person_id)
    if person is None or person.provisional:
        raise RuleError(Code.PASSPHRASE_PROVISIONAL, "" if person is None else person.name)
