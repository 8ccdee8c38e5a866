"""The node store, on either database: transactions, sealing, migrations, audit keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import func, select

from refbus.core.gate.passage import Outcome
from refbus.crypto.secretbox import StateKey
from refbus.database.server import ServerDatabase
from refbus.errors import Code, RowError, SetupError, StoreError
from refbus.node.store import audit_keys
from refbus.node.store.accounting import balance, stopped
from refbus.node.store.audit_keys import AuditKeys
from refbus.node.store.commit import commit
from refbus.node.store.node import KIND, NodeStore, get_setting, put_setting
from refbus.node.store.reads import read_facts, read_fence, read_kept, read_position, read_records
from refbus.node.store.rows import Changes, Fact, Kept, Position, RecordRow
from refbus.node.store.tables import metadata, tally
from support.stores import place

pytestmark = pytest.mark.both_stores
KEY = StateKey(bytes(32))
FIRST = Position("kz.outbox", "id", 1, 0, 0)
ROW = RecordRow("kz.outbox", 0, b"d" * 16, "REFUSED", "NO_CONSENT", b"r" * 32, None, None, None, 5, 9, b"answer")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[NodeStore]:
    """Return an empty store."""
    made = NodeStore.open(place(tmp_path / "node.db"), KEY)
    yield made
    made.close()


def test_the_migrations_make_the_tables(store: NodeStore) -> None:
    """What Alembic builds and what the code reads is the same; beside it a schema has the row of its epoch."""
    with store.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        found = compare_metadata(context, metadata)
    if isinstance(store.database, ServerDatabase):  # migrations make no comments, which are what is different then
        found = [(each[0], each[1].name) for each in found if "comment" not in each[0]]
        assert found == [("remove_table", "refbus_store")]
    else:
        assert found == []


def test_a_failed_transaction_leaves_nothing(store: NodeStore) -> None:
    """An exception in the block takes everything back."""

    def fail() -> None:
        with store.database.writing() as connection:
            put_setting(connection, "x", b"y")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.database.reading() as connection:
        assert get_setting(connection, "x") is None


def test_another_state_key_does_not_open_the_store(store: NodeStore, tmp_path: Path) -> None:
    """The mistake is found at the start, not at the first value."""
    store.close()
    with pytest.raises(SetupError) as caught:
        NodeStore.open(place(tmp_path / "node.db"), StateKey(b"1" * 32))
    assert caught.value.code is Code.KEYFILE_WRONG_PASSPHRASE


def test_a_value_that_was_moved_does_not_open(store: NodeStore) -> None:
    """Each value is sealed for its place."""
    sealed = store.seal("here", b"value")
    assert store.unseal("here", sealed) == b"value"
    with pytest.raises(RowError):
        store.unseal("there", sealed)


def test_names_differ_by_kind(store: NodeStore) -> None:
    """The same value under two kinds cannot be joined."""
    assert store.name("case", b"x") != store.name("event", b"x")
    assert store.name("case", b"x") == store.name("case", b"x")


def test_a_commit_writes_everything(store: NodeStore) -> None:
    """Position, rows and facts are there together and read back as they were."""
    fact = Fact("consent", b"k" * 32, 99, b"value")
    kept = Kept("kz.outbox", 0, "NO_CONSENT", b"record")
    commit(store, Changes(position=FIRST, records=[ROW], facts={("consent", fact.key): fact}, kept=[kept]), 0, None, 1)
    with store.database.reading() as connection:
        assert read_fence(connection) == 1
        assert read_position(connection, "kz.outbox") == FIRST
        assert read_records(connection, store, "record_key", [b"r" * 32]) == {b"r" * 32: ROW}
        assert read_facts(connection, store, [("consent", fact.key), ("referral", fact.key)]) == {
            ("consent", fact.key): fact
        }
        assert read_kept(connection, store, "kz.outbox", 0) == kept
        assert [each.decision_id for each in stopped(connection)] == [ROW.decision_id]


@pytest.mark.parametrize(
    ("fence", "before"),
    [
        (0, FIRST),
        (2, FIRST),
        (1, None),
        (1, replace(FIRST, next_offset=0)),
        (1, replace(FIRST, topic_id="other")),
    ],
    ids=["old fence", "later fence", "no position", "other offset", "other topic"],
)
def test_nothing_is_written_on_moved_state(store: NodeStore, fence: int, before: Position | None) -> None:
    """Whoever decided on other state than there is now writes nothing."""
    commit(store, Changes(position=FIRST), 0, None, 1)
    after = replace(FIRST, next_offset=2)
    with pytest.raises(StoreError):
        commit(store, Changes(position=after, records=[ROW]), fence, before, 1)
    with store.database.reading() as connection:
        assert read_position(connection, "kz.outbox") == FIRST
        assert balance(connection).accounted == {}


def test_the_database_itself_refuses_a_record_twice(store: NodeStore) -> None:
    """Two rows that claim the same bytes are a mistake of the program, and no fault of the disk."""
    twin = replace(ROW, offset=1, decision_id=b"e" * 16)
    with pytest.raises(StoreError) as caught:
        commit(store, Changes(records=[ROW, twin]), 0, None, 1)
    assert caught.value.code is Code.INTERNAL_ERROR


def test_errors_say_nothing_of_values(store: NodeStore) -> None:
    """The text of a database error would have the parameters of the statement."""
    with pytest.raises(StoreError) as caught:
        commit(store, Changes(records=[ROW, ROW]), 0, None, 1)
    assert "NO_CONSENT" not in str(caught.value)
    assert "NO_CONSENT" not in str(caught.value.__cause__)


def test_an_imbalance_would_be_seen(store: NodeStore) -> None:
    """A position without a row for a record shows in the account."""
    commit(store, Changes(position=replace(FIRST, next_offset=3), records=[ROW]), 0, None, 1)
    with store.database.reading() as connection:
        assert balance(connection).difference == {"kz.outbox": 2}


def test_a_record_is_counted_as_what_it_became(store: NodeStore) -> None:
    """Decided again it moves in the account, and stays one record."""
    commit(store, Changes(position=FIRST, records=[ROW]), 0, None, 1)
    commit(store, Changes(moved=[replace(ROW, outcome="FORWARDED")]), 1, None, 1)
    with store.database.reading() as connection:
        assert balance(connection).accounted == {("kz.outbox", Outcome.FORWARDED): 1}


def test_what_an_older_version_decided_is_counted(store: NodeStore) -> None:
    """Its tally had only what was forgotten; the new one counts its rows too."""
    commit(store, Changes(position=FIRST, records=[ROW], counted=Counter({("kz.outbox", "REFUSED"): 2})), 0, None, 1)
    config = Config()
    config.set_main_option("script_location", str(KIND.migrations))
    for move, left in ((partial(command.downgrade, config, "0007"), 2), (partial(command.upgrade, config, "head"), 3)):
        with store.database.writing() as connection:
            config.attributes["connection"] = connection
            move()
            counted = select(func.sum(tally.c.records)).where(tally.c.outcome == Outcome.REFUSED)
            assert connection.execute(counted).scalar() == left


def test_audit_keys_last(tmp_path: Path) -> None:
    """A key is the same after a restart, differs by case, and is sealed on disk."""
    keys = AuditKeys(place(tmp_path / "audit-keys.db"), KEY)
    made = keys.of([b"a" * 32, b"b" * 32])
    keys.close()
    again = AuditKeys(place(tmp_path / "audit-keys.db"), KEY)
    assert again.of([b"a" * 32, b"b" * 32]) == made
    assert len(set(made.values())) == 2
    again.close()
    content = b"".join(path.read_bytes() for path in tmp_path.glob("*.db*"))
    assert not any(key in content for key in made.values())


def test_audit_keys_in_memory_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many cases somebody names; those that are not in memory are read again, one call may name more."""
    monkeypatch.setattr(audit_keys, "MOST_KNOWN", 5)
    keys = AuditKeys(place(tmp_path / "audit-keys.db"), KEY)
    names = [bytes([number]) * 32 for number in range(20)]
    made = keys.of(names)
    assert len(keys._known) == 5
    assert keys.of(names) == made
    keys.close()


def test_a_destroyed_audit_key_is_gone(tmp_path: Path) -> None:
    """The next decision about the case gets another key; the old leaves stay closed for ever."""
    keys = AuditKeys(place(tmp_path / "audit-keys.db"), KEY)
    before = keys.of([b"a" * 32])
    assert keys.destroy([b"a" * 32, b"b" * 32]) == 1
    assert keys.destroy([b"a" * 32]) == 0
    assert keys.of([b"a" * 32]) != before
    keys.close()


def test_rows_have_the_columns_of_their_table() -> None:
    """A field that is added to a row needs its column, and the other way round."""
    columns = set(metadata.tables["record"].columns.keys()) - {"sealed_answer"}
    assert set(asdict(ROW)) - {"answer"} == columns
