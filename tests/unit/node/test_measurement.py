"""Metrics are measured when somebody reads them, and not more often than they may be old."""

from __future__ import annotations

import urllib.request

from refbus.clock import Clock
from refbus.errors import Code, StoreError
from refbus.node.measurement import FRESH_MS, Measurement
from refbus.telemetry import Metrics, Service, serve
from refbus.telemetry import catalogue as metric


class Measured:
    """Counts measurements under a clock that a test moves."""

    def __init__(self) -> None:
        self.now_ms = 1_790_000_000_000
        self.count = 0
        self.fails = False
        self.measuring = Measurement(Clock.of(lambda: self.now_ms), self.measure)

    def measure(self) -> None:
        """Measure once."""
        self.count += 1
        if self.fails:
            raise StoreError(Code.STORE_FAILED)


def test_who_reads_gets_what_is_seconds_old_at_most() -> None:
    """Two that read at once get the same; later it is measured anew."""
    made = Measured()
    for _ in range(2):
        made.measuring.lately()
    assert made.count == 1
    made.now_ms += FRESH_MS
    made.measuring.lately()
    assert made.count == 2


def test_a_store_that_fails_leaves_the_page_as_it_was() -> None:
    """Whoever reads metrics because something is wrong gets them."""
    made = Measured()
    made.fails = True
    made.measuring.lately()
    assert made.count == 1


def test_a_page_shows_what_is_so_when_it_is_read() -> None:
    """The gauge is set by the reading itself: no timer did it."""
    metrics = Metrics(Service.GATE, lambda: 0)
    server = serve(metrics, 0, measure=lambda: metrics.put(metric.GATE_DAMAGED_ROWS, 7))
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as page:
            assert f"{metric.GATE_DAMAGED_ROWS.name} 7.0" in page.read().decode()
    finally:
        server.close()
