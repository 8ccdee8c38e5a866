"""The long run: what is said of each minute, and when it is flat."""

from __future__ import annotations

import pytest

from bench.legs import Way
from bench.report import Measure
from bench.sustained import RATE, latencies, memories


def measured(minutes: list[float]) -> dict[str, Measure]:
    """Return the latency figures of a run whose events took so many seconds in each minute."""
    ways = [Way(b"", 0.0, took) for took in minutes for _ in range(RATE * 60)]
    return {each.name: each for each in latencies(ways, len(minutes))}


@pytest.mark.parametrize(("end", "flat"), [(0.05, True), (0.06, False)])
def test_a_latency_that_rises_is_not_flat(end: float, flat: bool) -> None:
    """The last third is held against the first, so that one slow minute in the middle says nothing."""
    found = measured([0.05, 0.05, 0.4, 0.05, end, end])
    assert found["sustained, latency, minute 3, p50"].value == pytest.approx(400)
    whole = found["sustained, latency, last third, p50"]
    assert whole.aim is not None
    assert whole.aim.met(whole) is flat


def test_memory_is_held_against_the_second_minute() -> None:
    """What is filled once in the first minute is no growth; what comes after it is."""
    found = {each.name: each for each in memories([{"gate": 50.0}, {"gate": 100.0}, {"gate": 120.0}])}
    assert [found[f"sustained, memory, minute {number}, gate"].value for number in (1, 2, 3)] == [50.0, 100.0, 120.0]
    end = found["sustained, memory, at the end, gate"]
    assert end.ratio == pytest.approx(1.2)
    assert end.aim is not None
    assert not end.aim.met(end)
