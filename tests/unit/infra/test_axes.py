"""What stands at an axis: round values in units that people read."""

from __future__ import annotations

import json

import pytest

from demo.watching import as_lines, jobs, rounded
from tools.pages.axes import clock, rows_of, shown, ticks


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0, "s", "0 s"),
        (90, "s", "1.5 min"),
        (900, "s", "15 min"),
        (10_800, "s", "3 h"),
        (7_776_000, "s", "90 d"),
        (0.006, "percentunit", "0.6 %"),
        (0.5, "percentunit", "50 %"),
        (-4, "percentunit", "-400 %"),
        (219.9, "short", "220"),
        (1.009, "short", "1.01"),
        (12_345, "short", "12 K"),
    ],
)
def test_a_value_in_its_unit(value: float, unit: str, words: str) -> None:
    """Seconds become minutes, hours, days; shares become per cent; counts stay."""
    assert shown(value, unit) == words


@pytest.mark.parametrize("unit", ["s", "short", "percentunit"])
@pytest.mark.parametrize("high", [0.000_7, 0.02, 0.9999, 1, 1.3, 4, 9.99, 37, 220, 4_321, 90_000, 7_776_000])
@pytest.mark.parametrize("low", [0, -0.3, -4])
def test_lines_of_the_grid_hold_every_value(low: float, high: float, unit: str) -> None:
    """They reach from below the lowest to above the highest, one is 0, and there are few."""
    found = ticks(low, high, unit)
    assert found[0] <= low
    assert found[-1] >= high * 0.999
    assert 0 in found
    assert 2 <= len(found) <= 7


def test_an_axis_of_seconds_counts_as_clocks_do() -> None:
    """Lines are at quarters of an hour and at whole days, not at a thousand seconds."""
    assert ticks(0, 3_000, "s") == [0, 900, 1_800, 2_700, 3_600]
    assert ticks(0, 16_410_000, "s")[1] % 86_400 == 0


def test_a_legend_breaks_into_rows() -> None:
    """What does not fit stands in the next row; one that is too long stands alone."""
    assert rows_of([40, 50, 30, 200, 10], 100) == [0, 0, 1, 2, 3]
    assert clock(125) == "2:05"


def test_a_kept_value_is_rounded() -> None:
    """Four digits that count; what is no number is nothing."""
    assert [rounded(each) for each in (1234.56, 0.0012345, 3.0, float("nan"), float("inf"))] == [
        1235,
        0.001234,
        3,
        None,
        None,
    ]


def test_prometheus_asks_one_node_and_its_offices() -> None:
    """The gate, the auditor and the offices of the country, under the names that rules and panels know."""
    ports = {"gate-kz": 1, "gate-uz": 2, "auditor-kz": 3, "auditor-uz": 4, "log-kz": 5}
    offices = {"gateway-kz-agency01": 6, "gateway-uz-agency01": 7}
    assert jobs(ports | offices) == {"refbus-gate": [1], "refbus-auditor": [3], "refbus-gateway": [6]}


def test_a_kept_run_has_a_line_for_each_series() -> None:
    """It is JSON, and what changes is seen line by line."""
    kept = {"country": "kz", "step_s": 2, "points": 1, "queries": {"a": [{"labels": {}, "values": [1]}] * 2, "b": []}}
    assert json.loads(as_lines(kept)) == kept
    assert len(as_lines(kept).splitlines()) == 6
