"""What a scenario ends with, as the report has it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.judging import Tally

NUMBERS = ("lost", "duplicate_effects", "reordered", "unaccounted", "consent_violations")


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario: how many events it sent, which faults were truly injected, what the judge counted.

    `stuck` says why it did not come to its end; a scenario that is stuck has failed whatever its numbers are.
    """

    name: str
    negative_control: bool
    events: int
    faults: Mapping[str, int]
    tally: Tally
    seconds: float
    stuck: str = ""
    measured: Mapping[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Own scenarios must have nothing wrong and a fault in them; a negative control must be found out."""
        if self.stuck or not sum(self.faults.values()):
            return False
        return self.tally.total > 0 if self.negative_control else self.tally.total == 0

    def entry(self) -> dict[str, Any]:
        """Return the scenario as the report has it; `faults` is their number, `faults_by_kind` what they were."""
        return {
            "name": self.name,
            "negative_control": self.negative_control,
            "events": self.events,
            "faults": sum(self.faults.values()),
            **{name: getattr(self.tally, name) for name in NUMBERS},
            "as_expected": self.good,
            "seconds": round(self.seconds, 1),
            "faults_by_kind": dict(sorted(self.faults.items())),
            "measured": dict(sorted(self.measured.items())),
            "stuck": self.stuck,
            "notes": self.tally.notes,
        }

    def line(self) -> str:
        """Return the scenario as one line for people."""
        numbers = "  ".join(f"{getattr(self.tally, name):>5}" for name in NUMBERS)
        mark = "ok  " if self.good else "FAIL"
        return (
            f"{mark} {self.name:<44} {self.events:>6} {sum(self.faults.values()):>6}  {numbers}  {self.seconds:>5.0f} s"
        )

    def figures(self) -> list[str]:
        """Return what was measured in ms, as lines for people."""
        found = sorted(self.measured.items())
        return [f"       {times / 1000:>6.1f} s {name[3:]}" for name, times in found if name[:3] == "ms "]


def heading() -> str:
    """Return the line above those of `Result.line`."""
    return f"     {'scenario':<44} {'events':>6} {'faults':>6}   lost  twice  order  unacc  consent"


def verdict(results: Sequence[Result]) -> bool:
    """Whether every scenario ended as it must."""
    return bool(results) and all(each.good for each in results)


def write(path: Path, seed: int, results: Sequence[Result], seconds: float) -> None:
    """Write the report, whole or not at all."""
    report = {
        "verdict": "PASS" if verdict(results) else "FAIL",
        "seed": seed,
        "seconds": round(seconds, 1),
        "events": sum(each.events for each in results if not each.negative_control),
        "scenarios": [each.entry() for each in results],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    fresh.replace(path)
