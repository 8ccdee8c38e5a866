"""Waits between tries: each is twice the one before it, up to a bound. Everything that tries again counts by this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MOST_DOUBLINGS: Final = 20


@dataclass(frozen=True, slots=True)
class BackOff:
    """The first wait and the longest one, in ms."""

    first_ms: int
    longest_ms: int

    def wait_ms(self, times: int) -> int:
        """Return the wait that comes after `times` waits of the same kind."""
        return min(self.longest_ms, self.first_ms << min(max(times, 0), _MOST_DOUBLINGS))
