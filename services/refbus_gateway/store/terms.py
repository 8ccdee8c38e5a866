"""What ends by law for the person of an own case, by the 30 days in which it does; derived, as in `store.lookups`.

The days themselves are sealed under the key of the case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, insert, select

from refbus.crypto.secretbox import StateKey
from refbus_gateway.store.schema import cases, terms
from refbus_gateway.store.session import Transaction

_PLACE: Final = b"terms/"


@dataclass(frozen=True, slots=True)
class Sealed:
    """What ends in 30 days of a case, still sealed."""

    case: int
    month: int
    case_hash: bytes
    wrapped_key: bytes
    body: bytes


def keep(tx: Transaction, number: int, key: StateKey, case_hash: bytes, found: Mapping[int, bytes]) -> None:
    """Keep what ends, by its 30 days, in place of what was kept of a case."""
    forget_case(tx, number)
    rows = [
        {"case_id": number, "month": month, "body": key.seal(_place(case_hash, month), body)}
        for month, body in sorted(found.items())
    ]
    if rows:
        tx.connection.execute(insert(terms), rows)


def between(tx: Transaction, first: int, last: int) -> list[Sealed]:
    """Return what ends from the first to the last of these 30 days, of all cases; the soonest 30 days first."""
    query = (
        select(terms.c.case_id, terms.c.month, cases.c.case_hash, cases.c.wrapped_key, terms.c.body)
        .join(cases, cases.c.id == terms.c.case_id)
        .where(terms.c.month.between(first, last), cases.c.wrapped_key.is_not(None), cases.c.erasing_ms.is_(None))
        .order_by(terms.c.month, terms.c.case_id)
    )
    return [Sealed(*row) for row in tx.connection.execute(query)]


def opened(tx: Transaction, row: Sealed) -> bytes:
    """Return what ends. Raises StoreError for what is damaged."""
    return tx.vault.case_key(row.case_hash, row.wrapped_key).open(_place(row.case_hash, row.month), row.body)


def forget_case(tx: Transaction, number: int) -> None:
    """Keep nothing of a case."""
    tx.connection.execute(delete(terms).where(terms.c.case_id == number))


def _place(case_hash: bytes, month: int) -> bytes:
    return _PLACE + case_hash + month.to_bytes(8, "big", signed=True)
