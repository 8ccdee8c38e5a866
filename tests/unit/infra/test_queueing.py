"""The simulated queue of the page on capacity: it agrees with what is known without it."""

from __future__ import annotations

import pytest

from tools.queueing import MOST_AT_ONCE, Service, simulate


def test_the_two_measured_batches_are_met() -> None:
    """The line goes through both, and lies between them elsewhere."""
    service = Service.through(0.006, 0.0015, 100)
    assert service.per_event(1) == pytest.approx(0.006)
    assert service.per_event(100) == pytest.approx(0.0015)
    assert service.per_event(100) < service.per_event(10) < service.per_event(1)


def test_a_service_that_is_hardly_asked_makes_nobody_wait() -> None:
    """Half of the events take just the time of one, and the core works as long as they take."""
    waits = simulate(Service(0.004, 0.001), rate=0.1)
    assert waits.half == pytest.approx(0.005)
    assert waits.busy == pytest.approx(0.1 * 0.005, rel=0.05)


def test_it_agrees_with_the_formula_of_a_queue_without_batches() -> None:
    """With no fixed part the mean of the load is exact: the core works as much of the time as arrives of work."""
    waits = simulate(Service(0.0, 0.01), rate=50)
    assert waits.busy == pytest.approx(0.5, rel=0.05)
    assert waits.half < waits.most


def test_batches_carry_what_single_events_could_not() -> None:
    """Twice as many come as could be done one by one: they are done together, and more than the limit is refused."""
    service = Service(0.009, 0.001)
    waits = simulate(service, rate=200)
    assert waits.busy < 1
    assert waits.most > 0.01
    assert service.limit == pytest.approx(1 / (0.009 / MOST_AT_ONCE + 0.001))
    with pytest.raises(ValueError, match="more arrives"):
        simulate(service, rate=service.limit)
