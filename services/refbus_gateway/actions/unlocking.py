"""Asking for a home to stay unlocked at the command line for a while, and to be locked again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.home import agent, agentsocket
from refbus_gateway.home.slots import Opened


@dataclass(frozen=True, slots=True)
class Unlocked:
    """For how many minutes of rest commands ask for no passphrase."""

    minutes: int


@dataclass(frozen=True, slots=True)
class LockedAgain:
    """Whether something was unlocked before."""

    was_unlocked: bool


@dataclass(frozen=True, slots=True)
class Sitting:
    """Who opened the home under which name, and after how many minutes of rest it is locked again."""

    opened: Opened
    name: str
    minutes: int


def unlock(desk: Desk, actor: Actor, sitting: Sitting, environ: Mapping[str, str]) -> Unlocked:
    """Let the agent of this home hold what opened it. Raises SetupError AGENT_UNAVAILABLE."""
    actor.require(Permission.SIGN_IN)
    desk.open()
    path = agentsocket.place(desk.home.path, environ)
    agent.start(path, desk.home.path, sitting.opened, sitting.name, sitting.minutes * 60.0)
    return Unlocked(sitting.minutes)


def held(home: Path, name: str | None, environ: Mapping[str, str]) -> Opened | None:
    """Return what opens a home, from its agent: for who signed in, or for nobody by name. None: it holds nothing."""
    if not agentsocket.HERE:
        return None
    found = agentsocket.ask(agentsocket.place(home, environ), {"ask": "open", "name": name})
    return Opened(str(found["slot"]), str(found["secret"])) if found and found.keys() == {"slot", "secret"} else None


def lock(home: Path, environ: Mapping[str, str]) -> LockedAgain:
    """End the agent of a home. Raises SetupError AGENT_UNAVAILABLE."""
    return LockedAgain(agentsocket.ask(agentsocket.place(home, environ), {"ask": "end"}) is not None)
