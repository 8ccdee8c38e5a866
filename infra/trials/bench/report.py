"""The results: a list of measured values, each with its baseline, as JSON and as a table that a person can read."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("cryptography", "faust-streaming", "confluent-kafka", "fastavro", "sqlalchemy")


@dataclass(frozen=True, slots=True)
class Aim:
    """What a measure should reach: "value" or "ratio", at least or at most a limit."""

    what: str
    sign: str
    limit: float

    def met(self, measure: Measure) -> bool:
        """Whether the measure reaches the aim."""
        reached = measure.ratio if self.what == "ratio" else measure.value
        return reached >= self.limit if self.sign == ">=" else reached <= self.limit

    def __str__(self) -> str:
        return f"{self.what} {self.sign} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured value and what it is measured against, in the same unit."""

    name: str
    value: float
    unit: str
    baseline: str
    baseline_value: float
    aim: Aim | None = None

    @property
    def ratio(self) -> float:
        """Value over baseline."""
        return self.value / self.baseline_value if self.baseline_value else 0.0

    def as_mapping(self) -> dict[str, Any]:
        """Return the entry of the report."""
        return {
            "name": self.name,
            "value": _rounded(self.value),
            "unit": self.unit,
            "baseline": self.baseline,
            "baseline_value": _rounded(self.baseline_value),
            "ratio": _rounded(self.ratio),
        }


def machine() -> str:
    """Return one line that says what this was measured on."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    load = os.getloadavg()[0]
    cores = os.cpu_count() or 1
    return f"{cores} cores ({_processor()}), load {load:.1f}, Python {platform.python_version()}, {libraries}, {when}"


def write(path: Path, measures: Sequence[Measure]) -> None:
    """Write the report, replacing an earlier one as a whole."""
    _put(path, [each.as_mapping() for each in measures])


def keep(path: Path, measures: Sequence[Measure]) -> None:
    """Put the values in the place of those of the same kind, with their machine, for docs/operators/capacity.md.

    The kind is the first word of a name.
    """
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"machines": {}, "measures": {}}
    kinds = {_kind(each.name) for each in measures}
    stay = {name: value for name, value in kept["measures"].items() if _kind(name) not in kinds}
    values = {**stay, **{each.name: _rounded(each.value) for each in measures}}
    _put(path, {"machines": {**kept["machines"], **dict.fromkeys(sorted(kinds), machine())}, "measures": values})


def _kind(name: str) -> str:
    return name.replace(",", " ").split()[0]


def _put(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)


def table(measures: Sequence[Measure]) -> list[str]:
    """Return the lines of a table; a missed aim is marked."""
    width = max((len(each.name) for each in measures), default=0)
    return [line for each in measures for line in _lines(each, width)]


def _lines(measure: Measure, width: int) -> list[str]:
    value = f"{_short(measure.value):>9} {measure.unit}"
    aim = ""
    if measure.aim is not None:
        aim = f"   aim: {measure.aim}, {'reached' if measure.aim.met(measure) else 'MISSED'}"
    first = f"  {measure.name:<{width}}  {value:<22} x {measure.ratio:<7.3g} of {_short(measure.baseline_value)}{aim}"
    return [first, f"  {'':<{width}}  against {measure.baseline}"]


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
