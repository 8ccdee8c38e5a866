"""A bucket of turns for each name: how often something may happen that others ask for."""

from __future__ import annotations

import threading


class Turns:
    """`burst` turns at once for each name, and one more each `each_s` seconds of a steady clock.

    Kept in memory; a restart fills all buckets. Names must be few: members, logs that the directory lists.
    """

    def __init__(self, burst: int, each_s: float) -> None:
        self._burst = burst
        self._each_s = each_s
        self._turns: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def lets_go(self, name: str, now_s: float) -> bool:
        """Take a turn; False when there is none now."""
        with self._lock:
            turns, since_s = self._turns.get(name, (float(self._burst), now_s))
            turns = min(float(self._burst), turns + (now_s - since_s) / self._each_s)
            goes = turns >= 1.0
            self._turns[name] = (turns - 1.0 if goes else turns, now_s)
            return goes
