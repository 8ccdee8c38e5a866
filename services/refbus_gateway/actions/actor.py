"""Who asks, and what the one who asks may do. What people ask is noted here for the log of the home."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from refbus.core.ids import OrgId, country_of
from refbus.errors import Code, RuleError
from refbus.said import said
from refbus_gateway.people.roles import ALLOWED, Permission, Role
from refbus_gateway.store.doings import Doing

__all__ = ["ALLOWED", "Actor", "Permission", "Role", "take_noted"]

_NUMBERS: Final = ("number", "referral", "case")
_NOTED: ContextVar[tuple[Doing, ...]] = ContextVar("noted", default=())
_MOST_NOTED: Final = 64


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: an organisation, in a role; `person` is the id of who signed in, "" where nobody does.

    `org` is None while no home says whose it is: `keys init`, `restore`. `confirmed`: the passphrase was typed for this
    very request. `reenter` asks for it when it is needed, where somebody sits who can be asked; whether it was right.
    """

    org: OrgId | None
    role: Role = Role.ORGANISATION
    person: str = ""
    confirmed: bool = False
    reenter: Callable[[], bool] | None = field(default=None, repr=False, compare=False)

    @property
    def country(self) -> str:
        """The country of the organisation, "" while no home says whose it is."""
        return country_of(self.org) if self.org else ""

    def require(self, permission: Permission, *, again: bool = False) -> None:
        """Raise RuleError NOT_PERMITTED when this actor may not ask such a thing.

        `again`: it cannot be taken back, so a person types the passphrase for it once more (REENTRY_NEEDED). A no never
        asks for that.
        """
        if permission not in ALLOWED[self.role]:
            raise RuleError(
                Code.NOT_PERMITTED, said("%(role)s asks for %(permission)s", role=self.role, permission=permission)
            )
        if again and self.role is not Role.ORGANISATION and not self.confirmed:
            self._ask_again()
        if self.person:
            _note(self, permission)

    def _ask_again(self) -> None:
        if self.reenter is None or not self.reenter():
            raise RuleError(Code.REENTRY_NEEDED)

    def may(self, permission: Permission) -> bool:
        """Whether this actor may ask such a thing: for what is offered. What is asked for is checked by `require`."""
        return permission in ALLOWED[self.role]


def _note(actor: Actor, permission: Permission) -> None:
    """Note which action asks, and about which case or referral: its number, and no word of it."""
    asking = sys._getframe(2)  # the action, in whose first line `require` stands
    name = f"{asking.f_globals.get('__name__', '').rpartition('.')[2]}.{asking.f_code.co_name}"
    given = (asking.f_locals.get(each) for each in _NUMBERS)
    about = next((each for each in given if isinstance(each, int)), None)
    if permission is not Permission.READ_STATUS:
        _NOTED.set((*_NOTED.get(), Doing(actor.person, actor.role, name, about))[-_MOST_NOTED:])


def take_noted() -> tuple[Doing, ...]:
    """Return what was asked in this context and is in no log yet; from now on it is the caller's."""
    noted = _NOTED.get()
    if noted:
        _NOTED.set(())
    return noted
