"""One place reads the machine's clock, and nothing measures a duration by it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.tree import ROOT, every, parsed, project_files, walked

SERVICES = project_files("services", suffix=".py")
CLOCK = ROOT / "services" / "refbus" / "clock"
WALL = {
    "time.time",
    "time.time_ns",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.date.today",
}
"""Calls that read the machine's clock."""
AGES = {
    "services/refbus_ops/findings.py": "the age of a directory, a key, a backup: a person is told, nothing is done",
    "services/refbus_ops/refused.py": "whether an entry must be in the log by now: a person is told, nothing is done",
    "services/refbus/bus/certificates.py": "a date on a certificate: people are warned, nothing is done",
    "services/refbus/envelope/routing.py": "an old version of the directory is known for so long, across starts",
    "services/refbus/core/gate/rules.py": "signed times are compared, not measured",
    "services/refbus/node/counted_on.py": "a person is alarmed for a day, across starts",
    "services/refbus_auditor/entries.py": "an entry waits for thirty days, across starts; the judge is asked first",
    "services/refbus_gateway/store/doings.py": "rows of the log are kept for two years, across starts",
    "services/refbus_gateway/cases/retention.py": "a reminder that was cleared comes again after a week, across starts",
    "services/refbus_auditor/cosignatures.py": "a quorum in the store; one in the future is due now",
    "services/refbus_gateway/directory/door.py": "since when the log is silent; an alarm that is late by a jump",
    "services/refbus_gateway/directory/profiles.py": "own profile: weekly, across starts; in the future is due",
    "services/refbus_gateway/inbox/refusals.py": "since when a record waits; from the future is due now",
    "services/refbus_gateway/inbox/notices.py": "envelopes of the last day; none from the future counts",
    "services/refbus_gateway/sync/synchroniser.py": "the last look through a large store, across starts",
    "services/refbus_gateway/sync/writer.py": "a withdrawal goes out daily; in the future is due now",
    "services/refbus_gateway/sync/proof_reader.py": "a record's age by the broker; far in the future is old",
    "services/refbus_gateway/consent/withdrawals.py": "when a no was last tried; far off either way is due",
    "services/refbus_gateway/outbox/announced.py": "word of a restore goes daily for thirty days, across starts",
    "services/refbus_gateway/inbox/repetitions.py": "a quota of a day, across starts; the future does not count",
    "services/refbus_gate/restored.py": "when a restore was seen, across starts; people are alarmed for a day",
    "services/refbus_gate/clock/upkeep.py": "the last heartbeat in the store; one in the future is due now",
}
"""Where a difference of wall times is compared, and why: it must outlive a start, and the future does no harm."""


DATES = {
    "infra/trials/bench/report.py": "the date of a report",
    "infra/trials/demo/homecoming.py": "the days of a form",
    "infra/trials/demo/plan.py": "the days of a form",
}
"""What reads the machine's clock for a date that is written down."""


def name_of(path: Path) -> str:
    """Return the path inside the project."""
    return str(path.relative_to(ROOT))


def readings(tree: ast.AST) -> list[int]:
    """Return the lines that read the machine's clock."""
    calls: list[ast.expr | ast.stmt] = [
        node for node in walked(tree) if isinstance(node, ast.Attribute) and ast.unparse(node) in WALL
    ]
    named: list[ast.expr | ast.stmt] = [
        node
        for node in walked(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module == "time"
        and any(alias.name in {"time", "time_ns"} for alias in node.names)
    ]
    return sorted(node.lineno for node in (*calls, *named))


def durations(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that compare how much wall time has passed: a difference with a `now_ms`."""
    for node in walked(tree):
        if isinstance(node, ast.Compare):
            sides = (node.left, *node.comparators)
            if any(_is_difference(part) for side in sides for part in walked(side)):
                yield node.lineno


def _is_difference(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and "now_ms" in ast.unparse(node)


@every(SERVICES)
def test_only_the_clock_reads_the_clock(path: Path) -> None:
    """Services read the machine's clock in `refbus.clock` alone; everything else is given the time that counts."""
    found = readings(parsed(path))
    assert found == [] or path.is_relative_to(CLOCK)


def test_trials_read_the_same_clock() -> None:
    """What plays and measures the product asks `refbus.clock` too; a date on a form or a report is nobody's clock."""
    found = {name_of(path) for path in project_files("infra", suffix=".py") if readings(parsed(path))}
    assert found == set(DATES)


@every(SERVICES)
def test_durations_run_on_the_monotonic_clock(path: Path) -> None:
    """No service compares a difference of wall times, but where it must outlive a start and the reason is given."""
    found = list(durations(parsed(path)))
    assert found == [] or path.is_relative_to(CLOCK) or name_of(path) in AGES


def test_the_reasons_are_needed() -> None:
    """No module stands among the exceptions that has no such comparison."""
    needed = {name_of(path) for path in SERVICES if list(durations(parsed(path))) != []}
    assert set(AGES) <= needed


@pytest.mark.parametrize(
    "planted",
    ["import time\nx = time.time()", "from time import time_ns", "from datetime import datetime\nx = datetime.now()"],
)
def test_a_planted_reading_is_found(planted: str) -> None:
    """The rule is alive: each way to read the clock is found."""
    assert readings(ast.parse(planted)) != []


@pytest.mark.parametrize("planted", ["now_ms - last_ms >= WAIT", "abs(self.now_ms() - last) < 5"])
def test_a_planted_duration_is_found(planted: str) -> None:
    """The rule is alive: a wait that is measured by wall time is found."""
    assert list(durations(ast.parse(planted))) != []


def test_the_bound_between_clocks_is_one_constant() -> None:
    """Ten minutes between two honest clocks are written down once."""
    written = [
        name_of(path)
        for path in SERVICES
        for node in walked(parsed(path))
        if isinstance(node, ast.Constant) and node.value == 600_000 and type(node.value) is int
    ]
    assert written == ["services/refbus/clock/judge.py"]
