"""Who asks, and what the one who asks may do: one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from refbus.core.ids import OrgId
from refbus.errors import Code, RuleError


class Permission(StrEnum):
    """A kind of thing that may be asked."""

    READ_CASES = "READ_CASES"
    WRITE_CASES = "WRITE_CASES"
    TAKE_CONSENT = "TAKE_CONSENT"
    STOP = "STOP"  # withdraw, refuse, deny, cancel, erase: the safe direction
    REFER = "REFER"
    ANSWER = "ANSWER"
    EMERGENCY = "EMERGENCY"
    INSPECT = "INSPECT"
    READ_STATUS = "READ_STATUS"
    MANAGE_HOME = "MANAGE_HOME"
    MANAGE_PEOPLE = "MANAGE_PEOPLE"


class Role(StrEnum):
    """What somebody is in an organisation. Until an organisation has users, it acts as a whole."""

    ORGANISATION = "ORGANISATION"


ALLOWED: Final[Mapping[Role, frozenset[Permission]]] = {Role.ORGANISATION: frozenset(Permission)}
"""What each role may ask. Every role may STOP."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: an organisation, in a role. `org` is None while no home says whose it is: `keys init`, `restore`."""

    org: OrgId | None
    role: Role = Role.ORGANISATION

    def require(self, permission: Permission) -> None:
        """Raise RuleError NOT_PERMITTED when this actor may not ask such a thing."""
        if permission not in ALLOWED[self.role]:
            raise RuleError(Code.NOT_PERMITTED, f"{self.role} asks for {permission}")
