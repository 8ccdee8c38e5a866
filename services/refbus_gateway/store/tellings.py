"""What a person said here that others do not know yet: not signed, or signed and not told to the organisation.

A row is written before anything is tried, and goes when word is in the outbox for every course. A no without a
signature counts here like one with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from refbus.core.ids import OrgId
from refbus.database.prepared import Prepared
from refbus.each import each
from refbus.errors import Code, RefbusError
from refbus_gateway.store import cases, links
from refbus_gateway.store.cases import Case
from refbus_gateway.store.schema import tellings
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.vault import join, member_of, split

_OF_CASE: Final = Prepared(select(tellings).where(tellings.c.case_id == bindparam("number")).order_by(tellings.c.id))
_EVERY: Final = Prepared(select(tellings).order_by(tellings.c.id))


class Kind(StrEnum):
    """What an organisation has to be told."""

    WITHDRAWN = "WITHDRAWN"  # the person took everything back
    REFUSED = "REFUSED"  # the person said no, on a form
    VERSION = "VERSION"  # a signed version that changes an earlier one


@dataclass(frozen=True, slots=True)
class Telling:
    """One organisation that has to be told something. Times in UTC ms; `code`: why the last try failed.

    `signed` is the signed record, b"" while there is none; `before` the record of the version that it changes, b""
    where there is none.
    """

    id: int
    case_id: int
    kind: Kind
    made_ms: int
    tried_ms: int | None
    code: str | None
    org: OrgId
    signed: bytes = field(repr=False)
    before: bytes = field(repr=False)
    name: bytes = field(repr=False)


def add(
    tx: Transaction, case: Case, org: OrgId, kind: Kind, *, now_ms: int, signed: bytes = b"", before: bytes = b""
) -> Telling:
    """Add a row that has not been tried yet."""
    name = secrets.token_bytes(16)
    body = _seal(case, name, org, signed, before)
    if case.own:
        links.note_word(tx, case.id)
    row = insert(tellings).values(name=name, case_id=case.id, kind=kind, made_ms=now_ms, body=body)
    (row_id,) = tx.connection.execute(row).inserted_primary_key or (0,)
    return Telling(int(row_id), case.id, kind, now_ms, None, None, org, signed, before, name)


def of_case(tx: Transaction, case: Case) -> list[Telling]:
    """Return what is open for a case, oldest first; nothing for one that was erased."""
    if case.key is None:
        return []
    return [_telling(case, row) for row in _OF_CASE.once(tx.connection, {"number": case.id})]


def nos(tx: Transaction, case: Case) -> set[OrgId]:
    """Return the organisations that do not know of a case's no yet, signed or not."""
    return {row.org for row in of_case(tx, case) if row.kind is not Kind.VERSION}


def every(tx: Transaction, failed: Callable[[int, RefbusError], object] = lambda *_: None) -> list[Telling]:
    """Return what is open for all cases, oldest first; `failed` hears the case of each that cannot be read."""
    found = each(
        _EVERY.once(tx.connection, {}), lambda row: _of_row(tx, row), lambda row, error: failed(row.case_id, error)
    )
    return [row for row in found if row is not None]


def _of_row(tx: Transaction, row: Row[Any]) -> Telling | None:
    case = cases.get(tx, row.case_id)
    return None if case.key is None else _telling(case, row)


def find(tx: Transaction, row_id: int) -> Telling | None:
    """Return a row unless it is done."""
    row = tx.connection.execute(select(tellings).where(tellings.c.id == row_id)).first()
    case = None if row is None else cases.get(tx, row.case_id)
    return None if row is None or case is None or case.key is None else _telling(case, row)


def sign(tx: Transaction, case: Case, row: Telling, signed: bytes, before: bytes) -> Telling:
    """Keep the signed record in a row that had none; return the row as it is then."""
    body = _seal(case, row.name, row.org, signed, before)
    tx.connection.execute(update(tellings).where(tellings.c.id == row.id).values(body=body))
    return replace(row, signed=signed, before=before)


def failed(tx: Transaction, row_id: int, code: Code, now_ms: int) -> None:
    """Note why it could not be signed or told now."""
    tx.connection.execute(update(tellings).where(tellings.c.id == row_id).values(code=code, tried_ms=now_ms))


def done(tx: Transaction, row_id: int) -> None:
    """Forget a row: word is in the outbox, or nobody has to be told."""
    tx.connection.execute(delete(tellings).where(tellings.c.id == row_id))


def count(tx: Transaction) -> int:
    """Return how many rows are open."""
    return int(tx.connection.execute(select(func.count()).select_from(tellings)).scalar_one())


def oldest_ms(tx: Transaction) -> int | None:
    """Return when the oldest open row was made."""
    return tx.connection.execute(select(func.min(tellings.c.made_ms))).scalar()


def _seal(case: Case, name: bytes, org: OrgId, signed: bytes, before: bytes) -> bytes:
    return case.open_key().seal(b"telling/" + name, join(org.encode(), signed, before))


def _telling(case: Case, row: Row[Any]) -> Telling:
    org, signed, before = split(case.open_key().open(b"telling/" + row.name, row.body), 3)
    return Telling(
        row.id,
        row.case_id,
        member_of(Kind, row.kind),
        row.made_ms,
        row.tried_ms,
        row.code,
        OrgId(org.decode()),
        signed,
        before,
        row.name,
    )
