"""A schema on a server that is made anew while others write: nobody writes into it unseen."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kafka.patience import wait
from postgresql import PostgresServer
from refbus.crypto.secretbox import StateKey
from refbus.database.lead import Lead
from refbus.database.port import OneWriter
from refbus.database.server import make_anew
from refbus.errors import Code, StoreError
from refbus.node.store.node import KIND, NodeStore, put_setting

KEY = StateKey(bytes(32))


def test_a_late_writer_writes_nothing_into_a_schema_that_is_made_anew(
    postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    """One that has begun ends first, in the schema of before; one that begins meanwhile is refused."""
    leader = Lead.take(postgres.address(database), "test")
    schema = leader.schema("node")
    old = NodeStore.open(schema, KEY)
    with old.database.writing() as connection:
        put_setting(connection, "copied", b"x")
    old.database.copy_to(tmp_path / "copy.db")
    beside = copy.copy(old.database)  # another process of the same epoch
    beside._turns = OneWriter()  # type: ignore[attr-defined]

    def write_beside() -> None:
        with beside.writing() as connection:
            put_setting(connection, "queued", b"x")

    with ThreadPoolExecutor(2) as threads:
        with old.database.writing() as connection:
            put_setting(connection, "begun", b"x")
            made = threads.submit(make_anew, schema, KIND, tmp_path / "copy.db", 0)
            wait("the order waits for the writer", lambda: waiting(postgres, database) == 1)
            put_setting(connection, "late", b"x")
            queued = threads.submit(write_beside)
            wait("the next writer waits for the order", lambda: waiting(postgres, database) == 2)
        before = made.result()
        with pytest.raises(StoreError) as caught:
            queued.result()
    assert caught.value.code is Code.STORE_TAKEN_OVER
    names = {}
    with schema.server.connect(called="test") as raw:
        for place in (schema.name, before.name):
            names[place] = {name for (name,) in raw.execute(f'SELECT name FROM "{place}".setting').fetchall()}
    assert {"begun", "late", "queued"} & names[schema.name] == set()
    assert {"begun", "late", "queued"} & names[before.name] == {"begun", "late"}
    for each in (old, leader):
        each.close()


def waiting(postgres: PostgresServer, database: str) -> int:
    """Return how many sessions of the database wait for a lock."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with postgres.address(database).connect(called="looks") as raw:
        (found,) = raw.execute(asked).fetchone() or (0,)
        return int(found)
