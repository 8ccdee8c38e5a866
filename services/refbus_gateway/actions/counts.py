"""Asking how much there is: courses that were sent from here and came here, by state."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from refbus.core.courses.course import statuses
from refbus.core.courses.machine import CourseKind
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.reports import lookups as refreshing
from refbus_gateway.store import lookups


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
    refreshing.refresh(desk.gateway)
    with desk.read() as tx:
        found = Counter(lookups.count_states(tx, statuses(*CourseKind)))
    states = tuple(StateCount(each, found[each, True], found[each, False]) for each in sorted({s for s, _ in found}))
    return OwnCounts(sum(each.sent for each in states), sum(each.received for each in states), states)
