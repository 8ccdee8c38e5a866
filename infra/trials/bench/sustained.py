"""Whether it stays as it is: ten events a second for half an hour, latency and memory by the minute.

A part of its own, which `make bench` leaves out: `--only sustained`, `--minutes N`. Both gates, both gateways and the
auditor of the sender's country run on one broker. The first minute fills what is filled once and is no baseline.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from bench.events import ORIGIN
from bench.latency import Road, opened, road
from bench.legs import Way
from bench.report import Aim, Measure
from bench.stage import Stage
from bench.timing import Samples
from bench.usage import memory_of

RATE = 10
MINUTES = 30
MINUTE_S = 60.0
FLAT = Aim("ratio", "<=", 1.15)
SECOND, LAST = "the second minute", "the first third"
"""What memory and latency are held against."""
Memory = Sequence[Mapping[str, float]]


def measure(stage: Stage, minutes: int) -> list[Measure]:
    """Return latency and memory of each minute, and whether they are flat. Both ends must run."""
    stage.start_auditor(ORIGIN)
    case = road(stage)
    with opened(stage, case.sender) as sender, opened(stage, case.recipient) as recipient, Sampler(stage) as sampler:
        with stage.unbroken():
            ways = Road(sender, recipient, case).run(RATE * 60 * minutes, 1 / RATE)
        memory = sampler.by_minute(minutes)
    return [*latencies(ways, minutes), *memories(memory)]


def latencies(ways: Sequence[Way], minutes: int) -> Iterator[Measure]:
    """Yield p50 and p99 of each minute, and the p50 of the last third against that of the first."""
    share = len(ways) // minutes
    by_minute = [Samples([each.took * 1e3 for each in ways[at * share : (at + 1) * share]]) for at in range(minutes)]
    for label, quantile in (("p50", 0.5), ("p99", 0.99)):
        first = by_minute[0].quantile(quantile)
        for number, samples in enumerate(by_minute, 1):
            name = f"sustained, latency, minute {number}, {label}"
            yield Measure(name, samples.quantile(quantile), "ms", f"minute 1, {label}", first)
    middles, third = [each.median for each in by_minute], max(1, minutes // 3)
    last, first = median(middles[-third:]), median(middles[:third])
    yield Measure("sustained, latency, last third, p50", last, "ms", LAST, first, FLAT)


def memories(memory: Memory) -> Iterator[Measure]:
    """Yield the memory of each process after each minute, and the last against the second."""
    second = memory[min(1, len(memory) - 1)]
    for name, base in second.items():
        for number, each in enumerate(memory, 1):
            yield Measure(f"sustained, memory, minute {number}, {name}", each[name], "MB", SECOND, base)
        yield Measure(f"sustained, memory, at the end, {name}", memory[-1][name], "MB", SECOND, base, FLAT)


class Sampler:
    """Notes the memory of all processes once a minute."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._found: list[Mapping[str, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def by_minute(self, minutes: int) -> Memory:
        """Return what was noted, with one more for a run that has just ended; `minutes` at most."""
        return [*self._found, memory_of(self._stage.pids)][:minutes]

    def _run(self) -> None:
        while not self._stop.wait(MINUTE_S):
            self._found.append(memory_of(self._stage.pids))
