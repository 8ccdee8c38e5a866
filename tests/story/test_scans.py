"""The watch over statements sees a scan; that no story has one is looked at after each (`conftest`)."""

from __future__ import annotations

from pathlib import Path

from refbus.core.ids import ConsentId
from refbus.crypto.secretbox import StateKey
from refbus_gateway.store import consents
from refbus_gateway.store.session import Store
from support.scans import Plans, watched


def look(path: Path, *, without: str | None) -> Plans:
    """Look a consent up in a new store, with all indexes or without one of them."""
    store = Store(path, StateKey(bytes(32)))
    try:
        with store.write() as tx, watched() as plans:
            if without is not None:
                tx.connection.exec_driver_sql(f"DROP INDEX {without}")
            consents.cases_of(tx, ConsentId(bytes(16)))
            return plans
    finally:
        store.close()


def test_a_statement_that_reads_a_whole_table_is_found(plans: Plans, tmp_path: Path) -> None:
    """Without its index the look-up of a consent reads all consents, and is told."""
    assert look(tmp_path / "whole.db", without=None).unexplained() == []
    assert "FROM consents" in look(tmp_path / "less.db", without="consents_of_consent").unexplained()[0]
    plans.begin()  # what was done on purpose
