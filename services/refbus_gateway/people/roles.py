"""What people are in an organisation, what may be asked, and who may ask it (docs/case-workers/people.md)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """A kind of thing that may be asked."""

    READ_CASES = "READ_CASES"
    WRITE_CASES = "WRITE_CASES"
    TAKE_CONSENT = "TAKE_CONSENT"
    STOP = "STOP"  # withdraw, refuse, deny, cancel, erase: the safe direction
    REFER = "REFER"
    ANSWER = "ANSWER"
    EMERGENCY = "EMERGENCY"
    ASSIGN = "ASSIGN"
    INSPECT = "INSPECT"
    READ_STATUS = "READ_STATUS"
    READ_LOG = "READ_LOG"
    DELIVER = "DELIVER"  # read and send, with nobody at the desk
    SIGN_IN = "SIGN_IN"  # what everybody does for oneself: passphrase, one-time codes
    MANAGE_HOME = "MANAGE_HOME"
    MANAGE_PEOPLE = "MANAGE_PEOPLE"


class Role(StrEnum):
    """What somebody is in an organisation. Until an organisation has people, it acts as a whole."""

    ORGANISATION = "ORGANISATION"
    CASE_WORKER = "CASE_WORKER"
    SUPERVISOR = "SUPERVISOR"
    FOCAL_POINT = "FOCAL_POINT"
    ADMINISTRATOR = "ADMINISTRATOR"
    SERVICE = "SERVICE"


OF_PEOPLE: Final = (Role.CASE_WORKER, Role.SUPERVISOR, Role.FOCAL_POINT, Role.ADMINISTRATOR)
"""The roles that a person can have."""

_SERVICE: Final = frozenset({Permission.STOP, Permission.READ_STATUS, Permission.DELIVER})
_FOCAL_POINT: Final = frozenset(
    {Permission.STOP, Permission.READ_STATUS, Permission.READ_CASES, Permission.ASSIGN, Permission.SIGN_IN}
)
_CASE_WORKER: Final = frozenset(
    {
        Permission.STOP,
        Permission.READ_STATUS,
        Permission.READ_CASES,
        Permission.WRITE_CASES,
        Permission.TAKE_CONSENT,
        Permission.REFER,
        Permission.ANSWER,
        Permission.EMERGENCY,
        Permission.ASSIGN,
        Permission.DELIVER,
        Permission.SIGN_IN,
    }
)
_SUPERVISOR: Final = _CASE_WORKER | {Permission.INSPECT, Permission.READ_LOG}

ALLOWED: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.ORGANISATION: frozenset(Permission),
    Role.CASE_WORKER: _CASE_WORKER,
    Role.SUPERVISOR: _SUPERVISOR,
    Role.FOCAL_POINT: _FOCAL_POINT,
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.SERVICE: _SERVICE,
}
"""What each role may ask. Every role may STOP."""
