"""The metrics of one process: typed access to the catalogue, in a registry of its own."""

from __future__ import annotations

import itertools
import logging
import shutil
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
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
from refbus.errors import StoreError
from refbus.telemetry.alerts import KEPT
from refbus.telemetry.catalogue import CATALOGUE, CLOCK_FORGETTING_HELD, CLOCK_JUMP, CLOCK_SKEW, DISK_FREE
from refbus.telemetry.kept import Series, read_counts, write_counts
from refbus.telemetry.metric import Kind, Metric, Service

_Series = TypeVar("_Series", bound=MetricWrapperBase)
_Labels = Mapping[str, StrEnum]
_log = logging.getLogger("refbus.telemetry")


class Metrics:
    """The metrics of `service`. Every label combination is there from the start, at 0.

    `now_ms` gives the time (UTC milliseconds) when an age is read. What alerts compare with before goes on from what is
    kept in `home`, and is kept there by `keep`. A metric that is not of this service, of another kind, or a label value
    outside its closed list raises TypeError: that is a mistake in the program, never input.
    """

    def __init__(self, service: Service, now_ms: Callable[[], int], home: Path | None = None) -> None:
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
        self._home = home
        self._changed = False
        for (name, labels), count in ({} if home is None else read_counts(home)).items():
            if _is_known(name, labels):  # a file puts no other label on the page
                series = self._counters[name]
                (series.labels(*labels) if labels else series).inc(count)

    def count(self, metric: Metric, by: float = 1, **labels: StrEnum) -> None:
        """Add `by` (not negative) to a counter."""
        self._changed = self._changed or metric.name in KEPT
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

    def keep(self) -> None:
        """Write down what alerts compare with before, if it has changed; what the disk does not take is tried again."""
        if self._home is None or not self._changed:
            return
        self._changed = False
        try:
            write_counts(self._home, self._counts())
        except StoreError as error:
            self._changed = True
            _log.warning("counters are not kept: %s", error.code)

    def disk(self) -> None:
        """Show how much of the disk under the home is free; a disk that does not answer has nothing."""
        try:
            usage = shutil.disk_usage(self._home or Path())
        except OSError:
            self.put(DISK_FREE, 0)
        else:
            self.put(DISK_FREE, usage.free / usage.total if usage.total else 0)

    def clock(self, standing: Standing) -> None:
        """Show how the clock of this process stands."""
        signed_ms = max(standing.gate_ms or 0, standing.published_ms or 0)
        self.put(CLOCK_SKEW, max(0, signed_ms - standing.wall_ms) / 1000)
        self.put(CLOCK_JUMP, abs(standing.wall_ms - standing.now_ms) / 1000)
        self.put(CLOCK_FORGETTING_HELD, int(not standing.forgetting))

    def _counts(self) -> Series:
        """Return those of these counters that have counted."""
        found: Series = {}
        for name in KEPT & self._counters.keys():
            for family in self._counters[name].collect():
                for sample in family.samples:
                    if sample.value > 0:
                        found[name, tuple(sample.labels.values())] = sample.value
        return found

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


def _is_known(name: str, labels: tuple[str, ...]) -> bool:
    """Return whether a kept counter has these label values in this version."""
    found = next((metric for metric in CATALOGUE if metric.name == name and name in KEPT), None)
    if found is None or len(found.labels) != len(labels):
        return False
    return all(label in set(values) for label, values in zip(labels, found.labels.values(), strict=True))


def _child(table: Mapping[str, _Series], metric: Metric, labels: _Labels) -> _Series:
    """Return the series of `metric` under `labels`. Raises TypeError for a foreign metric, label or label value."""
    series = table.get(metric.name)
    if series is None:
        raise TypeError(f"{metric.name} is not a metric of this service and kind")
    if dict(zip(labels, map(type, labels.values()), strict=True)) != metric.labels:
        raise TypeError(f"{metric.name} has the closed labels {', '.join(metric.labels) or 'none'}")
    return series.labels(**{name: value.value for name, value in labels.items()}) if labels else series
