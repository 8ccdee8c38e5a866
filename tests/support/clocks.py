"""A machine with a clock that can go wrong, and the directory and gate that it hears of.

machine = Machine()
machine.clock.now_ms()        # what is believed
machine.pass_time(hours=1)    # both clocks go on
machine.jump(days=20)         # only the wall clock moves
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from refbus.clock import Clock, Sources, Standing
from refbus.core.units import HOUR_MS
from support.directories import NOW_MS

DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS


@dataclass
class Published:
    """What a directory says of time."""

    published_at_ms: int
    expires_at_ms: int


@dataclass
class Machine:
    """`true_ms` is the time that nobody here can read; `off_ms` is by how much the wall clock is wrong."""

    memory: Path | None = None
    true_ms: int = NOW_MS
    off_ms: int = 0
    boot: str = "first"
    booted_ms: int = NOW_MS - DAY_MS
    directory: Published | None = None
    heard: list[Standing] = field(default_factory=list)
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start a process: a new clock on what the machine remembers."""
        sources = Sources(self.wall_ms, lambda: self.true_ms - self.booted_ms, self.boot)
        self.clock = Clock(sources, self.memory, self.heard.append)
        self.clock.directory = lambda: self.directory

    def boot_anew(self, *, off_ms: int = 0) -> None:
        """Start the machine again: its monotonic clock begins anew, its wall clock is off by so much."""
        self.boot, self.booted_ms, self.off_ms = f"{self.boot}+", self.true_ms, off_ms
        self.start()

    def wall_ms(self) -> int:
        """Return what the wall clock says."""
        return self.true_ms + self.off_ms

    def publish(self, *, ahead_ms: int = 0) -> None:
        """Let a new directory come in, published now by a clock that is so far ahead."""
        self.directory = Published(self.true_ms + ahead_ms, self.true_ms + ahead_ms + WEEK_MS)

    def pass_time(self, *, hours: float = 0, seconds: float = 0) -> None:
        """Let time pass."""
        self.true_ms += int(hours * HOUR_MS + seconds * 1000)

    def jump(self, *, days: float = 0, seconds: float = 0) -> None:
        """Move the wall clock alone."""
        self.off_ms += int(days * DAY_MS + seconds * 1000)

    def error_ms(self) -> int:
        """Return by how much the believed time is wrong."""
        return self.clock.now_ms() - self.true_ms


def steady_clock(now_ms: Callable[[], int], wrong_ms: Callable[[], int] = lambda: 0) -> Clock:
    """Return a clock that has run steadily for a day, under a directory that is always of today.

    Time passes as `now_ms` says; the wall clock alone is off by `wrong_ms`.
    """
    before_ms = DAY_MS
    clock = Clock(Sources(lambda: now_ms() - before_ms + wrong_ms(), lambda: now_ms() - before_ms))
    before_ms = 0
    clock.directory = lambda: Published(now_ms(), now_ms() + WEEK_MS)
    return clock
