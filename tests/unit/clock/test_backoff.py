"""Waits between tries."""

from __future__ import annotations

from refbus.backoff import BackOff


def test_each_wait_is_twice_the_one_before_up_to_the_longest() -> None:
    """Also after more tries than a machine makes in its life, and after a number that a store got wrong."""
    waits = BackOff(first_ms=250, longest_ms=60_000)
    assert [waits.wait_ms(times) for times in range(4)] == [250, 500, 1000, 2000]
    assert {waits.wait_ms(times) for times in (8, 1_000, 10**9)} == {60_000}
    assert waits.wait_ms(-1) == 250
