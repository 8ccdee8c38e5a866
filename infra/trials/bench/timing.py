"""Timing of things that are compared: side by side in one run, so that both meet the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

Clock = Callable[[], float]


@dataclass(slots=True)
class Samples:
    """Seconds that something took, many times."""

    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.seconds)

    @property
    def least(self) -> float:
        """The shortest: what it costs when nothing else disturbs."""
        return min(self.seconds)

    def quantile(self, share: float) -> float:
        """Return the value that `share` of the samples do not exceed."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def interleaved(
    tasks: Sequence[Callable[[int], object]], rounds: int, warm: int = 1, clock: Clock = time.perf_counter
) -> list[Samples]:
    """Run each task once in every round, in turn, and return their times; the first `warm` rounds do not count."""
    samples = [Samples() for _ in tasks]
    for number in range(rounds + warm):
        for task, each in zip(tasks, samples, strict=True):
            began = clock()
            task(number)
            took = clock() - began
            if number >= warm:
                each.seconds.append(took)
    return samples
