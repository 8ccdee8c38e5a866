"""A database that was here is not begun anew: an empty, lost or exchanged one is named until a restore."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from refbus.crypto.secretbox import StateKey
from refbus.database import identity
from refbus.database.engine import FileDatabase
from refbus.database.putback import put_back
from refbus.errors import Code, RefbusError
from refbus.node.store.node import KIND, NodeStore, get_setting, put_setting
from support.emptied import WAYS, put_other

KEY = StateKey(bytes(32))


def opened(home: Path) -> NodeStore:
    """Open the store of a home."""
    return NodeStore.open(home / "store" / "node.db", KEY, home / "node.db.made")


def content(path: Path) -> list[str] | None:
    """Return tables and rows of a database, None when there is no file."""
    if not path.is_file():
        return None
    with closing(sqlite3.connect(path)) as found:
        return list(found.iterdump())


def refused(home: Path) -> str:
    """Return the code with which a start is refused, and require that nothing was begun."""
    path = home / "store" / "node.db"
    before = content(path)
    with pytest.raises(RefbusError) as caught:
        opened(home)
    assert content(path) == before
    return caught.value.code


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home whose store says a word, and is closed."""
    store = opened(tmp_path / "home")
    with store.database.writing() as connection:
        put_setting(connection, "word", b"now")
    store.close()
    return tmp_path / "home"


def test_a_first_start_needs_nothing(home: Path) -> None:
    """No file has to be there; the second start finds what the first one wrote."""
    store = opened(home)
    with store.database.reading() as connection:
        assert get_setting(connection, "word") == b"now"
    store.close()


@pytest.mark.parametrize("way", WAYS)
def test_what_was_emptied_is_not_taken_for_new(home: Path, way: str) -> None:
    """HOME_DAMAGED, at every start; a copy that is put back works again."""
    shutil.copy(home / "store" / "node.db", home / "copy.db")
    WAYS[way](home / "store" / "node.db")
    assert {refused(home), refused(home)} == {Code.HOME_DAMAGED}
    put_back(home / "copy.db", home / "store" / "node.db", lambda _: None, home / "node.db.made")
    opened(home).close()


def test_the_database_of_another_home_is_refused(home: Path, tmp_path: Path) -> None:
    """HOME_DAMAGED, though its tables and its key are the right ones."""
    opened(tmp_path / "other").close()
    put_other(home / "store" / "node.db", tmp_path / "other" / "store" / "node.db")
    assert refused(home) == Code.HOME_DAMAGED


def test_a_lost_log_of_the_database_that_had_everything(tmp_path: Path) -> None:
    """A kill in the first life, and the write-ahead log deleted: what is left is no new database."""
    store = opened(tmp_path)
    for name in ("node.db", "node.db-wal"):
        shutil.copy(tmp_path / "store" / name, tmp_path / f"{name}.then")
    store.close()
    shutil.copy(tmp_path / "node.db.then", tmp_path / "store" / "node.db")
    assert (tmp_path / "node.db-wal.then").stat().st_size
    assert refused(tmp_path) == Code.HOME_DAMAGED


def test_an_older_copy_of_the_same_database_opens(home: Path) -> None:
    """Whether it is too old is for its owner to find out, who knows what it has written since."""
    shutil.copy(home / "store" / "node.db", home / "copy.db")
    store = opened(home)
    with store.database.writing() as connection:
        put_setting(connection, "word", b"later")
    store.close()
    put_other(home / "store" / "node.db", home / "copy.db")
    opened(home).close()


def test_a_store_from_before_is_marked_at_the_next_start(tmp_path: Path) -> None:
    """One without a number gets one; a mark of an office before 2026-12, which is empty, too."""
    NodeStore.open(tmp_path / "store" / "node.db", KEY).close()
    (tmp_path / "node.db.made").touch()
    opened(tmp_path).close()
    assert identity.number_in(tmp_path / "node.db.made")
    WAYS["tables only"](tmp_path / "store" / "node.db")
    assert refused(tmp_path) == Code.HOME_DAMAGED


@pytest.mark.parametrize("content", [b"", b"12", b"no number", b"99999999999999"])
def test_a_damaged_mark_stops_nobody(home: Path, content: bytes) -> None:
    """It is written anew from the database."""
    (home / "node.db.made").write_bytes(content)
    opened(home).close()
    assert identity.number_in(home / "node.db.made")


def test_a_stop_between_the_database_and_its_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first start that was cut is finished by the next one, and the mark is for its owner alone."""

    def die(*_: object) -> None:
        """Die before the mark is written."""
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(identity, "note", die)
        with pytest.raises(KeyboardInterrupt):
            opened(tmp_path)
    opened(tmp_path).close()
    assert os.stat(tmp_path / "node.db.made").st_mode & 0o077 == 0


def test_the_copy_of_a_store_without_a_number_becomes_the_one_of_the_home(home: Path, tmp_path: Path) -> None:
    """A backup from before the numbers is put back like any other."""
    FileDatabase(tmp_path / "copy.db", KIND).close()
    put_back(tmp_path / "copy.db", home / "store" / "node.db", lambda _: None, home / "node.db.made")
    opened(home).close()
