"""One database and many threads, as at a gateway: pages, commands and the synchroniser work at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Barrier, Event

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from refbus.database import engine, port, version
from refbus.database.engine import FileDatabase
from refbus.database.port import Database, StoreKind
from refbus.errors import Code, StoreError
from refbus.node.store import audit_keys, node
from refbus_auditor import home as auditor
from refbus_gateway.store import session

KINDS = {"gate": node.KIND, "keys": audit_keys.KIND, "auditor": auditor.KIND, "gateway": session.KIND}
THREADS = 8
WAIT_S = 60
"""After this long a test fails instead of waiting for ever."""


@pytest.fixture(params=["gate", "gateway"])
def kind(request: pytest.FixtureRequest) -> StoreKind:
    """Give a kind of store that one process owns, and one that several share."""
    return KINDS[request.param]


@pytest.fixture
def database(tmp_path: Path, kind: StoreKind) -> Iterator[Database]:
    """Give an open database with one number in it."""
    with closing(FileDatabase(tmp_path / "store.db", kind)) as opened:
        with opened.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE counted (number INTEGER)")
            connection.exec_driver_sql("INSERT INTO counted VALUES (0)")
        yield opened


def number(connection: Connection) -> int:
    """Return the number."""
    return int(connection.exec_driver_sql("SELECT number FROM counted").scalar_one())


def add_one(database: Database) -> None:
    """Read the number, and write one more, in one transaction."""
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE counted SET number = ?", (number(connection) + 1,))


def test_reads_run_side_by_side_and_beside_a_writer(database: Database) -> None:
    """All readers are in their transactions at once while one writes; each keeps the state that it began with."""
    together = Barrier(THREADS + 1, timeout=WAIT_S)

    def read() -> tuple[int, int]:
        with database.reading() as connection:
            before = number(connection)
            together.wait()  # everybody reads, nothing is written
            together.wait()  # it is written
            return before, number(connection)

    with ThreadPoolExecutor(THREADS) as threads:
        found = [threads.submit(read) for _ in range(THREADS)]
        together.wait()
        add_one(database)
        together.wait()
        assert [each.result(WAIT_S) for each in found] == [(0, 0)] * THREADS
    with database.reading() as connection:
        assert number(connection) == 1


def test_writers_go_one_after_the_other(database: Database) -> None:
    """No write of any thread is lost, and none fails: each waits for its turn."""
    with ThreadPoolExecutor(THREADS) as threads:
        for each in [threads.submit(add_one, database) for _ in range(THREADS * 20)]:
            each.result(WAIT_S)
    with database.reading() as connection:
        assert number(connection) == THREADS * 20


def test_writers_of_two_processes_go_one_after_the_other(tmp_path: Path) -> None:
    """The same for two openings of one shared file, which know nothing of each other."""
    with (
        closing(FileDatabase(tmp_path / "store.db", session.KIND)) as ours,
        closing(FileDatabase(tmp_path / "store.db", session.KIND)) as theirs,
    ):
        with ours.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE counted (number INTEGER)")
            connection.exec_driver_sql("INSERT INTO counted VALUES (0)")
        with ThreadPoolExecutor(THREADS) as threads:
            turns = [threads.submit(add_one, (ours, theirs)[turn % 2]) for turn in range(THREADS * 10)]
            for each in turns:
                each.result(WAIT_S)
        with theirs.reading() as connection:
            assert number(connection) == THREADS * 10


def test_a_log_that_another_process_reads_again_is_waited_for(tmp_path: Path) -> None:
    """So it does where a writer was killed in the middle of a note of what is in it; the store is not broken."""
    path = tmp_path / "store.db"
    with closing(FileDatabase(path, session.KIND)) as database:
        with database.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE counted (number INTEGER)")
            connection.exec_driver_sql("INSERT INTO counted VALUES (0)")
        with Popen([sys.executable, "-c", _REPAIRS, f"{path}-shm"], stdin=PIPE, stdout=PIPE) as other:
            assert other.stdin is not None
            assert other.stdout is not None
            assert other.stdout.readline() == b"it does\n"
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(engine, "WAIT_S", 0.01)
                with pytest.raises(StoreError) as refused:
                    add_one(database)
            assert refused.value.code is Code.STORE_BUSY
            with ThreadPoolExecutor(1) as threads:
                waits = threads.submit(add_one, database)
                other.stdin.close()
                waits.result(WAIT_S)
        with database.reading() as connection:
            assert number(connection) == 1


_REPAIRS = """
import fcntl, sys
with open(sys.argv[1], "r+b", buffering=0) as index:
    fcntl.lockf(index, fcntl.LOCK_EX, 3, 120)  # to write, to copy back, to recover
    index.write(bytes([255] * 8))
    print("it does", flush=True)
    sys.stdin.read()
"""


def test_who_scrubs_has_the_turn_of_a_writer(kind: StoreKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite waits for readers with the lock of a writer in its hand, who would wait for that a third as long."""
    with closing(FileDatabase(tmp_path / "store.db", kind)) as database:
        with database.writing(), monkeypatch.context() as patched:
            patched.setattr(port, "WAIT_S", 0.01)
            patched.setattr(engine, "_BUSY_TIMEOUT_MS", 10)
            with pytest.raises(StoreError, match=Code.STORE_BUSY):
                database.scrub()
        database.scrub()


@pytest.mark.parametrize("other", ["thread", "process"])
def test_a_writer_waits_no_longer_than_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    """STORE_BUSY, which may be tried again; who writes is not disturbed, and then the next one may."""
    began, may_end = Event(), Event()
    path = tmp_path / "store.db"
    with closing(FileDatabase(path, session.KIND)) as ours, closing(FileDatabase(path, session.KIND)) as theirs:
        with ours.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE counted (number INTEGER)")
            connection.exec_driver_sql("INSERT INTO counted VALUES (0)")

        def write_long() -> None:
            with ours.writing() as connection:
                connection.exec_driver_sql("UPDATE counted SET number = 5")
                began.set()
                may_end.wait(WAIT_S)

        waits = ours if other == "thread" else theirs
        with ThreadPoolExecutor(1) as threads:
            writing = threads.submit(write_long)
            assert began.wait(WAIT_S)
            with monkeypatch.context() as patched:
                patched.setattr(port if other == "thread" else engine, "WAIT_S", 0.01)
                with pytest.raises(StoreError) as refused:
                    add_one(waits)
            may_end.set()
            writing.result(WAIT_S)
        assert refused.value.code is Code.STORE_BUSY
        assert refused.value.retriable
        add_one(waits)
        with waits.reading() as connection:
            assert number(connection) == 6


def test_waiting_writers_keep_no_reader_out(tmp_path: Path) -> None:
    """More writers than there are connections wait, and a reader gets one at once."""
    began, may_end = Event(), Event()
    with closing(FileDatabase(tmp_path / "store.db", session.KIND)) as database:
        with database.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE counted (number INTEGER)")
            connection.exec_driver_sql("INSERT INTO counted VALUES (0)")

        def write_long() -> None:
            with database.writing():
                began.set()
                may_end.wait(WAIT_S)

        with ThreadPoolExecutor(2 * engine._READERS) as threads:
            turns = [threads.submit(write_long)]
            assert began.wait(WAIT_S)
            turns += [threads.submit(add_one, database) for _ in range(2 * engine._READERS - 1)]
            try:
                with database.reading() as connection:
                    assert number(connection) == 0
            finally:
                may_end.set()
            for each in turns:
                each.result(WAIT_S)


@pytest.mark.parametrize("name", KINDS)
def test_the_files_name_the_versions(name: str) -> None:
    """What the names of the files say of versions is what the migrations say themselves, in their order."""
    folder = KINDS[name].migrations
    revisions = [script.revision for script in ScriptDirectory(str(folder)).walk_revisions()]
    assert version.known(folder) == revisions[::-1]
