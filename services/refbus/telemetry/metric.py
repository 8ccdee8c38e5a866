"""The description of one metric: what it measures, in which unit, under which closed labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"  # only grows; starts at 0 with the process
    GAUGE = "gauge"  # the present value
    AGE = "age"  # a gauge of the seconds since a moment, computed when read, so that it grows though the process stalls
    HISTOGRAM = "histogram"


class Service(StrEnum):
    """The process that serves a metric."""

    GATE = "gate"
    GATEWAY = "gateway"
    AUDITOR = "auditor"
    STANDBY = "standby"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `labels` maps each label to the closed list of its values; `buckets` are for a histogram."""

    name: str
    kind: Kind
    services: tuple[Service, ...]
    doc: str
    labels: Mapping[str, type[StrEnum]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()
