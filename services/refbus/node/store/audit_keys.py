"""Audit keys: one random key per case, in a database of its own that is backed up apart from the decisions.

A key is on disk before the first decision that uses it, so that a repeated transaction commits to the same leaf.
Destroying it makes every leaf of the case unopenable for ever, and proofs about those leaves still verify.

A key that is damaged stays as it is, for a copy of the database to mend it; until then the case has a second key under
a name of its own, which is destroyed with the first.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, MetaData, Table, bindparam, delete, insert, select

from refbus.crypto.framing import sha256
from refbus.crypto.secretbox import StateKey
from refbus.database.failures import require_lasting
from refbus.database.opening import Place, look_at_database, open_database
from refbus.database.port import StoreKind
from refbus.database.prepared import AnyOf, Prepared
from refbus.errors import Code, RefbusError, StoreError, UntrustedError
from refbus.node.store.node import MOST_DAMAGED
from refbus.node.store.sound import is_sound

_log = logging.getLogger("refbus.node.audit_keys")
KIND = StoreKind(Path(__file__).resolve().parent / "audit_key_migrations", wipe=True, page_bytes=16_384)
_KEY_BYTES = 32

audit_key = Table(
    "audit_key",
    MetaData(),
    Column("case_key", LargeBinary(32), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)


_OF = AnyOf(select(audit_key), audit_key.c.case_key)
_ADD = Prepared(insert(audit_key).values(case_key=bindparam("case_key"), sealed=bindparam("sealed")))
MOST_KNOWN = 20_000
"""Keys that are kept in memory; the others are read again."""


class AuditKeys:
    """The audit keys of a node, by the name of the case (32 bytes, from `NodeStore.name`)."""

    def __init__(self, place: Place, key: StateKey, mark: Path | None = None) -> None:
        """Open or create the database; `mark` as for `Database`. Raises SetupError, StoreError."""
        self._database = open_database(place, KIND, mark)
        self._key = key
        self._known: dict[bytes, bytes] = {}
        self.damaged = set[bytes]()

    def of(self, names: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the key (32 secret bytes) of each case, making those that are new; they are on disk on return."""
        wanted = set(names)
        missing = wanted - self._known.keys()
        if missing:
            damaged = self._take(missing)
            self._take_second(damaged)
        found = {name: self._known[name] for name in wanted}
        while len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        return found

    def destroy(self, names: Iterable[bytes]) -> int:
        """Destroy the keys of cases, their bytes in the database's log too; return how many there were."""
        first = list(names)
        for name in first:
            self._known.pop(name, None)
        wanted = [*first, *map(_second, first)]
        count = 0
        with self._database.writing() as connection:
            for name in wanted:
                count += connection.execute(delete(audit_key).where(audit_key.c.case_key == name)).rowcount
        if count:
            self._database.scrub()
        return count

    @classmethod
    def is_sound(cls, place: Place, key: StateKey) -> bool:
        """Whether the database at `place`, which may be in use, can be read and every key in it opens."""
        keys = cls.__new__(cls)
        try:
            keys._database, keys._key, keys._known = look_at_database(place, KIND), key, {}
        except RefbusError as error:
            require_lasting(error)
            return False
        try:
            keys.require_sound()
        except StoreError as error:
            require_lasting(error)
            return False
        finally:
            keys.close()
        return True

    def require_sound(self) -> None:
        """Raise StoreError unless every key opens."""
        with self._database.reading() as connection:
            rows = connection.execute(select(audit_key)).all()
        if self._open(rows)[1]:
            raise StoreError(Code.STORE_FAILED, "an audit key does not open")

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _take(self, names: set[bytes]) -> set[bytes]:
        """Have these keys at hand, those that are new made; return the names of the damaged ones."""
        with self._database.writing() as connection:  # one transaction: most names that are not at hand are new
            found, damaged = self._open(_OF.rows(connection, names))
            made = self._make(connection, names - found.keys() - damaged)
        self._known.update(found | made)
        return damaged

    def _take_second(self, damaged: set[bytes]) -> None:
        """Have a second key for each of these cases, so that what is logged about them goes on, and no other waits."""
        if not damaged:
            return
        for name in damaged:
            _log.critical("an audit key is damaged, a second one is used; restore the audit keys: %s", name.hex())
            if len(self.damaged) < MOST_DAMAGED:
                self.damaged.add(name)
        self._take({_second(name) for name in damaged})
        self._known.update({name: self._known.pop(_second(name)) for name in damaged})

    def _open(self, rows: Iterable[Any]) -> tuple[dict[bytes, bytes], set[bytes]]:
        """Return the keys that open, and the names of those that do not."""
        found, damaged = dict[bytes, bytes](), set[bytes]()
        for row in rows:
            if not is_sound(row, *audit_key.c):
                damaged.add(row.case_key)
                continue
            try:
                found[row.case_key] = self._key.open(_place(row.case_key), row.sealed)
            except UntrustedError:
                damaged.add(row.case_key)
        return found, damaged

    def _make(self, connection: Connection, names: Iterable[bytes]) -> dict[bytes, bytes]:
        made = {name: secrets.token_bytes(_KEY_BYTES) for name in names}
        rows = [{"case_key": name, "sealed": self._key.seal(_place(name), key)} for name, key in made.items()]
        _ADD.many(connection, rows)
        return made


def _second(name: bytes) -> bytes:
    return sha256(b"audit key again\0" + name)


def _place(name: bytes) -> bytes:
    return b"audit key\0" + name
