"""The families of `topics/` and the strictness with which they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.bus.families import MAX_BATCH, Family, Party, load
from refbus.errors import Code, SetupError
from refbus.resources import data_dir

GOOD = (data_dir("topics") / "inbox.toml").read_text(encoding="utf-8")


def family(name: str) -> Family:
    """Return one declared family."""
    return next(each for each in load() if each.name == name)


def load_changed(folder: Path, old: str, new: str) -> tuple[Family, ...]:
    """Load the inbox family with one text replaced."""
    assert old in GOOD
    (folder / "inbox.toml").write_text(GOOD.replace(old, new), encoding="utf-8")
    return load(folder)


def test_the_families_are_those_of_the_design() -> None:
    """Ten families, none forgotten."""
    assert [each.name for each in load()] == [
        "{cc}.audit",
        "{cc}.border.{from}",
        "{cc}.directory",
        "{cc}.federation",
        "{cc}.inbox.{org}",
        "{cc}.outbox",
        "{cc}.profiles",
        "{cc}.proofs",
        "{cc}.quarantine",
        "{cc}.refused",
    ]


def test_only_the_foreign_gate_writes_to_a_border() -> None:
    """One writer per border topic; only the country's gate reads it."""
    border = family("{cc}.border.{from}")
    assert border.writers == {Party.FOREIGN_GATE}
    assert border.readers == {Party.GATE}


def test_only_its_organisation_reads_an_inbox() -> None:
    """One reader per inbox, and a month at least."""
    inbox = family("{cc}.inbox.{org}")
    assert inbox.readers == {Party.ORGANISATION}
    assert inbox.writers == {Party.GATE}
    assert inbox.retention_least_days >= 30


def test_no_family_is_smaller_than_a_batch() -> None:
    """A topic whose limit is below a client's batch would refuse several small records that came together."""
    assert all(each.max_message_bytes >= MAX_BATCH for each in load())


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("partitions = 1", "partitions = 3", "partitions"),
        ("partitions = 1", 'partitions = "1"', "partitions"),
        ("partitions = 1", "partitions = true", "partitions"),
        ("replication = 3", "replication = 1", "replication"),
        ("min_insync_replicas = 2", "min_insync_replicas = 1", "min_insync_replicas"),
        ("min_insync_replicas = 2", "min_insync_replicas = 3", "min_insync_replicas"),
        ('cleanup = "delete"', 'cleanup = "compact"', "cleanup"),
        ('retention = "message-life"', "retention = 0", "retention"),
        ('retention = "message-life"', 'retention = "for ever"', "retention"),
        ('retention = "message-life"', "retention = true", "retention"),
        ("max_message_bytes = 1048588", "max_message_bytes = 1000", "max_message_bytes"),
        ('writers = ["gate"]', "writers = []", "writers"),
        ('writers = ["gate"]', 'writers = ["anybody"]', "writers"),
        ('readers = ["organisation"]', "readers = [1]", "readers"),
        ('readers = ["organisation"]', 'readers = "gate"', "readers"),
        ("{cc}.inbox.{org}", "{cc}.inbox.{person}", "name"),
        ('name = "', 'named = "', "name"),
        ("partitions = 1", "partitions = 1\ncompression = 1", "compression"),
    ],
)
def test_a_declaration_that_breaks_a_rule_is_refused(tmp_path: Path, old: str, new: str, key: str) -> None:
    """The error names the file and the key."""
    with pytest.raises(SetupError) as caught:
        load_changed(tmp_path, old, new)
    assert caught.value.code is Code.SETTINGS_INVALID
    assert caught.value.detail == f"topics/inbox.toml: {key}"


def test_an_empty_reason_is_refused(tmp_path: Path) -> None:
    """Every family says why it is as it is."""
    with pytest.raises(SetupError) as caught:
        load_changed(tmp_path, GOOD[GOOD.index('why = """') :], 'why = " "')
    assert caught.value.detail == "topics/inbox.toml: why"


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    """Broken syntax and bytes that are no text are one error."""
    (tmp_path / "a.toml").write_bytes(b"\xff = ")
    with pytest.raises(SetupError) as caught:
        load(tmp_path)
    assert caught.value.code is Code.SETTINGS_INVALID


def test_a_folder_without_families_is_refused(tmp_path: Path) -> None:
    """An installation without its data does not plan to have no topics."""
    with pytest.raises(SetupError) as caught:
        load(tmp_path)
    assert caught.value.code is Code.FILE_UNREADABLE
