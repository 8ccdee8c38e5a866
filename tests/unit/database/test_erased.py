"""The list of erased cases on disk."""

from __future__ import annotations

from pathlib import Path

from refbus.database import erased as lists


def test_the_list_survives_a_torn_line(tmp_path: Path) -> None:
    """A stop in the middle of a line spoils neither that line's neighbours nor the next one."""
    path = tmp_path / "erased"
    lists.note(path, [b"a" * 32])
    with path.open("a") as file:
        file.write("0123")
    lists.note(path, [b"b" * 32])
    assert lists.noted(path) == {(b"a" * 32).hex(), (b"b" * 32).hex()}
