"""The metrics of one process: typed access to the catalogue, in a registry of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.metrics import MetricWrapperBase

from refbus.clock import Standing
from refbus.telemetry.catalogue import CATALOGUE, CLOCK_FORGETTING_HELD, CLOCK_JUMP, CLOCK_SKEW
from refbus.telemetry.metric import Kind, Metric, Service

_Series = TypeVar("_Series", bound=MetricWrapperBase)
_Labels = Mapping[str, StrEnum]


class Metrics:
    """The metrics of `service`. Every label combination is there from the start, at 0.

    `now_ms` gives the time (UTC milliseconds) when an age is read. A metric that is not of this service, of another
    kind, or a label value outside its closed list raises TypeError: that is a mistake in the program, never input.
    """

    def __init__(self, service: Service, now_ms: Callable[[], int]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library leaves it untyped
        self.registry = CollectorRegistry()
        self._now_ms = now_ms
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._ages: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for metric in CATALOGUE:
            if service in metric.services:
                self._register(metric)
        ProcessCollector(registry=self.registry)

    def count(self, metric: Metric, by: float = 1, **labels: StrEnum) -> None:
        """Add `by` (not negative) to a counter."""
        _child(self._counters, metric, labels).inc(by)

    def put(self, metric: Metric, value: float, **labels: StrEnum) -> None:
        """Set a gauge."""
        _child(self._gauges, metric, labels).set(value)

    def observe(self, metric: Metric, value: float, **labels: StrEnum) -> None:
        """Add a measurement to a histogram."""
        _child(self._histograms, metric, labels).observe(value)

    def since(self, metric: Metric, moment_ms: int | None, **labels: StrEnum) -> None:
        """Set the moment from which an age counts; None means that there is nothing to age, and shows 0."""
        series = _child(self._ages, metric, labels)
        if moment_ms is None:
            series.set_function(lambda: 0.0)
        else:
            series.set_function(lambda: max(0, self._now_ms() - moment_ms) / 1000)

    def clock(self, standing: Standing) -> None:
        """Show how the clock of this process stands."""
        signed_ms = max(standing.gate_ms or 0, standing.published_ms or 0)
        self.put(CLOCK_SKEW, max(0, signed_ms - standing.wall_ms) / 1000)
        self.put(CLOCK_JUMP, abs(standing.wall_ms - standing.now_ms) / 1000)
        self.put(CLOCK_FORGETTING_HELD, int(not standing.forgetting))

    def _register(self, metric: Metric) -> None:
        """Make the series of `metric`, one for each combination of its closed labels."""
        names = tuple(metric.labels)
        series: MetricWrapperBase
        match metric.kind:
            case Kind.COUNTER:
                series = self._counters[metric.name] = Counter(metric.name, metric.doc, names, registry=self.registry)
            case Kind.GAUGE:
                series = self._gauges[metric.name] = Gauge(metric.name, metric.doc, names, registry=self.registry)
            case Kind.AGE:
                series = self._ages[metric.name] = Gauge(metric.name, metric.doc, names, registry=self.registry)
            case Kind.HISTOGRAM:
                series = self._histograms[metric.name] = Histogram(
                    metric.name, metric.doc, names, buckets=metric.buckets, registry=self.registry
                )
        if names:
            for values in itertools.product(*metric.labels.values()):
                series.labels(*values)


def _child(table: Mapping[str, _Series], metric: Metric, labels: _Labels) -> _Series:
    """Return the series of `metric` under `labels`. Raises TypeError for a foreign metric, label or label value."""
    series = table.get(metric.name)
    if series is None:
        raise TypeError(f"{metric.name} is not a metric of this service and kind")
    if dict(zip(labels, map(type, labels.values()), strict=True)) != metric.labels:
        raise TypeError(f"{metric.name} has the closed labels {', '.join(metric.labels) or 'none'}")
    return series.labels(**{name: value.value for name, value in labels.items()}) if labels else series
