"""The quotas of `topics/quotas` and the strictness with which they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.bus.quotas import Kind, load
from refbus.errors import Code, SetupError
from refbus.resources import data_dir

GOOD = (data_dir("topics") / "quotas" / "principals.toml").read_text(encoding="utf-8")


def refused(folder: Path, text: str) -> tuple[Code, str]:
    """Return why a file is not taken."""
    (folder / "principals.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SetupError) as caught:
        load(folder)
    return caught.value.code, caught.value.detail


def test_the_largest_event_is_let_through_each_second() -> None:
    """Whoever writes may write one in a second; the own node has no quota at all."""
    quotas = load()
    assert quotas[Kind.OWN_NODE] == {}
    for kind in (Kind.ORGANISATION, Kind.FOREIGN_NODE):
        assert quotas[kind]["producer_byte_rate"] >= 1_048_576


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("[own-node]", "[own]", "a table for each of"),
        ("request_percentage = 25", "request_percent = 25", "organisation: exactly"),
        ("producer_byte_rate = 1048576", "producer_byte_rate = -1", "producer_byte_rate is a number"),
        ("producer_byte_rate = 1048576", 'producer_byte_rate = "1"', "producer_byte_rate is a number"),
        ("[organisation]", "[organisation", "not TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, old: str, new: str, what: str) -> None:
    """A misspelt key would be a quota that is not set."""
    code, detail = refused(tmp_path, GOOD.replace(old, new, 1))
    assert code is Code.SETTINGS_INVALID
    assert what in detail


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """No quotas are not the same as none declared."""
    with pytest.raises(SetupError) as caught:
        load(tmp_path)
    assert caught.value.code is Code.FILE_UNREADABLE
