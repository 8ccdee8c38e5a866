"""The check for known vulnerabilities never passes when it checked nothing."""

from __future__ import annotations

import json

import pytest

from tools.auditdeps import judge

CLEAN = {"name": "alpha", "version": "1", "vulns": []}
SKIPPED = {"name": "beta", "skip_reason": "not found and could not be audited"}
BAD = {"name": "gamma", "version": "2", "vulns": [{"id": "EXAMPLE-1", "fix_versions": ["3"]}]}


@pytest.mark.parametrize(
    ("packages", "status"),
    [([CLEAN], 0), ([CLEAN, SKIPPED], 2), ([SKIPPED], 2), ([], 2), ([CLEAN, BAD], 1), ([SKIPPED, BAD], 1)],
)
def test_only_a_whole_check_without_a_finding_passes(packages: list[object], status: int) -> None:
    """One package that could not be asked about is enough to fail, and a finding is told whatever else is missing."""
    assert judge(json.dumps({"dependencies": packages})).status == status


@pytest.mark.parametrize("report", ["", "no network", "{}", "[]", '{"dependencies": null}'])
def test_a_tool_that_says_nothing_checked_nothing(report: str) -> None:
    """Without a report the words are plain and the status is not 0."""
    outcome = judge(report)
    assert outcome.status == 2
    assert outcome.lines()[-1].startswith("NOTHING WAS CHECKED")


def test_what_was_not_checked_is_named() -> None:
    """A person reads which packages nobody looked at."""
    assert "NOT CHECKED, 1: beta" in judge(json.dumps({"dependencies": [CLEAN, SKIPPED]})).lines()
