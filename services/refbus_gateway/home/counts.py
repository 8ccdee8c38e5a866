"""What is counted while records are taken in. Closed labels only: no organisation, no case."""

from __future__ import annotations

from refbus.errors import Code
from refbus.telemetry import Metrics
from refbus.telemetry import catalogue as metric
from refbus.telemetry.labels import InboxResult, NoticeKind


class Observer:
    """Hears what happens and does nothing with it: short commands count nothing."""

    def inbox(self, result: InboxResult) -> None:
        """Hear what became of one record of the inbox."""

    def refused(self, codes: tuple[Code, ...]) -> None:
        """Hear that something was not sealed, not shown, or refused by a gate, for these reasons."""

    def gap(self) -> None:
        """Hear of a hole in the inbox."""

    def notice(self, kind: str) -> None:
        """Hear of a notice of a gate."""

    def fork(self) -> None:
        """Hear that a log showed two histories."""

    def directory_fork(self) -> None:
        """Hear of two contents of one file of the directory."""


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
