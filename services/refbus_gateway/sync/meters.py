"""Counting what happens into the metrics of a service. Closed labels only: no organisation, no case."""

from __future__ import annotations

from refbus.errors import Code
from refbus.telemetry import Metrics
from refbus.telemetry import catalogue as metric
from refbus.telemetry.labels import InboxResult, NoticeKind
from refbus_gateway.home.counts import Observer


class Counting(Observer):
    """Counts into the metrics of a daemon."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def inbox(self, result: InboxResult) -> None:
        """Count a record by what became of it."""
        self._metrics.count(metric.GATEWAY_INBOX, result=result)

    def refused(self, codes: tuple[Code, ...]) -> None:
        """Count each reason."""
        for code in codes:
            self._metrics.count(metric.GATEWAY_REFUSALS, code=code)

    def gap(self) -> None:
        """Count a hole."""
        self._metrics.count(metric.GATEWAY_INBOX_GAPS)

    def notice(self, kind: str) -> None:
        """Count a notice by its kind."""
        self._metrics.count(metric.GATEWAY_NOTICES, kind=NoticeKind(kind))

    def fork(self) -> None:
        """Count a contradiction."""
        self._metrics.count(metric.GATEWAY_LOG_FORKS)

    def directory_fork(self) -> None:
        """Count a file with two contents."""
        self._metrics.count(metric.GATEWAY_DIRECTORY_FORKS)
