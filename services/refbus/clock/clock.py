"""The clock of one process: looks at its sources through the judge, remembers, and says what is wrong."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from refbus.clock import judge
from refbus.clock.judge import CLOCK_SKEW_MS, EARLIEST_MS, LATEST_MS, Belief, Evidence, Line
from refbus.clock.memory import read_belief, write_belief
from refbus.clock.sources import Sources
from refbus.core.times import show_time
from refbus.errors import Code
from refbus.said import joined, said

_log = logging.getLogger("refbus.clock")
_SAVE_MS: Final = 60_000
_ORDERS_MS: Final = 1_000
_AGAIN_MS: Final = 100
"""For so long a look at a clock that runs on finds nothing to judge anew, unless the evidence is another."""


class Dated(Protocol):
    """What a directory says of time, UTC ms."""

    @property
    def published_at_ms(self) -> int:
        """When it was published."""
        ...

    @property
    def expires_at_ms(self) -> int:
        """When it ends."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """How the clock stands. Times in UTC ms, None where nobody says anything.

    `now_ms` is the time that counts; `codes` is what a person must know: CLOCK_JUMPED while the machine's clock is
    somewhere else than the time that counts, CLOCK_SKEW when a directory or the own gate says otherwise.
    """

    now_ms: int
    wall_ms: int
    published_ms: int | None
    expires_ms: int | None
    gate_ms: int | None
    forgetting: bool
    codes: tuple[Code, ...]

    @property
    def behind_ms(self) -> int:
        """By how much the machine's clock is behind what was signed, beyond what honest clocks may; else 0."""
        behind_ms = max(self.gate_ms or 0, self.published_ms or 0) - self.wall_ms
        return behind_ms if behind_ms > CLOCK_SKEW_MS else 0

    @property
    def detail(self) -> str:
        """Both times, named."""
        parts = [
            said("this computer says %(time)s", time=show_time(self.wall_ms)),
            said("work goes on at %(time)s", time=show_time(self.now_ms)),
        ]
        if self.gate_ms is not None and Code.CLOCK_SKEW in self.codes:
            parts.append(said("the gate says %(time)s", time=show_time(self.gate_ms)))
        if self.published_ms is not None and self.now_ms < self.published_ms - CLOCK_SKEW_MS:
            parts.append(said("the directory is of %(time)s", time=show_time(self.published_ms)))
        return joined(parts)


Told = Callable[[Standing], None]
"""Hears once of each jump, and once when the machine's clock is followed again."""


def tell(standing: Standing) -> None:
    """Write to the log of a node how its clock stands now."""
    if standing.codes:
        _log.critical("%s: %s", " ".join(standing.codes), standing.detail)
    else:
        _log.warning("the clock is followed again: %s", standing.detail)


class Clock:
    """Wall clock, monotonic clock and evidence in one. Safe to use from several threads.

    `memory` is a folder where the belief is kept across starts; `told` hears of jumps, in whichever thread looked.
    """

    def __init__(self, sources: Sources, memory: Path | None = None, told: Told = lambda _standing: None) -> None:
        self.told = told
        self.directory: Callable[[], Dated | None] = lambda: None
        self._sources = sources
        self._memory = None if memory is None else memory / "clock.json"
        self._order = None if memory is None else memory / "clock.accepted"
        self._lock = threading.RLock()
        self._gate: Line | None = None
        wall_ms, steady_ms = self.wall_ms(), sources.steady_ms()
        self._belief = self._first(wall_ms, steady_ms)
        self._saved_ms = self._asked_ms = steady_ms - _SAVE_MS
        self._followed: Belief | None = None
        self._judged_ms = steady_ms - _AGAIN_MS
        self._judged: tuple[Dated | None, Line | None, Belief] | None = None  # by what it was last, and the outcome

    @classmethod
    def of(cls, now_ms: Callable[[], int]) -> Clock:
        """Return a clock whose time passes only as `now_ms` says: both sources are that one."""
        return cls(Sources(now_ms, now_ms))

    def now_ms(self) -> int:
        """Return the time that counts, UTC ms."""
        return self._look()[1]

    def wall_ms(self) -> int:
        """Return what the machine's clock says, UTC ms, within the times of the bus: to show, or to be careful by."""
        return max(EARLIEST_MS, min(LATEST_MS, self._sources.wall_ms()))

    def steady_ms(self) -> int:
        """Return the monotonic clock, ms: for every duration."""
        return self._sources.steady_ms()

    def latest_ms(self) -> int:
        """Return the later of the time that counts and the machine's, UTC ms: what is fresh by it is so by both."""
        wall_ms, now_ms, _, _ = self._look()
        return max(wall_ms, now_ms)

    def hear_own_gate(self, at_ms: int) -> None:
        """Take note of a time that the gate of the own country signed just now or before. No other gate's counts."""
        with self._lock:
            steady_ms = self._sources.steady_ms()
            known_ms = Evidence(gate=self._gate).gate_ms(steady_ms)
            if 0 <= at_ms < LATEST_MS and (known_ms is None or at_ms > known_ms):
                self._gate = Line(at_ms, steady_ms)

    def may_forget(self) -> bool:
        """Whether what is over by this clock may be destroyed: it has been steady, and a fresh directory agrees."""
        return self.standing().forgetting

    def standing(self) -> Standing:
        """Return how the clock stands."""
        wall_ms, now_ms, steady_ms, belief = self._look()
        evidence = _evidence(self.directory(), self._gate)
        gate_ms = evidence.gate_ms(steady_ms)
        differs = gate_ms is not None and gate_ms - now_ms > CLOCK_SKEW_MS
        found = {Code.CLOCK_JUMPED: belief.other is not None, Code.CLOCK_SKEW: differs or evidence.early(now_ms)}
        return Standing(
            now_ms,
            wall_ms,
            evidence.published_ms,
            evidence.expires_ms,
            gate_ms,
            belief.quiet(steady_ms) and evidence.supports(now_ms),
            tuple(code for code, standing in found.items() if standing),
        )

    def accept(self) -> None:
        """Believe the machine's clock as it is now, by a person's word; other processes of the home hear of it."""
        with self._lock:
            wall_ms, steady_ms = self.wall_ms(), self._sources.steady_ms()
            self._belief = judge.accepted(wall_ms, steady_ms)
            if self._memory is not None and self._order is not None:
                write_belief(self._order, self._sources.boot, self._belief, wall_ms)
                write_belief(self._memory, self._sources.boot, self._belief, wall_ms)

    def _first(self, wall_ms: int, steady_ms: int) -> Belief:
        found = None if self._memory is None else read_belief(self._memory)
        if found is None:
            return judge.begin(wall_ms, steady_ms)
        boot, belief, left_ms = found
        if boot and boot == self._sources.boot and belief.line.steady_ms <= steady_ms:
            return belief
        return judge.resume(belief, left_ms, wall_ms, steady_ms)

    def _look(self) -> tuple[int, int, int, Belief]:
        """Look at everything once; return this computer's time, the one that counts, the monotonic one, the belief."""
        with self._lock:
            wall_ms, steady_ms = self.wall_ms(), self._sources.steady_ms()
            before = self._belief
            if steady_ms - self._asked_ms >= _ORDERS_MS:
                self._take_order(steady_ms)
            directory = self.directory()
            if steady_ms - self._judged_ms < _AGAIN_MS and self._runs_on(wall_ms, steady_ms, directory):
                return wall_ms, wall_ms, steady_ms, self._belief
            self._belief = judge.consider(self._belief, wall_ms, steady_ms, _evidence(directory, self._gate))
            self._judged_ms, self._judged = steady_ms, (directory, self._gate, self._belief)
            changed = before.other != self._belief.other
            if changed or steady_ms - self._saved_ms >= _SAVE_MS:
                self._save(wall_ms, steady_ms)
            belief = self._belief
        if changed:
            self.told(self.standing())
        return wall_ms, belief.time(wall_ms, steady_ms), steady_ms, belief

    def _runs_on(self, wall_ms: int, steady_ms: int, directory: Dated | None) -> bool:
        """Whether the machine's clock runs with a belief that was judged by this very evidence, and no jump stands."""
        if self._judged is None or self._belief.other is not None:
            return False
        by, gate, belief = self._judged
        same = by is directory and gate is self._gate and belief is self._belief
        return same and belief.time(wall_ms, steady_ms) == wall_ms

    def _take_order(self, steady_ms: int) -> None:
        """Follow a person's word that came since the last jump, in this or another process of the home."""
        self._asked_ms = steady_ms
        if self._order is None:
            return
        found = read_belief(self._order) if self._order.exists() else None
        if found is None or found[0] != self._sources.boot or found[1] == self._followed:
            return
        self._followed = found[1]
        if found[1].line.steady_ms >= (self._belief.unquiet_ms or 0):
            self._belief = found[1]

    def _save(self, wall_ms: int, steady_ms: int) -> None:
        self._saved_ms = steady_ms
        if self._memory is not None:
            write_belief(self._memory, self._sources.boot, self._belief, self._belief.time(wall_ms, steady_ms))


def _evidence(directory: Dated | None, gate: Line | None) -> Evidence:
    """Return what others signed."""
    if directory is None:
        return Evidence(gate=gate)
    return Evidence(directory.published_at_ms, directory.expires_at_ms, gate)
