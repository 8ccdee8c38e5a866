"""The store of a home, and one transaction on it as the repositories of this package see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from refbus import bell
from refbus.core.documents import read_json
from refbus.crypto.secretbox import StateKey
from refbus.database.engine import FileDatabase
from refbus.database.port import StoreKind
from refbus.database.prepared import AnyOf, Prepared
from refbus.database.transactions import Savepoint
from refbus.errors import Code, RowError, SetupError
from refbus.said import said
from refbus_gateway.store.schema import cases, meta
from refbus_gateway.store.vault import Vault

KIND: Final = StoreKind(Path(__file__).resolve().parent / "migrations", wipe=True, shared=True)
"""Commands, the pages and `refbus run` work with the file at once."""

_VALUE: Final = Prepared(select(meta.c.value).where(meta.c.name == bindparam("name")))
_CHANGE: Final = Prepared(update(meta).where(meta.c.name == bindparam("its_name")).values(value=bindparam("value")))
_ADD: Final = Prepared(insert(meta).values(name=bindparam("its_name"), value=bindparam("value")))
_DROP: Final = Prepared(delete(meta).where(meta.c.name == bindparam("name")))
_SOME: Final = AnyOf(select(meta), meta.c.name)
_AT_ONCE: Final = 500
"""Values in one statement."""
_T = TypeVar("_T")


def slices(values: Iterable[_T]) -> Iterator[list[_T]]:
    """Yield the values in lists that one statement may ask for."""
    found = list(values)
    for start in range(0, len(found), _AT_ONCE):
        yield found[start : start + _AT_ONCE]


def inserting(table: Table, *columns: str) -> Prepared:
    """Return the statement that adds a row with these columns; the others take their default. `lastrowid` is its id."""
    return Prepared(insert(table).values({name: bindparam(name) for name in columns}))


def changing(table: Table, *columns: str) -> Prepared:
    """Return the statement that gives these columns of the row with the id `its_id` other values."""
    return Prepared(
        update(table).where(table.c.id == bindparam("its_id")).values({name: bindparam(name) for name in columns})
    )


@dataclass(frozen=True, slots=True)
class Transaction:
    """A running transaction: the connection, and the keys that hide what it reads and writes."""

    connection: Connection
    vault: Vault
    _case_keys: dict[tuple[bytes, bytes], StateKey] = field(default_factory=dict, repr=False)
    _case_rows: dict[int, Any] = field(default_factory=dict, repr=False)
    _values: dict[str, bytes | None] = field(default_factory=dict, repr=False)
    _known: dict[tuple[str, int, str], Any] = field(default_factory=dict, repr=False)

    def savepoint(self) -> Savepoint:
        """Give what lets an exception take back what its body wrote; what was read before is read again then."""
        return Savepoint(self.connection, self._forget)

    def _forget(self) -> None:
        self._case_rows.clear()
        self._values.clear()
        self._known.clear()

    def case_key(self, case_hash: bytes, wrapped: bytes | None) -> StateKey:
        """Return the case key of a row, unwrapped once in a transaction. Raises as `Vault.case_key`."""
        known = None if wrapped is None else self._case_keys.get((case_hash, wrapped))
        if known is None:
            known = self.vault.case_key(case_hash, wrapped)
            if wrapped is not None:
                self._case_keys[case_hash, wrapped] = known
        return known

    def case_row(self, number: int, read: Callable[[], Any]) -> Any:
        """Return the row of a case, read once in a transaction; `forget_case_row` is called before each change."""
        row = self._case_rows.get(number)
        if row is None:
            row = self._case_rows[number] = read()
        return row

    def forget_case_row(self, number: int) -> None:
        """Let the row of a case be read again, and all that belongs to cases: it is changed, or made."""
        self._case_rows.pop(number, None)
        self._known.clear()

    def once(self, kind: str, number: int, of: str, read: Callable[[], _T | None]) -> _T | None:
        """Return what belongs to a case and does not change before that does, read once in a transaction.

        `kind`, `number` and `of` name it. What is not there is asked for again.
        """
        known: _T | None = self._known.get((kind, number, of))
        if known is None:
            known = read()
            if known is not None:
                self._known[kind, number, of] = known
        return known

    def note(self, kind: str, number: int, of: str, made: _T) -> _T:
        """Remember what was just made, as `once` names it, and return it."""
        self._known[kind, number, of] = made
        return made

    def get(self, name: str) -> bytes | None:
        """Return the single value with this name, read once in a transaction."""
        if name not in self._values:
            self._values[name] = _VALUE.once(self.connection, {"name": name}).scalar()
        return self._values[name]

    def get_all(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the single values with these names, by name; those that are not there are left out."""
        return {row.name: row.value for row in _SOME.rows(self.connection, list(names))}

    def put(self, name: str, value: bytes) -> None:
        """Keep a single value under this name."""
        row = {"its_name": name, "value": value}
        if _CHANGE.once(self.connection, row).rowcount == 0:
            _ADD.once(self.connection, row)
        self._values[name] = value

    def names(self, beginning: str) -> list[str]:
        """Return the names of the single values whose name begins like this, by name."""
        after = beginning[:-1] + chr(ord(beginning[-1]) + 1)
        query = select(meta.c.name).where(meta.c.name >= beginning, meta.c.name < after).order_by(meta.c.name)
        return list(self.connection.execute(query).scalars())

    def get_sealed(self, name: str) -> Any:
        """Return the JSON value that `put_sealed` keeps under this name; None without one, and for a damaged one."""
        kept = self.get(name)
        try:
            return None if kept is None else read_json(self.vault.open(name.encode(), kept).decode())
        except RowError:
            return None

    def put_sealed(self, name: str, value: object) -> None:
        """Keep a JSON value under this name, sealed under the key of the store."""
        self.put(name, self.vault.seal(name.encode(), json.dumps(value, ensure_ascii=False).encode()))

    def drop(self, name: str) -> None:
        """Forget the single value with this name, if there is one."""
        self._values.pop(name, None)
        _DROP.once(self.connection, {"name": name})

    def get_int(self, name: str) -> int:
        """Return the number with this name, 0 when there is none."""
        return int.from_bytes(self.get(name) or b"", "big")

    def put_int(self, name: str, value: int) -> None:
        """Keep a number, not negative."""
        self.put(name, value.to_bytes(8, "big"))


class Store:
    """The database of a home together with the key that it is sealed under."""

    def __init__(self, path: Path, key: StateKey, mark: Path | None = None) -> None:
        """Open or create it. `mark`: which database the home has; without it any one is taken. Raises SetupError."""
        self.database = FileDatabase(path, KIND, mark)
        self.bell: Path | None = path.with_name(bell.NAME)
        """Where whoever talks to the broker hears of each commit; None in the process that would hear itself."""
        self._vault = Vault(key)
        try:
            self._check_key()
        except BaseException:
            self.database.close()
            raise

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Give one writing transaction; what it did is on the disk when it ends, and then the bell rings.

        Raises StoreError.
        """
        with self.database.writing() as connection:
            yield Transaction(connection, self._vault)
        if self.bell is not None:
            bell.ring(self.bell)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Give one reading transaction. Raises StoreError."""
        with self.database.reading() as connection:
            yield Transaction(connection, self._vault)

    def change_mark(self) -> int:
        """Return a number that changes with every write of any process. Raises StoreError."""
        return self.database.change_mark()

    def scrub(self) -> None:
        """Leave nothing of what was overwritten in the write-ahead log. Raises StoreError."""
        self.database.scrub()

    def require_sound(self) -> None:
        """Raise StoreError STORE_FAILED unless the whole file is consistent and the keys of all cases open."""
        self.database.require_sound()
        with self.read() as tx:
            for row in tx.connection.execute(select(cases.c.case_hash, cases.c.wrapped_key)):
                if row.wrapped_key is not None:
                    tx.vault.case_key(row.case_hash, row.wrapped_key)

    def close(self) -> None:
        """Release the file."""
        self.database.close()

    def _check_key(self) -> None:
        """Refuse a key that this database was not sealed under, before anything is written with it."""
        fingerprint = self._vault.hash("store-key")
        with self.read() as tx:
            known = tx.get("store-key")
        if known is None:
            with self.write() as tx:
                if tx.get("store-key") is None:
                    tx.put("store-key", fingerprint)
        elif known != fingerprint:
            raise SetupError(Code.BACKUP_INVALID, said("store.db and keys/store.key do not belong together"))
