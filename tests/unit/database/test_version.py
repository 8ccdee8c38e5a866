"""A store that a newer program wrote: named, in every service, and not touched."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from refbus.database.engine import Database, StoreKind
from refbus.errors import Code, StoreError
from refbus.node.store import audit_keys, node
from refbus_auditor import home as auditor
from refbus_gateway.store import session


@pytest.mark.parametrize(
    "kind", [node.KIND, audit_keys.KIND, auditor.KIND, session.KIND], ids=["gate", "keys", "auditor", "gateway"]
)
@pytest.mark.parametrize("look", [False, True])
def test_a_newer_store_is_named(tmp_path: Path, kind: StoreKind, *, look: bool) -> None:
    """STORE_NEWER whether the store is opened to work or to look at it; its bytes are as before."""
    path = tmp_path / "store.db"
    Database(path, kind).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StoreError) as refused:
        _ = Database.read_only(path, kind) if look else Database(path, kind)
    assert refused.value.code is Code.STORE_NEWER
    assert path.read_bytes() == before


@pytest.mark.parametrize("look", [False, True])
def test_a_store_that_acts_by_itself_is_not_opened(tmp_path: Path, *, look: bool) -> None:
    """STORE_FAILED: no version made a trigger, and one would change what is written without a word."""
    path = tmp_path / "store.db"
    Database(path, node.KIND).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TRIGGER t AFTER INSERT ON fact BEGIN DELETE FROM fact; END")
    with pytest.raises(StoreError) as refused:
        _ = Database.read_only(path, node.KIND) if look else Database(path, node.KIND)
    assert refused.value.code is Code.STORE_FAILED


def test_an_office_does_not_open_a_store_that_acts_by_itself(tmp_path: Path) -> None:
    """The same at an office: what a person refuses cannot go in the moment in which it is written."""
    path = tmp_path / "store.db"
    Database(path, session.KIND).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TRIGGER t AFTER INSERT ON tellings BEGIN DELETE FROM tellings; END")
    with pytest.raises(StoreError) as refused:
        Database(path, session.KIND)
    assert refused.value.code is Code.STORE_FAILED
