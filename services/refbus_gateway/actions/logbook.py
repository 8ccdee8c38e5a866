"""Asking about the home's own log: which person did what. Rows are written by `Desk` with what each action notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.people import users
from refbus_gateway.store import doings

MOST_LOGGED: Final = 200
"""Most rows of the log that are shown at once."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """Somebody did something; `about`: the number of the case or referral. `person` is shown as colleagues know it."""

    id: int
    at_ms: int
    person: str
    shown: str
    role: str
    action: str
    about: int | None


@dataclass(frozen=True, slots=True)
class LogPage:
    """A part of the log. `whole`: nothing was changed in it or taken out of it without the keys of this home."""

    whole: bool
    total: int
    lines: tuple[LogLine, ...]


def show(desk: Desk, actor: Actor, most: int = 50, skip: int = 0, person: str | None = None) -> LogPage:
    """Return who did what, the newest first, at most MOST_LOGGED at once, and whether the log is whole."""
    actor.require(Permission.READ_LOG)
    with desk.read() as tx:
        names = {each.person_id: each.shown for each in users.every(tx)}
        rows = doings.listed(tx, min(most, MOST_LOGGED), skip, person)
        whole, total = doings.is_whole(tx), doings.count(tx)
    lines = (
        LogLine(row.id, row.at_ms, row.doing.person, names.get(row.doing.person, ""), *_what(row.doing)) for row in rows
    )
    return LogPage(whole, total, tuple(lines))


def _what(doing: doings.Doing) -> tuple[str, str, int | None]:
    return doing.role, doing.action, doing.about
