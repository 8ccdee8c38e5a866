"""A service that believes its clock, as ours did: run in the place of a service, it must be found out.

`python -m chaos.believing MODULE [ARGUMENTS]`. Time is the machine's, or the newest that was signed, whichever is
later; timers run on it; what is over by it is destroyed at once.
"""

from __future__ import annotations

import sys

from chaos.sabotage import run_module
from refbus.clock import Clock
from refbus.node.store import purge


def believe() -> None:
    """Take the judge away."""
    floor_ms = [0]

    def now_ms(clock: Clock) -> int:
        return max(floor_ms[0], clock.wall_ms())

    def hear(_clock: Clock, at_ms: int) -> None:
        floor_ms[0] = max(floor_ms[0], at_ms)

    for name, function in (
        ("now_ms", now_ms),
        ("latest_ms", now_ms),
        ("steady_ms", now_ms),
        ("hear_own_gate", hear),
        ("may_forget", lambda _clock: True),
    ):
        setattr(Clock, name, function)
    purge.SHARE, purge.LEAST = 1, 1_000_000  # type: ignore[misc]


if __name__ == "__main__":
    believe()
    run_module(sys.argv[1:])
