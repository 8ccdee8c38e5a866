"""The report of the benchmark: what is in it, and what a person reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.report import Aim, Measure, table, write
from bench.timing import Samples, interleaved

RATE = Measure("gate egress", 700.0, "events/s", "gate cryptography alone", 1000.0, Aim("ratio", ">=", 0.7))


def test_the_report_is_a_list_of_measures_with_their_baselines(tmp_path: Path) -> None:
    """Each entry has exactly the six names that readers of the report rely on."""
    write(tmp_path / "report.json", [RATE])
    (entry,) = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert entry == {
        "name": "gate egress",
        "value": 700.0,
        "unit": "events/s",
        "baseline": "gate cryptography alone",
        "baseline_value": 1000.0,
        "ratio": 0.7,
    }
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize(("value", "word"), [(700.0, "reached"), (699.0, "MISSED")])
def test_the_table_says_whether_an_aim_was_reached(value: float, word: str) -> None:
    """Seventy percent of the limit is enough, less is not."""
    shown = "\n".join(table([Measure("rate", value, "events/s", "limit", 1000.0, Aim("ratio", ">=", 0.7))]))
    assert word in shown


def test_an_aim_can_be_a_value_at_most() -> None:
    """A latency is held against its limit, not against the baseline."""
    aim = Aim("value", "<=", 150)
    assert aim.met(Measure("latency", 150.0, "ms", "bare", 5.0, aim))
    assert not aim.met(Measure("latency", 150.1, "ms", "bare", 500.0, aim))


def test_without_a_baseline_there_is_no_ratio() -> None:
    """A baseline of nothing divides nothing."""
    assert Measure("idle", 1.0, "%", "bare", 0.0).ratio == 0.0


def test_tasks_take_turns_and_the_first_round_does_not_count() -> None:
    """Both run in every round, side by side; warming up is left out of the samples."""
    order: list[tuple[str, int]] = []
    ticks = iter(range(100))
    samples = interleaved(
        (lambda number: order.append(("a", number)), lambda number: order.append(("b", number))),
        rounds=2,
        clock=lambda: float(next(ticks)),
    )
    assert order == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert [each.seconds for each in samples] == [[1.0, 1.0], [1.0, 1.0]]


def test_quantiles_are_samples() -> None:
    """The 99th percentile of few samples is the largest; the median is in the middle."""
    samples = Samples([5.0, 1.0, 3.0])
    assert (samples.median, samples.least, samples.quantile(0.99)) == (3.0, 1.0, 5.0)
