"""Asking how much there is: courses that were sent from here and came here, by state."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.reports import overview


@dataclass(frozen=True, slots=True)
class StateCount:
    """So many courses that were sent from here, and that came here, are in this state."""

    state: str
    sent: int
    received: int


@dataclass(frozen=True, slots=True)
class OwnCounts:
    """How many courses were sent from here and came here, in all and by state."""

    sent: int
    received: int
    states: tuple[StateCount, ...]


def show(desk: Desk, actor: Actor) -> OwnCounts:
    """Return how many courses were sent from here and came here, by state. What cannot be read is not counted."""
    actor.require(Permission.READ_STATUS)
    with desk.read() as tx:
        sent = overview.referral_lines(tx, own=True, unread=[], unread_cases=[])
        received = overview.referral_lines(tx, own=False, unread=[], unread_cases=[])
    by_state = [Counter(line.view.status for line in lines) for lines in (sent, received)]
    states = sorted({state for each in by_state for state in each})
    return OwnCounts(
        len(sent), len(received), tuple(StateCount(each, *(of[each] for of in by_state)) for each in states)
    )
