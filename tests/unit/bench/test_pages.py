"""What a page of the desk asks of the store does not grow with what is in it: statements are pinned."""

from __future__ import annotations

from pathlib import Path

from bench import pages

MOST = {"today": 80, "a referral": 30, "one that nobody opened": 14}
LIST = 12


def test_a_page_asks_the_same_whatever_the_number_of_referrals(tmp_path: Path) -> None:
    """With twice as many referrals each page takes as many statements, and no more than docs/design/bench.md says."""
    few, many = pages.counts(tmp_path / "few", 120), pages.counts(tmp_path / "many", 240)
    asked = {name: found.statements for name, found in few.items()}
    assert asked == {name: found.statements for name, found in many.items()}
    assert {name: count for name, count in asked.items() if not 0 < count <= MOST.get(name, LIST)} == {}
