"""What an alert rule is: a metric compared, a service that is gone, a promise that is broken too often. In PromQL."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from refbus.telemetry.metric import Metric, Service

_SIGNS: Mapping[str, Callable[[float, float], bool]] = {">": operator.gt, "<": operator.lt, "!=": operator.ne}


class Severity(StrEnum):
    """How fast a person must look: now, or on the next working day."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule: `metric` compared as `condition` says, true for `for_s` seconds.

    For a counter, what counts is what it grew by within the duration `increase`.
    """

    name: str
    metric: Metric
    condition: str
    for_s: int
    severity: Severity
    summary: str
    selector: str = ""
    increase: str = ""

    @property
    def expression(self) -> str:
        """The rule in PromQL.

        A counter is compared with itself before that duration, and with 0 when nobody knew it then: `increase` alone
        does not see what was counted before Prometheus first asked, or while a service that kept its counts was away.
        """
        series = self.metric.name + self.selector
        if not self.increase:
            return f"{series} {self.condition}"
        before = f"(last_over_time({series}[{_KNOWN}] offset {self.increase}) or {series} * 0)"
        return f"increase({series}[{self.increase}]) {self.condition} or {series} - {before} {self.condition}"

    def breaks(self, value: float) -> bool:
        """Return whether a value is beyond what is allowed; for a counter, what it grew by."""
        sign, edge = self.condition.split()
        return _SIGNS[sign](value, float(edge))


@dataclass(frozen=True, slots=True)
class Gone:
    """The rule that a service which must exist does not answer Prometheus, or is not among what it asks."""

    name: str
    service: Service
    for_s: int
    summary: str
    severity: Severity = Severity.PAGE

    @property
    def expression(self) -> str:
        """The rule in PromQL."""
        return f'absent(up{{job="{job_of(self.service)}"}} == 1)'


BUDGET = 0.01
"""The part of the time in which a promise may be broken: seven hours of thirty days."""


@dataclass(frozen=True, slots=True)
class Burn:
    """The rule that a promise is broken too much of the time: `metric` beyond `edge` is a bad minute.

    Each of `windows` is a long and a short duration and how many times faster than allowed the budget is used up: the
    long one says that it matters, the short one that it goes on (multi-window, multi-burn-rate; the SRE workbook, 5).
    Time is counted and not events: with a few events a day one late event would be half of them.
    """

    name: str
    metric: Metric
    edge: int
    windows: tuple[tuple[str, str, float], ...]
    severity: Severity
    summary: str
    for_s: int = 0

    @property
    def record(self) -> str:
        """The name under which Prometheus keeps, at each look, whether the promise is broken (1) or not (0)."""
        return f"{self.metric.name}:beyond_{self.edge}"

    @property
    def recorded(self) -> str:
        """What is kept, in PromQL. Without a service there is nothing to keep: that it is gone is another rule."""
        return f"max({self.metric.name}) > bool {self.edge}"

    @property
    def expression(self) -> str:
        """The rule in PromQL."""
        shares = ((self._share(long), self._share(short), factor * BUDGET) for long, short, factor in self.windows)
        return " or ".join(f"({long} > {most:g} and {short} > {most:g})" for long, short, most in shares)

    def _share(self, duration: str) -> str:
        return f"avg_over_time({self.record}[{duration}])"


def job_of(service: Service) -> str:
    """Return the name under which Prometheus asks a service (`job_name`)."""
    return f"refbus-{service}"


Rule = Alert | Gone | Burn
_KNOWN = "3h"
"""How far back the value of a counter is looked for: so long Prometheus may have been away."""
