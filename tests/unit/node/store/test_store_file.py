"""The node store in a file: how SQLite is set, its lock, who may look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.core.gate.passage import Outcome
from refbus.crypto.secretbox import StateKey
from refbus.database.engine import FileDatabase
from refbus.errors import Code, SetupError, StoreError
from refbus.node.store.accounting import balance
from refbus.node.store.commit import commit
from refbus.node.store.node import KIND, NodeStore, put_setting
from refbus.node.store.rows import Changes, Position, RecordRow

FIRST = Position("kz.outbox", "id", 1, 0, 0)
ROW = RecordRow("kz.outbox", 0, b"d" * 16, "REFUSED", "NO_CONSENT", b"r" * 32, None, None, None, 5, 9, b"answer")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[NodeStore]:
    """Return an empty store."""
    made = NodeStore.open(tmp_path / "node.db", StateKey(bytes(32)))
    yield made
    made.close()


def test_sqlite_is_set_for_durability(store: NodeStore) -> None:
    """WAL, a full sync at each commit, a busy timeout, pages that hold an envelope."""
    with store.database.reading() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "page_size")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 20_000, "page_size": 16_384}


def test_one_process_owns_a_database(store: NodeStore, tmp_path: Path) -> None:
    """A second owner is refused as long as the first one lives."""
    with pytest.raises(SetupError) as caught:
        FileDatabase(tmp_path / "node.db", KIND)
    assert caught.value.code is Code.HOME_IN_USE


def test_others_may_look(store: NodeStore, tmp_path: Path) -> None:
    """A tool beside the gate reads, and cannot write."""
    commit(store, Changes(position=FIRST, records=[ROW]), 0, None, 1)
    beside = FileDatabase.read_only(tmp_path / "node.db", KIND)
    with beside.reading() as connection:
        assert balance(connection).total(Outcome.REFUSED) == 1
    with pytest.raises(StoreError), beside.writing() as connection:
        put_setting(connection, "x", b"y")
    beside.close()


def test_looking_needs_a_database(tmp_path: Path) -> None:
    """Nothing is made where nothing is."""
    with pytest.raises(SetupError):
        FileDatabase.read_only(tmp_path / "node.db", KIND)


def test_files_are_private(store: NodeStore, tmp_path: Path) -> None:
    """Only the owner can read database and lock."""
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "node.db", tmp_path / "node.db.lock")} == {0}


def test_a_writing_transaction_takes_the_lock_at_once(store: NodeStore) -> None:
    """BEGIN IMMEDIATE: state that is read in it cannot be changed by another writer before it is written."""
    with store.database.writing() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        assert raw.in_transaction
