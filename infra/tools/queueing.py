"""A queue before a service that takes all that waits at once: how long events wait, by simulation.

The time of a batch is a fixed part and a part for each event, as two measured batches tell. Arrivals are independent of
each other (Poisson); there is one service on one core.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

MOST_AT_ONCE: Final = 200
"""The largest batch of a gate."""
_EVENTS: Final = 20_000
_SEED: Final = 17


@dataclass(frozen=True, slots=True)
class Service:
    """Seconds for a batch: `fixed`, and `each` for every event in it."""

    fixed: float
    each: float

    @classmethod
    def through(cls, alone: float, many: float, size: int) -> Service:
        """Return the service that takes `alone` for one event, and `many` for each of `size` together."""
        each = (size * many - alone) / (size - 1)
        return cls(alone - each, each)

    def per_event(self, size: int) -> float:
        """Return the time of one event in a batch of `size`."""
        return self.fixed / size + self.each

    @property
    def limit(self) -> float:
        """Events a second that it can do at the most."""
        return 1 / self.per_event(MOST_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Waits:
    """The part of the time in which the service works; seconds from arrival to done, of half and of 99 in 100."""

    busy: float
    half: float
    most: float


def simulate(service: Service, rate: float, events: int = _EVENTS) -> Waits:
    """Let events arrive at `rate` a second. Raises ValueError when they are more than can be done."""
    if rate >= service.limit:
        raise ValueError("more arrives than can be done")
    chance = random.Random(_SEED)  # noqa: S311 - a simulation that is the same on every machine
    arrivals, at = list[float](), 0.0
    for _ in range(events):
        at += chance.expovariate(rate)
        arrivals.append(at)
    took, worked, free, first = list[float](), 0.0, 0.0, 0
    while first < events:
        begin = max(free, arrivals[first])
        last = first
        while last < events and last - first < MOST_AT_ONCE and arrivals[last] <= begin:
            last += 1
        time = service.fixed + service.each * (last - first)
        free, worked = begin + time, worked + time
        took += [free - arrival for arrival in arrivals[first:last]]
        first = last
    took.sort()
    return Waits(worked / free, took[len(took) // 2], took[len(took) * 99 // 100])
