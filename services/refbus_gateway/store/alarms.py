"""Alarms: what a person must look at, until it is cleared or its reason is gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, insert, select, update

from refbus.errors import Code
from refbus_gateway.store.schema import alarms
from refbus_gateway.store.session import Transaction


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person must look at. `detail` names ids of organisations or counts, never a case."""

    id: int
    code: str
    detail: str
    at_ms: int


def raise_alarm(tx: Transaction, code: Code, detail: str, now_ms: int) -> None:
    """Tell a person; an alarm that already stands with the same words is not repeated."""
    if not _stands(tx, code, detail):
        tx.connection.execute(insert(alarms).values(code=code, detail=detail, at_ms=now_ms))


MOST_OF_ONE: Final = 20
"""Alarms with one code that stand about what one source causes; what is beyond is counted in one more."""


def raise_of_many(
    tx: Transaction, code: Code, source: str, detail: str, now_ms: int, *, most: int = MOST_OF_ONE
) -> None:
    """Tell a person of something that others cause, so that nobody buries all other alarms under their own.

    `source`: words that the `detail` of each such alarm has. Once `most` of them stand, one more says how many came
    since.
    """
    if count_alarms(tx, code, source) < most or _stands(tx, code, detail):
        raise_alarm(tx, code, detail, now_ms)
        return
    head, tail = f"{source.strip(' :,')}: and ", " more"
    rest = (alarms.c.code == code, alarms.c.detail.startswith(head, autoescape=True), alarms.c.cleared_ms.is_(None))
    row = tx.connection.execute(select(alarms.c.id, alarms.c.detail).where(*rest)).first()
    number = 1 if row is None else int(row.detail.removeprefix(head).removesuffix(tail)) + 1
    if row is None:
        raise_alarm(tx, code, f"{head}{number}{tail}", now_ms)
    else:
        change = update(alarms).where(alarms.c.id == row.id)
        tx.connection.execute(change.values(detail=f"{head}{number}{tail}", at_ms=now_ms))


def count_alarms(tx: Transaction, code: Code, words: str) -> int:
    """Return how many alarms with this code stand whose detail has these words."""
    found = (alarms.c.code == code, alarms.c.detail.contains(words, autoescape=True), alarms.c.cleared_ms.is_(None))
    return int(tx.connection.execute(select(func.count()).select_from(alarms).where(*found)).scalar_one())


def _stands(tx: Transaction, code: Code, detail: str) -> bool:
    same = (alarms.c.code == code, alarms.c.detail == detail, alarms.c.cleared_ms.is_(None))
    return tx.connection.execute(select(alarms.c.id).where(*same)).first() is not None


def withdraw_alarm(tx: Transaction, code: Code, detail: str, now_ms: int) -> None:
    """Take back an alarm whose reason is gone."""
    change = update(alarms).where(alarms.c.code == code, alarms.c.detail == detail, alarms.c.cleared_ms.is_(None))
    tx.connection.execute(change.values(cleared_ms=now_ms))


def standing_alarms(tx: Transaction) -> list[Alarm]:
    """Return the alarms that nobody has cleared."""
    rows = tx.connection.execute(select(alarms).where(alarms.c.cleared_ms.is_(None)).order_by(alarms.c.id))
    return [Alarm(row.id, row.code, row.detail, row.at_ms) for row in rows]


def clear_alarm(tx: Transaction, alarm_id: int, now_ms: int) -> bool:
    """Note that a person dealt with an alarm; False when there is none with this number."""
    change = update(alarms).where(alarms.c.id == alarm_id, alarms.c.cleared_ms.is_(None)).values(cleared_ms=now_ms)
    return tx.connection.execute(change).rowcount == 1
