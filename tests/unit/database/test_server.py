"""Stores on a PostgreSQL server: who leads, the fence, what is refused, copies to files and back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from postgresql import PostgresServer
from refbus.crypto.secretbox import StateKey
from refbus.database import identity, lead
from refbus.database.address import Schema
from refbus.database.lead import Lead
from refbus.database.opening import Place, look_at_database, open_database
from refbus.database.putback import put_back_on_server
from refbus.database.server import make_anew
from refbus.errors import Code, SetupError, StoreError
from refbus.node.store.node import KIND, NodeStore, get_setting, put_setting
from refbus.node.store.outgoing import Outgoing, add
from refbus.node.store.tables import outgoing

KEY = StateKey(bytes(32))
ROW = Outgoing("kg", "kg.border.kz", b"envelope", b"l" * 32)


def taken(postgres: PostgresServer, database: str) -> Lead:
    """Take the lead of the service of these tests."""
    return Lead.take(postgres.address(database), "test")


def write(store: NodeStore, name: str) -> None:
    """Write one row."""
    with store.database.writing() as connection:
        put_setting(connection, name, b"x")


def has(store: NodeStore, name: str) -> bool:
    """Whether the row is there."""
    with store.database.reading() as connection:
        return get_setting(connection, name) is not None


def freeze(frozen: Lead) -> None:
    """Let a leader say nothing any more and keep its sessions, as SIGSTOP does."""
    frozen._stop.set()


def codes_of_late(store: NodeStore) -> set[Code]:
    """Return with what the late writes of a leader are refused."""
    found = set[Code]()
    for _ in range(5):
        with pytest.raises(StoreError) as caught:
            write(store, "late")
        found.add(caught.value.code)
    return found


def take_over(postgres: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch) -> Lead:
    """Stand by until the lead is free; a leader counts as silent at once."""
    monkeypatch.setattr(lead, "LEASE_S", 0.0)
    other = Lead(postgres.address(database), "test")
    while not other.try_take():
        pass
    monkeypatch.undo()
    return other


def test_one_process_leads(postgres: PostgresServer, database: str) -> None:
    """Another is refused while the first one lives and says so; when it has ended, at once taken."""
    first = taken(postgres, database)
    with pytest.raises(SetupError) as caught:
        taken(postgres, database)
    assert caught.value.code is Code.HOME_IN_USE
    first.close()
    taken(postgres, database).close()


def test_a_frozen_leader_is_fenced(postgres: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was silent and wakes up writes nothing, whatever it tries; its successor writes on."""
    first = taken(postgres, database)
    old = NodeStore.open(first.schema("node"), KEY)
    write(old, "before")
    freeze(first)
    second = take_over(postgres, database, monkeypatch)
    new = NodeStore.open(second.schema("node"), KEY)
    found = codes_of_late(old)
    assert found <= {Code.STORE_UNREACHABLE, Code.STORE_TAKEN_OVER}
    assert Code.STORE_TAKEN_OVER in found
    assert has(new, "before")
    assert not has(new, "late")
    write(new, "after")
    for each in (old, new, first, second):
        each.close()


def test_no_epoch_comes_twice(postgres: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is set back, by its backup or a copy of it, gives no leader the epoch that an older one had."""
    first = taken(postgres, database)
    old = NodeStore.open(first.schema("node"), KEY)
    freeze(first)
    postgres.order("UPDATE node.refbus_store SET epoch = epoch - 1", database)
    second = take_over(postgres, database, monkeypatch)
    new = NodeStore.open(second.schema("node"), KEY)
    found = codes_of_late(old)
    assert Code.STORE_TAKEN_OVER in found
    for each in (old, new, first, second):
        each.close()


def test_a_transaction_that_a_frozen_leader_left_open_ends_with_it(
    postgres: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds nobody up, and nothing of it comes when the process wakes up in the middle of it."""
    first = taken(postgres, database)
    old = NodeStore.open(first.schema("node"), KEY)
    successors = list[NodeStore]()

    def wake_up_late() -> None:
        with old.database.writing() as connection:
            put_setting(connection, "half", b"x")
            freeze(first)
            second = take_over(postgres, database, monkeypatch)
            successors.append(NodeStore.open(second.schema("node"), KEY))
            write(successors[0], "after")

    with pytest.raises(StoreError):
        wake_up_late()
    assert not has(successors[0], "half")
    for each in (old, successors[0], first):
        each.close()


def test_whoever_was_silent_hands_nothing_over(
    postgres: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read may be old by then: a pump asks before it gives rows to the broker."""
    first = taken(postgres, database)
    store = NodeStore.open(first.schema("node"), KEY)
    store.database.require_lead()
    freeze(first)
    monkeypatch.setattr(lead, "LEASE_S", -1.0)
    with pytest.raises(StoreError) as caught:
        store.database.require_lead()
    assert caught.value.code is Code.STORE_TAKEN_OVER
    store.close()
    first.close()


def test_what_was_committed_outlives_the_server(postgres: PostgresServer, database: str) -> None:
    """It is killed as a machine dies; whoever led hears of the loss, and the next start finds every row."""
    why = list[object]()
    first = taken(postgres, database)
    first.on_loss = why.append
    store = NodeStore.open(first.schema("node"), KEY)
    write(store, "kept")
    postgres.kill()
    with pytest.raises(StoreError) as caught:
        write(store, "lost")
    assert caught.value.code is Code.STORE_UNREACHABLE
    with pytest.raises(StoreError) as caught:
        taken(postgres, database)
    assert caught.value.code is Code.STORE_UNREACHABLE
    postgres.start()
    while not why:
        pass
    store.close()
    second = taken(postgres, database)
    again = NodeStore.open(second.schema("node"), KEY)
    assert (has(again, "kept"), has(again, "lost")) == (True, False)
    again.close()
    second.close()


@pytest.mark.parametrize("setting", ["synchronous_commit = off", "synchronous_commit = local"])
def test_a_server_that_may_lose_a_commit_is_refused(postgres: PostgresServer, database: str, setting: str) -> None:
    """UNSAFE_SETTING before anything is written."""
    postgres.order(f'ALTER DATABASE "{database}" SET {setting}')
    with pytest.raises(SetupError) as caught:
        Lead(postgres.address(database), "test")
    assert caught.value.code is Code.UNSAFE_SETTING


ALTERED = {
    "a trigger": """CREATE FUNCTION node.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER t BEFORE INSERT ON node.fact FOR EACH ROW EXECUTE FUNCTION node.f()""",
    "a rule": "CREATE RULE r AS ON DELETE TO node.fact DO INSTEAD NOTHING",
    "another table": "CREATE TABLE node.t (x integer)",
    "a view": "CREATE VIEW node.v AS SELECT * FROM node.fact",
    "another default": "ALTER TABLE node.fact ALTER COLUMN keep_until_ms SET DEFAULT 0",
    "nothing is required": "ALTER TABLE node.fact ALTER COLUMN keep_until_ms DROP NOT NULL",
    "an index that is not unique": """DROP INDEX node.ix_record_signed_key;
        CREATE INDEX ix_record_signed_key ON node.record (signed_key)""",
    "rows that a crash takes": "ALTER TABLE node.fact SET UNLOGGED",
    "rows that some do not see": "ALTER TABLE node.fact ENABLE ROW LEVEL SECURITY",
    "a trigger at the epoch": """CREATE FUNCTION node.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
        CREATE TRIGGER t BEFORE UPDATE ON node.refbus_store FOR EACH ROW EXECUTE FUNCTION node.f()""",
}


@pytest.mark.parametrize("words", ALTERED)
@pytest.mark.parametrize("look", [False, True])
def test_a_schema_that_no_version_made_is_not_opened(
    postgres: PostgresServer, database: str, words: str, *, look: bool
) -> None:
    """STORE_FAILED: what is written could change, or go, without a word."""
    postgres.order(ALTERED[words], database)
    with closing(taken(postgres, database)) as leader, pytest.raises(StoreError) as caught:
        _ = look_at_database(leader.schema("node"), KIND) if look else open_database(leader.schema("node"), KIND)
    assert caught.value.code is Code.STORE_FAILED


def test_a_newer_schema_is_named(postgres: PostgresServer, database: str) -> None:
    """STORE_NEWER, as in a file."""
    postgres.order("UPDATE node.alembic_version SET version_num = '9999'", database)
    with closing(taken(postgres, database)) as leader, pytest.raises(StoreError) as caught:
        open_database(leader.schema("node"), KIND)
    assert caught.value.code is Code.STORE_NEWER


def test_others_may_look(postgres: PostgresServer, database: str) -> None:
    """A tool beside the service reads, and cannot write; where nothing is nothing is made."""
    with closing(taken(postgres, database)) as leader:
        store = NodeStore.open(leader.schema("node"), KEY)
        write(store, "x")
        beside = NodeStore.look_at(postgres.address(database).schema("node"), KEY)
        assert has(beside, "x")
        with pytest.raises(StoreError):
            write(beside, "y")
        beside.close()
        store.close()
    with pytest.raises(SetupError) as caught:
        look_at_database(postgres.address(database).schema("nothing"), KIND)
    assert caught.value.code is Code.HOME_NOT_FOUND


@pytest.mark.parametrize("how", ["dropped", "another"])
def test_a_database_that_was_here_is_not_begun_anew(
    postgres: PostgresServer, database: str, tmp_path: Path, how: str
) -> None:
    """HOME_DAMAGED, and nothing is written: its home knows the number of the one that it had."""
    mark = tmp_path / "node.db.made"
    with closing(taken(postgres, database)) as leader:
        open_database(leader.schema("node"), KIND, mark).close()
        change = "DROP SCHEMA node CASCADE" if how == "dropped" else "UPDATE node.refbus_store SET number = number + 1"
        postgres.order(change, database)
        with pytest.raises(SetupError) as caught:
            open_database(leader.schema("node"), KIND, mark)
    assert caught.value.code is Code.HOME_DAMAGED


def rows_of(place: Schema | Path) -> list[tuple[object, ...]]:
    """Return what waits for delivery, as stored."""
    with closing(look_at_database(place, KIND)) as database, database.reading() as connection:
        return [tuple(row) for row in connection.execute(select(outgoing).order_by(outgoing.c.id))]


def test_a_copy_is_a_file_that_goes_back(postgres: PostgresServer, database: str, tmp_path: Path) -> None:
    """Row for row and by its number; numbers go on above those of the copy, also of rows that are gone."""
    mark = tmp_path / "node.db.made"
    with closing(taken(postgres, database)) as leader:
        schema = leader.schema("node")
        store = NodeStore.open(schema, KEY, mark)
        with store.database.writing() as connection:
            add(connection, store, [ROW] * 3, 1)
        with store.database.writing() as connection:
            connection.execute(outgoing.delete().where(outgoing.c.id == 3))
        store.database.copy_to(tmp_path / "copy.db")
        before = rows_of(schema)
        assert rows_of(tmp_path / "copy.db") == before
        assert identity.number_of(tmp_path / "copy.db") == identity.number_in(mark)
        write(store, "later")
        store.close()

        kept = put_back_on_server(
            tmp_path / "copy.db",
            schema,
            KIND,
            lambda fresh: NodeStore.open(fresh, KEY).close(),
            mark=mark,
            kept=tmp_path / "node.db",
        )
        assert kept == tmp_path / "node.db.before-1"
        with closing(NodeStore.look_at(kept, KEY)) as old:
            assert has(old, "later")
        again = NodeStore.open(schema, KEY, mark)
        assert rows_of(schema) == before
        assert not has(again, "later")
        with again.database.writing() as connection:
            add(connection, again, [ROW], 1)
        assert rows_of(schema)[-1][0] == 4
        again.close()


CANNOT_BE_OPENED = {**ALTERED, "a later version": "UPDATE node.alembic_version SET version_num = '9999'"}


@pytest.mark.parametrize("words", CANNOT_BE_OPENED)
def test_a_schema_that_cannot_be_opened_is_replaced(
    postgres: PostgresServer, database: str, tmp_path: Path, words: str
) -> None:
    """As a file is: it stays under another name with its rows, and the home has the number that it had."""
    mark = tmp_path / "node.db.made"
    with closing(taken(postgres, database)) as leader:
        schema = leader.schema("node")
        store = NodeStore.open(schema, KEY, mark)
        write(store, "copied")
        store.database.copy_to(tmp_path / "copy.db")
        write(store, "later")
        store.close()
        postgres.order(CANNOT_BE_OPENED[words], database)

        def put_back() -> Place | None:
            check = lambda fresh: NodeStore.open(fresh, KEY).close()  # noqa: E731
            return put_back_on_server(tmp_path / "copy.db", schema, KIND, check, mark=mark, kept=tmp_path / "node.db")

        kept = put_back()
        assert kept == schema.beside("node_before_1")
        again = NodeStore.open(schema, KEY, mark)
        assert (has(again, "copied"), has(again, "later")) == (True, False)
        again.close()
        with schema.server.connect(called="test") as raw:
            rows = raw.execute("SELECT name FROM node_before_1.setting").fetchall()
        assert {("copied",), ("later",)} <= set(rows)
        postgres.order(CANNOT_BE_OPENED[words], database)
        assert put_back() == schema.beside("node_before_2")
    assert list(tmp_path.glob("node.db.before-*")) == []


def test_nothing_has_changed_when_a_schema_cannot_be_made_anew(
    postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    """The name, the tables and the rows change in one transaction, or none of them."""
    with closing(taken(postgres, database)) as leader:
        schema = leader.schema("node")
        store = NodeStore.open(schema, KEY)
        write(store, "kept")
        store.database.copy_to(tmp_path / "copy.db")
        store.close()
        postgres.order(ALTERED["another table"], database)
        leader.close()
        with pytest.raises(StoreError) as caught:
            make_anew(schema, KIND, tmp_path / "copy.db", 0)
        assert caught.value.code is Code.STORE_TAKEN_OVER
    postgres.order("DROP TABLE node.t", database)
    with closing(taken(postgres, database)) as leader:
        again = NodeStore.open(leader.schema("node"), KEY)
        assert has(again, "kept")
        again.close()


def test_whoever_lost_the_lead_fences_nobody(
    postgres: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order that was frozen before it opened the store ends; whoever leads since then writes on."""
    first = taken(postgres, database)
    freeze(first)
    second = take_over(postgres, database, monkeypatch)
    new = NodeStore.open(second.schema("node"), KEY)
    monkeypatch.setattr(lead, "LEASE_S", -1.0)
    with pytest.raises(StoreError) as caught:
        NodeStore.open(first.schema("node"), KEY)
    monkeypatch.undo()
    assert caught.value.code is Code.STORE_TAKEN_OVER
    write(new, "after")
    for each in (new, first, second):
        each.close()
