"""A store that a newer program wrote: named, in every service, and not touched."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from refbus.errors import Code, StoreError
from refbus.node.store import audit_keys
from refbus.node.store.engine import MIGRATIONS, Database
from refbus_auditor.home import MIGRATIONS as AUDITOR
from refbus_gateway.store.engine import Database as OfficeDatabase


@pytest.mark.parametrize("migrations", [MIGRATIONS, audit_keys._MIGRATIONS, AUDITOR], ids=["gate", "keys", "auditor"])
@pytest.mark.parametrize("look", [False, True])
def test_a_newer_store_is_named(tmp_path: Path, migrations: Path, *, look: bool) -> None:
    """STORE_NEWER whether the store is opened to work or to look at it; its bytes are as before."""
    path = tmp_path / "store.db"
    Database(path, migrations).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StoreError) as refused:
        _ = Database.read_only(path, migrations) if look else Database(path, migrations)
    assert refused.value.code is Code.STORE_NEWER
    assert path.read_bytes() == before


@pytest.mark.parametrize("look", [False, True])
def test_a_store_that_acts_by_itself_is_not_opened(tmp_path: Path, *, look: bool) -> None:
    """STORE_FAILED: no version made a trigger, and one would change what is written without a word."""
    path = tmp_path / "store.db"
    Database(path, MIGRATIONS).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TRIGGER t AFTER INSERT ON fact BEGIN DELETE FROM fact; END")
    with pytest.raises(StoreError) as refused:
        _ = Database.read_only(path, MIGRATIONS) if look else Database(path, MIGRATIONS)
    assert refused.value.code is Code.STORE_FAILED


def test_an_office_does_not_open_a_store_that_acts_by_itself(tmp_path: Path) -> None:
    """The same at an office: what a person refuses cannot go in the moment in which it is written."""
    path = tmp_path / "store.db"
    OfficeDatabase(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TRIGGER t AFTER INSERT ON tellings BEGIN DELETE FROM tellings; END")
    with pytest.raises(StoreError) as refused:
        OfficeDatabase(path)
    assert refused.value.code is Code.STORE_FAILED
