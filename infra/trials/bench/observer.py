"""`python -m bench.observer`: what times at a broker tell of an office, at once and paced (refbus_gateway.home.pace).

A day of eight hours is played many times: events arrive, a program answers requests, people open what came and send.
The observer sees moments only, which is all that a broker's operator has of records of like size. It guesses

- of each event that arrives whether it is a request (a program answers it) or something else, by whether the office
  writes something within the longest wait after it: the share of right guesses, one half being chance
- when a person opened something, by the nearest entry of the audit log: the middle error in seconds
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from statistics import mean, median

from refbus_gateway.home.pace import Pace

DAY_MS, DAYS, REQUESTS, NEAR_MS = 8 * 3_600_000, 400, 0.25, 1_000
OPENED_WITHIN_MS = 4 * 3_600_000


@dataclass(slots=True)
class Seen:
    """One day. `arrived`: moment and whether it is a request; `opened`: what the observer wants to know; ms."""

    arrived: list[tuple[int, bool]] = field(default_factory=list)
    opened: list[int] = field(default_factory=list)
    outbox: list[int] = field(default_factory=list)
    audit: list[int] = field(default_factory=list)


def day(events: int, pace: Pace, chance: random.Random) -> Seen:
    """Return a day with about `events` events in and as many sent by people."""
    seen = Seen()
    for _ in range(events):
        at_ms, request = chance.randrange(DAY_MS), chance.random() < REQUESTS
        opened_ms = at_ms + chance.randrange(OPENED_WITHIN_MS)
        seen.arrived.append((at_ms, request))
        seen.opened.append(opened_ms)
        seen.audit.append(pace.audit_at(opened_ms))
        for answered_ms in (at_ms, opened_ms) if request else ():
            seen.outbox.append(pace.answer_at(answered_ms))
            seen.audit.append(pace.audit_at(answered_ms))
        sent_ms = chance.randrange(DAY_MS)
        seen.outbox.append(sent_ms)
        seen.audit.append(pace.audit_at(sent_ms))
    seen.outbox.sort()
    seen.audit.sort()
    return seen


def told(days: list[Seen], wait_ms: int) -> float:
    """Return the share of right guesses whether an event is a request, requests and others weighing the same."""
    right: dict[bool, list[bool]] = {True: [], False: []}
    for seen in days:
        for at_ms, request in seen.arrived:
            found = bisect_right(seen.outbox, at_ms + wait_ms) > bisect_left(seen.outbox, at_ms)
            right[request].append(found == request)
    return mean(mean(each) for each in right.values())


def error_s(days: list[Seen]) -> float:
    """Return the middle distance from a person's opening to the nearest entry of the audit log, seconds."""
    return median(
        min(abs(each - at_ms) for each in seen.audit[max(0, place - 1) : place + 1]) / 1000
        for seen in days
        for at_ms in seen.opened
        for place in [bisect_left(seen.audit, at_ms)]
    )


def main() -> None:
    """Print the table of docs/design/limits.md."""
    print("events a day | pace | request or not, right guesses | opened, error")
    paces = {"at once": Pace(), "60 s, 600 s": Pace(60_000, 600_000), "300 s, 3600 s": Pace(300_000, 3_600_000)}
    for events in (10, 50, 200):
        for name, pace in paces.items():
            chance = random.Random(events)  # noqa: S311 - a game
            days = [day(events, pace, chance) for _ in range(DAYS)]
            print(f"{events} | {name} | {told(days, pace.answer_ms or NEAR_MS):.0%} | {error_s(days):.0f} s")


if __name__ == "__main__":
    main()
