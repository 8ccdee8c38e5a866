"""The part of the bench about directories with many members: each is enrolled, and both readers know all of them."""

from __future__ import annotations

from pathlib import Path

from bench import directory
from refbus.clock import machine_ms
from refbus.core.ids import CountryCode
from refbus.trust.homes import Home


def test_every_member_is_enrolled_and_read(tmp_path: Path) -> None:
    """A gate has as many as were asked for, and the gates and what else the description has."""
    size = 40
    found = {each.name: each for each in directory.measure(tmp_path, (size,))}
    assert {name.rpartition(", ")[2] for name in found} == {
        "published",
        "largest list",
        "first reading",
        "reading at a start",
        "memory of a gate",
        "memory of a desk",
    }
    assert all(each.ratio == 1 for each in found.values())
    history = Home(tmp_path / str(size) / "gates" / "kz").trust_store().load(machine_ms())
    assert history is not None
    assert len(history.latest.organisations) == size
    assert CountryCode("tm") in history.latest.policies
