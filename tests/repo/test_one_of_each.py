"""Of what everybody needs there is one: a second one elsewhere is found here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from refbus.core.units import HOUR_MS, HOUR_S
from support.tree import texts, walked

BACK_OFF = "services/refbus/backoff.py"
UNITS = "services/refbus/core/units.py"


def doubled(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that bound a number which grows by powers: `min(most, first << times)` and the like."""
    for node in walked(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "min":
            inside = (found for argument in node.args for found in walked(argument))
            grows = any(isinstance(found, ast.BinOp) and isinstance(found.op, ast.LShift | ast.Pow) for found in inside)
            yield from [node.lineno] if grows else []


def test_waits_between_tries_are_counted_in_one_place() -> None:
    """`refbus.backoff`: nothing else doubles a wait up to a bound."""
    found = {name: list(doubled(ast.parse(text))) for name, text in texts("services", suffix=".py") if "min(" in text}
    assert {name for name, lines in found.items() if lines} == {BACK_OFF}


@pytest.mark.parametrize("twin", ["min(60_000, 250 << min(times, 10))", "min(first * 2 ** times, longest)"])
def test_another_way_to_count_waits_is_found(twin: str) -> None:
    """Either way of writing it."""
    assert list(doubled(ast.parse(f"wait = {twin}"))) == [1]


def units(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a module gives to an hour or a day in milliseconds."""
    for node in walked(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            names = node.targets if isinstance(node, ast.Assign) else [node.target]
            if node.value.value in {3_600_000, 86_400_000}:
                yield from (ast.unparse(name) for name in names)


def test_hours_and_days_have_their_milliseconds_in_one_place() -> None:
    """`refbus.core.units`: no module counts the zeros again."""
    wanted = {"HOUR_MS", "DAY_MS"}
    modules = texts("services", "infra", "tests", suffix=".py")
    found = {name: set(units(ast.parse(text))) for name, text in modules if any(unit in text for unit in wanted)}
    named = {name: own for name, own in found.items() if {each.strip("_") for each in own} & wanted}
    assert set(named) == {UNITS}


def spans(tree: ast.AST) -> Iterator[int]:
    """Yield the lines with a whole number of hours or days, as a number or compared with in a text (`> 3600`)."""
    for node in walked(tree):
        if isinstance(node, ast.Constant):
            found = re.findall(r"[<>]=? ?(\d+)\b", node.value) if isinstance(node.value, str) else [node.value]
            yield from [node.lineno for each in found if is_span(each)]


def is_span(value: object) -> bool:
    """Whether a number is one to 24 hours, or some days up to a leap year, in seconds or milliseconds."""
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        return False
    hours = (float(value) / unit for unit in (HOUR_S, HOUR_MS))
    return any(each in range(1, 25) or each in range(48, 367 * 24, 24) for each in hours)


def test_services_count_no_hours_and_days() -> None:
    """They say `30 * DAY_MS`, which nobody has to count (`refbus.core.units`)."""
    found = {name: list(spans(ast.parse(text))) for name, text in texts("services", suffix=".py")}
    assert {name: lines for name, lines in found.items() if lines and name != UNITS} == {}


@pytest.mark.parametrize("twin", ["30 * 86_400_000", "12 * 3600.0", "'> 172800'", "7_200_000"])
def test_an_hour_that_is_counted_is_found(twin: str) -> None:
    """As a factor, a float, in an expression of an alert rule, or several hours in one."""
    assert list(spans(ast.parse(f"PATIENCE = {twin}"))) == [1]


def test_times_are_shown_in_one_place() -> None:
    """`refbus.core.times`: nothing else writes a date or a time for people; a log line and a machine's form are not."""
    forms = {name for name, text in texts("services", suffix=".py") if "strftime(" in text}
    assert forms == {
        "services/refbus/core/times.py",
        "services/refbus/bus/certificates.py",
        "services/refbus/telemetry/logs.py",
    }
