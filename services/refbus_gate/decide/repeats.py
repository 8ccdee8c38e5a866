"""How often a gate answers the same record again, and how much it tells of repeats and refusals at all.

Whoever got an envelope has its bytes and can write them into an outbox as often as it likes: each time its honest
sender would be told once more. A gateway whose answers are lost asks again after 30 s, 60 s, ... an hour.
A repeat is counted and leaves no row: it has no effect, and what it repeats has one.
"""

from __future__ import annotations

from collections.abc import Callable

from refbus.clock import steady_ms
from refbus.core.ids import OrgId
from refbus.node.turns import Turns

FREE = 8
"""Repeats of one record that are answered at once: a gateway takes an hour for so many."""
PAUSE_MS = 900_000
"""After them a repeat is answered when the last answer is so long ago."""
MOST_KNOWN = 10_000
"""Records of which this is remembered; of others nothing was repeated lately. All of it may be lost."""
LOGGED = (200, 30.0)
"""Repeats that are entered in the audit log: so many at once, then one each so many seconds. All are counted."""
REFUSED = (5_000, 30.0)
"""Refused events of one sender that are remembered, told and logged each: so many at once, then one each so many
seconds (2,880 a day). An office sends fifty a day, so the whole of it refused for three months. Beyond it they are
counted only; what says no counts all the same, and orders to stop are not bounded."""


class Repeats:
    """Counts the answers to repeats, in memory. Used in the turn of the gate, by one thread at a time."""

    def __init__(self, steady: Callable[[], int] = steady_ms) -> None:
        self._steady_ms = steady
        self._answered: dict[bytes, tuple[int, int]] = {}
        self._logged = Turns(*LOGGED)
        self._refused = Turns(*REFUSED)

    def may_answer(self, decision_id: bytes) -> bool:
        """Whether a repeat of the record of this decision is answered now; then it is counted."""
        at_ms = self._steady_ms()
        times, last_ms = self._answered.pop(decision_id, (0, 0))
        answered = times < FREE or at_ms - last_ms >= PAUSE_MS
        self._answered[decision_id] = (times + 1, at_ms) if answered else (times, last_ms)
        if len(self._answered) > MOST_KNOWN:
            del self._answered[next(iter(self._answered))]
        return answered

    def may_log(self) -> bool:
        """Whether a repeat is entered in the audit log now."""
        return self._logged.lets_go("", self._steady_ms() / 1000)

    def may_refuse(self, sender: OrgId) -> bool:
        """Whether another refused event of this sender is remembered, told and logged."""
        return self._refused.lets_go(sender, self._steady_ms() / 1000)
