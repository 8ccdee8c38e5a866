"""Stores of more than one size: each service starts on each, and every figure says what it is held against."""

from __future__ import annotations

import pytest

from bench import growth, opening
from bench.report import Measure

SIZES = (160, 320)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Measure]:
    """Measure stores that are as small as they can be, once."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(growth, "ROUNDS", 2)
        patched.setattr(opening, "ROUNDS", 1)
        patched.setattr(opening, "in_child", lambda work, *given: work(*given))
        return growth.measure(tmp_path_factory.mktemp("growth"), SIZES)


@pytest.mark.parametrize("kind", ["gate", "gateway", "auditor"])
def test_a_start_and_its_memory_are_measured_for_every_service(found: list[Measure], kind: str) -> None:
    """The larger store is held against the smaller one, and nothing is measured that took nothing."""
    names = [f"{kind}, {what}, {SIZES[1]:,} events" for what in ("start", "memory")]
    ours = [each for each in found if each.name in names]
    assert [each.name for each in ours] == names
    assert all(each.value > 0 and each.baseline_value > 0 for each in ours)
    assert {(each.baseline, str(each.aim)) for each in ours} == {(f"{SIZES[0]:,} events", "ratio <= 1.15")}
