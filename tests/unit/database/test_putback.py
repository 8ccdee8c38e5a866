"""A copy takes the place of a database only when it is whole, and a stop anywhere leaves one that can be opened."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from refbus.crypto.secretbox import StateKey
from refbus.database import putback
from refbus.database.putback import put_back
from refbus.errors import Code, RefbusError
from refbus.node.store.node import NodeStore, get_setting, put_setting

KEY = StateKey(bytes(32))
MARK = Path("/no such mark")


class StopHere(BaseException):
    """The process dies at this place."""


def store_with(path: Path, word: bytes) -> Path:
    """Make a store that says `word`; leave it closed."""
    store = NodeStore.open(path, KEY)
    with store.database.writing() as connection:
        put_setting(connection, "word", word)
    store.close()
    return path


def word_in(path: Path) -> bytes | None:
    """Return what a store says."""
    store = NodeStore.open(path, KEY)
    try:
        with store.database.reading() as connection:
            return get_setting(connection, "word")
    finally:
        store.close()


def fine(fresh: Path) -> None:
    """Open a copy as its owner does."""
    NodeStore.open(fresh, KEY).close()


def test_a_copy_takes_the_place_and_the_one_before_is_kept(tmp_path: Path) -> None:
    """Under another name beside it, each time another; the copy itself is not touched."""
    target, copy = store_with(tmp_path / "home" / "node.db", b"now"), store_with(tmp_path / "copy.db", b"then")
    kept = put_back(copy, target, fine, MARK)
    assert kept is not None
    assert (word_in(target), word_in(kept), word_in(copy)) == (b"then", b"now", b"then")
    again = put_back(copy, target, fine, MARK)
    assert again is not None
    assert (kept.name, again.name) == ("node.db.before-1", "node.db.before-2")


def test_into_a_home_without_a_store(tmp_path: Path) -> None:
    """There is nothing to keep."""
    copy = store_with(tmp_path / "copy.db", b"then")
    assert put_back(copy, tmp_path / "home" / "node.db", fine, MARK) is None
    assert word_in(tmp_path / "home" / "node.db") == b"then"


@pytest.mark.parametrize(
    "made", ["TRIGGER t AFTER INSERT ON fact BEGIN DELETE FROM fact; END", "VIEW v AS SELECT * FROM fact"]
)
def test_a_copy_that_acts_by_itself_is_refused(tmp_path: Path, made: str) -> None:
    """Whoever had the medium could else make a gate forget each withdrawal in the moment in which it is written."""
    target, copy = store_with(tmp_path / "home" / "node.db", b"now"), store_with(tmp_path / "copy.db", b"then")
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute(f"CREATE {made}")
    with pytest.raises(RefbusError) as refused:
        put_back(copy, target, fine, MARK)
    assert refused.value.code is Code.BACKUP_INVALID
    assert word_in(target) == b"now"


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(5000)])
def test_what_is_no_whole_database_changes_nothing(tmp_path: Path, content: bytes) -> None:
    """BACKUP_INVALID, and the store is the one that was there."""
    target = store_with(tmp_path / "home" / "node.db", b"now")
    (tmp_path / "copy.db").write_bytes(content)
    with pytest.raises(RefbusError) as caught:
        put_back(tmp_path / "copy.db", target, fine, MARK)
    assert caught.value.code in {Code.BACKUP_INVALID, Code.STORE_FAILED}
    assert word_in(target) == b"now"


def test_a_store_of_another_key_or_a_newer_version_changes_nothing(tmp_path: Path) -> None:
    """What the check refuses never takes the place."""
    target, copy = store_with(tmp_path / "home" / "node.db", b"now"), store_with(tmp_path / "copy.db", b"then")
    with closing(sqlite3.connect(copy)) as opened:
        opened.execute("UPDATE alembic_version SET version_num = '9999'")
        opened.commit()
    with pytest.raises(RefbusError) as caught:
        put_back(copy, target, fine, MARK)
    assert caught.value.code is Code.STORE_NEWER
    assert word_in(target) == b"now"


def test_not_beside_a_running_service(tmp_path: Path) -> None:
    """HOME_IN_USE: whoever has the store open would go on writing into the old one."""
    target, copy = store_with(tmp_path / "home" / "node.db", b"now"), store_with(tmp_path / "copy.db", b"then")
    running = NodeStore.open(target, KEY)
    with pytest.raises(RefbusError) as caught:
        put_back(copy, target, fine, MARK)
    running.close()
    assert caught.value.code is Code.HOME_IN_USE
    assert word_in(target) == b"now"


@pytest.mark.parametrize("step", ["_read_through", "_settle", "flush_file", "_keep", "flush_folder"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_stop_at_any_step_and_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    """The store is the old one or the new one, whole; given again, the restore ends as if nothing had happened."""
    target, copy = store_with(tmp_path / "home" / "node.db", b"now"), store_with(tmp_path / "copy.db", b"then")
    real = getattr(putback, step)

    def die(*arguments: object) -> None:
        """Die before or after the real step."""
        if when == "after":
            real(*arguments)
        raise StopHere

    with monkeypatch.context() as patched:
        patched.setattr(putback, step, die)
        with pytest.raises(StopHere):
            put_back(copy, target, fine, MARK)
    assert word_in(target) in {b"now", b"then"}
    put_back(copy, target, fine, MARK)
    assert word_in(target) == b"then"
    assert not (target.parent / "putting-back").exists()
    assert all(os.stat(each).st_mode & 0o077 == 0 for each in target.parent.iterdir())
