"""Migrations of every store form one line, each named by its revision: two that were made side by side are found."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from support.tree import ROOT

FOLDERS = sorted({path.parent for path in (ROOT / "services").rglob("v0001_*.py")})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT / "services")))
def test_each_migration_follows_the_one_before(folder: Path) -> None:
    """File names, revisions and what they follow count 0001, 0002 and so on, each once."""
    found = []
    for path in sorted(folder.glob("v*.py")):
        text = path.read_text(encoding="utf-8")
        facts = re.search(r'^revision = "(\d+)"\ndown_revision = (?:"(\d+)"|None)$', text, re.M)
        assert facts is not None, path.name
        found.append((path.name[1:5], facts[1], facts[2] or "0000"))
    numbers = [f"{number:04}" for number in range(len(found) + 1)]
    assert found == [(each, each, before) for before, each in pairwise(numbers)]
