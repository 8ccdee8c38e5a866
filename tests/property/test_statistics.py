"""Suppression against an exact attacker: all tables that the rule would publish alike are tried, one by one."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.core.machine import CourseKind
from refbus.core.statistics import LEAST_THRESHOLD, Table, publish

K = LEAST_THRESHOLD
SMALL = st.lists(st.integers(0, 40), min_size=2, max_size=3)


def table(counts: list[int]) -> Table:
    """Return what is published of these counts."""
    return publish(CourseKind.REFERRAL, "outcome", {str(number): count for number, count in enumerate(counts)}, K)


@given(SMALL)
@settings(deadline=None)
def test_no_small_number_is_told(counts: list[int]) -> None:
    """Below the threshold nothing is; and what is told is true."""
    found = table(counts)
    assert found.total is None or found.total == sum(counts) >= K
    for name, count in found.cells.items():
        assert count is None or (count == counts[int(name)] and count >= K)
    assert list(found.cells.values()).count(None) != 1, "one alone would be the rest of the total"


@given(SMALL)
@settings(deadline=None, max_examples=60)
def test_a_reader_who_tries_every_table_finds_no_hidden_number(counts: list[int]) -> None:
    """By the told numbers and the total, each hidden cell may be at least eleven different numbers."""
    found = table(counts)
    hidden = [name for name, count in found.cells.items() if count is None]
    if found.total is None or not hidden:
        return
    rest = found.total - sum(count for count in found.cells.values() if count is not None)
    ways = [way for way in product(range(rest + 1), repeat=len(hidden)) if sum(way) == rest]
    for place in range(len(hidden)):
        assert len({way[place] for way in ways}) >= K


@given(SMALL)
@settings(deadline=None, max_examples=40)
def test_nor_does_one_who_knows_which_cells_are_small(counts: list[int]) -> None:
    """Knowing the rule itself: hidden cells that are not small are at most the smallest told one."""
    found = table(counts)
    hidden = [name for name, count in found.cells.items() if count is None]
    if found.total is None or not hidden:
        return
    told = [count for count in found.cells.values() if count is not None]
    rest, most = found.total - sum(told), min(told, default=found.total)
    ranges = [range(K) if counts[int(name)] < K else range(K, most + 1) for name in hidden]
    ways = [way for way in product(*ranges) if sum(way) == rest]
    for place in range(len(hidden)):
        assert len({way[place] for way in ways}) >= K
