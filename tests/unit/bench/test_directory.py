"""The part of the bench about directories with many members: each is enrolled, and both readers know all of them."""

from __future__ import annotations

from pathlib import Path

from bench import directory
from refbus.clock import machine_ms
from refbus.trust.homes import Home
from tools.pages.capacity import _COSTS as COSTS
from tools.pages.capacity import SHAPES


def test_every_member_is_enrolled_and_read(tmp_path: Path) -> None:
    """A gate has as many as were asked for, and the gates and what else the description has."""
    size = 40
    found = {each.name: each for each in directory.measure(tmp_path, ((5, size),))}
    names = {f"directory, 5 countries, {size} organisations, {name}" for name, _ in COSTS}
    assert set(found) == names
    assert all(each.ratio == 1 for each in found.values())
    history = Home(tmp_path / f"5-{size}" / "gates" / "kz").trust_store().load(machine_ms())
    assert history is not None
    assert history.latest.version == 3
    assert len(history.latest.organisations) == size
    assert history.latest.countries() == ("aa", "kg", "kz", "tm", "uz")


def test_the_page_shows_what_is_measured() -> None:
    """Page and bench speak of the same directories."""
    assert SHAPES == directory.SHAPES
