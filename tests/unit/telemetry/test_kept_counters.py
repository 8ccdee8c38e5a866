"""Counters that alerts compare with before, over the restart of a service; the disk and the runbook."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.errors import Code
from refbus.telemetry import Kind, Metrics, Service
from refbus.telemetry import catalogue as c
from refbus.telemetry.alerts import KEPT, RULES
from refbus.telemetry.kept import FILE
from refbus.telemetry.labels import Direction, Outcome
from refbus.telemetry.runbook import RUNBOOK


def started(home: Path) -> Metrics:
    """Return the metrics of a gate that begins with this home."""
    return Metrics(Service.GATE, lambda: 0, home)


def reused(metrics: Metrics) -> float | None:
    """Return how often a number of an event was used twice."""
    labels = {"direction": "EGRESS", "code": "EVENT_ID_REUSED"}
    return metrics.registry.get_sample_value("refbus_gate_refusals_total", labels)


def test_a_counter_of_a_rule_goes_on_after_a_restart(tmp_path: Path) -> None:
    """What counted before a stop counts after it, and what comes then is more than that."""
    first = started(tmp_path)
    first.count(c.GATE_REFUSALS, direction=Direction.EGRESS, code=Code.EVENT_ID_REUSED)
    first.keep()
    again = started(tmp_path)
    assert reused(again) == 1
    again.count(c.GATE_REFUSALS, direction=Direction.EGRESS, code=Code.EVENT_ID_REUSED)
    again.keep()
    assert reused(started(tmp_path)) == 2


def test_other_counters_begin_at_0_and_write_nothing(tmp_path: Path) -> None:
    """A decision is counted with each event: no file is written for it."""
    first = started(tmp_path)
    first.count(c.GATE_DECISIONS, direction=Direction.EGRESS, outcome=Outcome.FORWARDED)
    first.keep()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'[["refbus_gate_refusals_total", ["EGRESS", "EVENT_ID_REUSED"], -1]]',
        b'[["refbus_gate_refusals_total", ["EGRESS"], 1], ["refbus_gone_total", [], 1]]',
        b'[["refbus_gate_refusals_total", ["EGRESS", "EVENT_ID_REUSED"], "NaN"]]',
        b'[["refbus_gate_refusals_total", 7, 7]]',
        b"[[1]]",
    ],
)
def test_a_damaged_file_begins_at_0(tmp_path: Path, content: bytes) -> None:
    """No content of the file keeps a service from starting, or makes a count of nothing."""
    (tmp_path / FILE).write_bytes(content)
    assert reused(started(tmp_path)) == 0


def test_a_label_that_is_in_no_list_is_left_out(tmp_path: Path) -> None:
    """A file cannot put the name of an organisation on the page."""
    content = '[["refbus_gate_refusals_total", ["EGRESS", "kz-4f7k2m9q"], 1]]'
    (tmp_path / FILE).write_text(content)
    names = {sample.labels.get("code") for family in started(tmp_path).registry.collect() for sample in family.samples}
    assert "kz-4f7k2m9q" not in names


def test_only_counters_are_kept() -> None:
    """Each is in the catalogue, and a rule looks at it."""
    assert KEPT
    assert {metric.kind for metric in c.CATALOGUE if metric.name in KEPT} == {Kind.COUNTER}


def test_the_disk_of_the_home_is_shown(tmp_path: Path) -> None:
    """A share between nothing and all of it; a home that is gone has nothing."""
    gate = started(tmp_path)
    gate.disk()
    assert 0 < (gate.registry.get_sample_value("refbus_disk_free_ratio") or 0) <= 1
    gone = started(tmp_path / "gone")
    gone.disk()
    assert gone.registry.get_sample_value("refbus_disk_free_ratio") == 0


def test_every_rule_has_its_page_of_the_runbook() -> None:
    """Four answers in whole sentences, no page without a rule; what not to do says so."""
    assert {rule.name for rule in RULES} == set(RUNBOOK)
    for entry in RUNBOOK.values():
        for text in (entry.look, entry.do, entry.never, entry.clears):
            assert text.endswith((".", "?"))
        assert entry.never.startswith("Do not ")
