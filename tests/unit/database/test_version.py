"""A store that a newer program wrote: named, in every service, and not touched."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from bench.counting import counting
from refbus.database.definitions import digest_of
from refbus.database.engine import FileDatabase
from refbus.database.port import StoreKind
from refbus.database.version import NAMED, known, made_by
from refbus.errors import Code, StoreError
from refbus.node.store import audit_keys, node
from refbus_auditor import home as auditor
from refbus_gateway.store import session
from support.fresh import MIGRATE


@pytest.mark.parametrize(
    "kind", [node.KIND, audit_keys.KIND, auditor.KIND, session.KIND], ids=["gate", "keys", "auditor", "gateway"]
)
@pytest.mark.parametrize("look", [False, True])
def test_a_newer_store_is_named(tmp_path: Path, kind: StoreKind, *, look: bool) -> None:
    """STORE_NEWER whether the store is opened to work or to look at it; its bytes are as before."""
    path = tmp_path / "store.db"
    FileDatabase(path, kind).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StoreError) as refused:
        _ = FileDatabase.read_only(path, kind) if look else FileDatabase(path, kind)
    assert refused.value.code is Code.STORE_NEWER
    assert path.read_bytes() == before


ALTERED = {
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON {table} BEGIN DELETE FROM {table}; END",
    "a view": "CREATE VIEW v AS SELECT * FROM {table}",
    "another table": "CREATE TABLE t (x INTEGER)",
    "a partial index": "CREATE UNIQUE INDEX i ON {table} ({column}) WHERE {column} IS NULL",
    "another column": "ALTER TABLE {table} ADD COLUMN x GENERATED ALWAYS AS (1)",
}
REWRITTEN = {
    "rows that come twice are dropped": ("NOT NULL", "NOT NULL ON CONFLICT IGNORE"),
    "a check that nothing passes": ("NOT NULL", "NOT NULL CHECK (0)"),
    "another default": ("NOT NULL", "NOT NULL DEFAULT 1"),
    "nothing is required": ("NOT NULL", ""),
}


def alter(path: Path, words: str, table: str, column: str) -> None:
    """Change what the database is made of, by a statement or in its own list of definitions."""
    with closing(sqlite3.connect(path)) as connection:
        if words in ALTERED:
            connection.execute(ALTERED[words].format(table=table, column=column))
        else:
            before, after = REWRITTEN[words]
            connection.execute("PRAGMA writable_schema=ON")
            change = "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name = ?"
            assert connection.execute(change, (before, after, table)).rowcount == 1
        connection.commit()


@pytest.mark.parametrize("words", [*ALTERED, *REWRITTEN])
@pytest.mark.parametrize("look", [False, True])
def test_a_store_that_no_version_made_is_not_opened(tmp_path: Path, words: str, *, look: bool) -> None:
    """STORE_FAILED: what is written could change, or go, without a word, and no sealed value would tell."""
    path = tmp_path / "store.db"
    FileDatabase(path, node.KIND).close()
    alter(path, words, "fact", "kind")
    with pytest.raises(StoreError) as refused:
        _ = FileDatabase.read_only(path, node.KIND) if look else FileDatabase(path, node.KIND)
    assert refused.value.code is Code.STORE_FAILED


@pytest.mark.parametrize("words", [*ALTERED, *REWRITTEN])
def test_an_office_does_not_open_a_store_that_no_version_made(tmp_path: Path, words: str) -> None:
    """The same at an office: what a person refuses cannot go in the moment in which it is written."""
    path = tmp_path / "store.db"
    FileDatabase(path, session.KIND).close()
    alter(path, words, "tellings", "kind")
    with pytest.raises(StoreError) as refused:
        FileDatabase(path, session.KIND)
    assert refused.value.code is Code.STORE_FAILED


EVERY = [node.KIND, audit_keys.KIND, auditor.KIND, session.KIND]
NAMES = ["gate", "keys", "auditor", "gateway"]


@pytest.mark.parametrize("kind", EVERY, ids=NAMES)
def test_an_older_store_that_no_version_made_is_not_migrated(tmp_path: Path, kind: StoreKind) -> None:
    """What a migration would carry over, or wipe out, is looked at before it; sound ones of each version open."""
    for version in known(kind.migrations):
        path, other = tmp_path / f"{version}.db", tmp_path / f"{version}-other.db"
        make(path, kind.migrations, version)
        FileDatabase(path, kind).close()
        make(other, kind.migrations, version)
        with closing(sqlite3.connect(other)) as connection:
            connection.execute("CREATE TABLE t (x INTEGER)")
        with pytest.raises(StoreError) as refused:
            FileDatabase(other, kind)
        assert refused.value.code is Code.STORE_FAILED


def test_statistics_of_the_planner_are_no_definition(tmp_path: Path) -> None:
    """An operator may let SQLite analyse a store."""
    path = tmp_path / "store.db"
    FileDatabase(path, node.KIND).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ANALYZE")
    FileDatabase(path, node.KIND).close()


@pytest.mark.parametrize("kind", EVERY, ids=NAMES)
def test_the_newest_definitions_have_a_name_beside_the_migrations(kind: StoreKind) -> None:
    """Most openings need no migration then; whoever adds a version writes the new name."""
    versions = known(kind.migrations)
    named = (kind.migrations / NAMED["sqlite"]).read_text(encoding="ascii").strip()
    assert named == digest_of(made_by(kind.migrations, versions[-1]))


def make(path: Path, migrations: Path, revision: str) -> None:
    """Make a store as the program of that version did."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrations))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def test_what_a_database_is_made_of_is_looked_at_once(tmp_path: Path) -> None:
    """An opening that finds nothing to write asks for the version and the definitions once, and for the number."""
    path, mark = tmp_path / "store.db", tmp_path / "store.made"
    FileDatabase(path, session.KIND, mark).close()
    with counting() as counts:
        FileDatabase(path, session.KIND, mark).close()
    assert counts.statements == len(("the version's table", "the version", "the definitions", "the number"))


@pytest.mark.parametrize("kind", [node.KIND, audit_keys.KIND, auditor.KIND, session.KIND])
def test_a_new_database_of_the_tests_is_as_the_migrations_make_it(
    tmp_path: Path, kind: StoreKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row for row and definition for definition, whether the migrations run or what they made is made again."""
    FileDatabase(tmp_path / "at-once.db", kind).close()
    monkeypatch.setattr("refbus.database.version.run", MIGRATE)
    FileDatabase(tmp_path / "migrated.db", kind).close()
    found = set[tuple[str, ...]]()
    for name in ("at-once.db", "migrated.db"):
        with closing(sqlite3.connect(tmp_path / name)) as opened:
            found.add(tuple(opened.iterdump()))
    assert len(found) == 1
