"""The node store as one value: the database and the state key that its values are sealed under."""

from __future__ import annotations

import logging
import secrets
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection, bindparam, insert, select, update

from refbus.crypto.secretbox import StateKey
from refbus.database.opening import Place, look_at_database, open_database
from refbus.database.port import Database, StoreKind
from refbus.database.prepared import Prepared
from refbus.errors import Code, RowError, SetupError, StoreError, UntrustedError
from refbus.node.store.tables import setting

KIND = StoreKind(Path(__file__).resolve().parent / "migrations", page_bytes=16_384)
"""An envelope is one page; measured, a third of the time of the usual 4096 bytes."""

_log = logging.getLogger("refbus.node.store")
MOST_DAMAGED = 10_000
"""Damaged values that are counted; more are an alarm all the same."""
_NAMED = setting.c.name == bindparam("its_name")
_GET = Prepared(select(setting.c.value).where(_NAMED))
_CHANGE = Prepared(update(setting).where(_NAMED).values(value=bindparam("its_value")))
_ADD = Prepared(insert(setting).values(name=bindparam("its_name"), value=bindparam("its_value")))
_PROOF = "state_key"
_PROOF_TEXT = b"refbus node store"


class NodeStore:
    """Opens the database, checks that the state key is the one it was made with, seals and names values."""

    def __init__(self, database: Database, key: StateKey) -> None:
        """Raise SetupError KEYFILE_WRONG_PASSPHRASE when the store was sealed under another key."""
        self.database = database
        self._key = key
        self.damaged = set[str]()
        self.name = lru_cache(maxsize=16_384)(self._name)  # a batch asks for the same names many times
        with database.writing() as connection:
            self._prove(connection)

    @classmethod
    def open(cls, place: Place, key: StateKey, mark: Path | None = None) -> NodeStore:
        """Open or create the store at `place`; `mark` as for `Database`. Raises SetupError, StoreError."""
        database = open_database(place, KIND, mark)
        try:
            return cls(database, key)
        except BaseException:
            database.close()
            raise

    @classmethod
    def look_at(cls, place: Place, key: StateKey) -> NodeStore:
        """Open the store of a gate that may be running, to read it. Raises SetupError HOME_NOT_FOUND, KEYFILE_*."""
        store = cls.__new__(cls)
        store.damaged = set[str]()
        store.database, store._key = look_at_database(place, KIND), key
        store.name = lru_cache(maxsize=16_384)(store._name)
        try:
            with store.database.reading() as connection:
                sealed = get_setting(connection, _PROOF)
            key.open(_PROOF.encode(), sealed or b"")
        except UntrustedError as error:
            store.close()
            raise SetupError(Code.KEYFILE_WRONG_PASSPHRASE, "the store was made with another state key") from error
        except StoreError:
            store.close()
            raise
        return store

    def _name(self, kind: str, value: bytes) -> bytes:
        """Return the 32 bytes under which `value` is found again in columns of this kind."""
        return self._key.lookup(kind.encode(), value)

    def seal(self, place: str, plaintext: bytes) -> bytes:
        """Return `plaintext` as it may be stored; it opens only for the same `place`."""
        return self._key.seal(place.encode(), plaintext)

    def unseal(self, place: str, sealed: bytes) -> bytes:
        """Return what was sealed for `place`. Raises RowError when the row was damaged or moved.

        That is counted, and told with its name: it is about this row, and about nothing else in the store.
        """
        try:
            return self._key.open(place.encode(), sealed)
        except UntrustedError as error:
            self.note_damaged(place)
            raise RowError(place) from error

    def note_damaged(self, place: str) -> None:
        """Count a damaged value, and tell of it once."""
        if place not in self.damaged and len(self.damaged) < MOST_DAMAGED:
            self.damaged.add(place)
            _log.critical("a row of the store is damaged and set aside: %s", place)

    def self_test(self) -> None:
        """Write and read back one row. Raises StoreError when the store does not work."""
        written = secrets.token_bytes(8)  # what is there already would not be written
        with self.database.writing() as connection:
            put_setting(connection, "self_test", written)
            if get_setting(connection, "self_test") != written:
                raise StoreError(Code.STORE_FAILED, "self-test")

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def _prove(self, connection: Connection) -> None:
        sealed = get_setting(connection, _PROOF)
        if sealed is None:
            put_setting(connection, _PROOF, self.seal(_PROOF, _PROOF_TEXT))
            return
        try:
            self._key.open(_PROOF.encode(), sealed)
        except UntrustedError as error:
            raise SetupError(Code.KEYFILE_WRONG_PASSPHRASE, "the store was made with another state key") from error


def get_setting(connection: Connection, name: str) -> bytes | None:
    """Return one small fact of the node; nothing (b"") for one that is damaged so that it is no bytes any more."""
    value = _GET.once(connection, {"its_name": name}).scalar()
    return value if value is None or isinstance(value, bytes) else b""


def put_setting(connection: Connection, name: str, value: bytes) -> None:
    """Set one small fact of the node."""
    row = {"its_name": name, "its_value": value}
    if _CHANGE.once(connection, row).rowcount == 0:
        _ADD.once(connection, row)
