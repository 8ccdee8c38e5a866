"""Alarms: what a person must look at, until it is cleared or its reason is gone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, select, update

from refbus.core.documents import read_json
from refbus.database.prepared import Prepared
from refbus.errors import Code, MalformedError
from refbus.said import Said, named, said
from refbus_gateway.store.schema import alarms
from refbus_gateway.store.session import Transaction

_STANDS: Final = alarms.c.cleared_ms.is_(None)
_STANDING: Final = Prepared(select(alarms).where(_STANDS).order_by(alarms.c.id))
_SAME: Final = Prepared(
    select(alarms.c.id).where(alarms.c.code == bindparam("code"), alarms.c.detail == bindparam("detail"), _STANDS)
)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person must look at. `detail` names numbers, organisations and counts, never a person."""

    id: int
    code: str
    detail: Said
    at_ms: int


def raise_alarm(tx: Transaction, code: Code, detail: Said, now_ms: int) -> None:
    """Tell a person; an alarm that already stands with the same words is not repeated."""
    if not _stands(tx, code, detail):
        row = insert(alarms).values(code=code, detail=str(detail), words=_saved(detail), at_ms=now_ms)
        tx.connection.execute(row)


_ENDS: Final = " :,"
MOST_OF_ONE: Final = 20
"""Alarms with one code that stand about what one source causes; what is beyond is counted in one more."""


def raise_of_many(
    tx: Transaction, code: Code, source: str, detail: Said, now_ms: int, *, most: int = MOST_OF_ONE
) -> None:
    """Tell a person of something that others cause, so that nobody buries all other alarms under their own.

    `source`: English words that the `detail` of each such alarm has. Once `most` of them stand, one more says how many
    came since.
    """
    if count_alarms(tx, code, source) < most or _stands(tx, code, detail):
        raise_alarm(tx, code, detail, now_ms)
        return
    place = (
        Said(source.message.strip(_ENDS), None, **source.values) if isinstance(source, Said) else source.strip(_ENDS)
    )
    head, tail = f"{place}: and ", " more"
    rest = (alarms.c.code == code, alarms.c.detail.startswith(head, autoescape=True), alarms.c.cleared_ms.is_(None))
    row = tx.connection.execute(select(alarms.c.id, alarms.c.detail).where(*rest)).first()
    number = 1 if row is None else int(row.detail.removeprefix(head).removesuffix(tail)) + 1
    told = said("%(place)s: and %(number)s more", place=place, number=number)
    if row is None:
        raise_alarm(tx, code, told, now_ms)
    else:
        change = update(alarms).where(alarms.c.id == row.id)
        tx.connection.execute(change.values(detail=str(told), words=_saved(told), at_ms=now_ms))


def count_alarms(tx: Transaction, code: Code, words: str) -> int:
    """Return how many alarms with this code stand whose detail has these words."""
    found = (alarms.c.code == code, alarms.c.detail.contains(words, autoescape=True), alarms.c.cleared_ms.is_(None))
    return int(tx.connection.execute(select(func.count()).select_from(alarms).where(*found)).scalar_one())


def _stands(tx: Transaction, code: Code, detail: str) -> bool:
    return _SAME.once(tx.connection, {"code": code, "detail": str(detail)}).first() is not None


def withdraw_alarm(tx: Transaction, code: Code, detail: str, now_ms: int) -> None:
    """Take back an alarm whose reason is gone."""
    change = update(alarms).where(alarms.c.code == code, alarms.c.detail == detail, alarms.c.cleared_ms.is_(None))
    tx.connection.execute(change.values(cleared_ms=now_ms))


def standing_alarms(tx: Transaction) -> list[Alarm]:
    """Return the alarms that nobody has cleared."""
    rows = _STANDING.once(tx.connection, {})
    return [Alarm(row.id, row.code, _read(row.words, row.detail), row.at_ms) for row in rows]


def clear_alarm(tx: Transaction, alarm_id: int, now_ms: int) -> bool:
    """Note that a person dealt with an alarm; False when there is none with this number."""
    change = update(alarms).where(alarms.c.id == alarm_id, alarms.c.cleared_ms.is_(None)).values(cleared_ms=now_ms)
    return tx.connection.execute(change).rowcount == 1


def _saved(text: Said) -> str:
    """Return a text as JSON, to be said later."""
    return json.dumps(_parts(text), ensure_ascii=False)


def _read(kept: str | None, english: str) -> Said:
    """Return what `_saved` kept of a text; where nothing was, or something damaged, the English text as a name."""
    try:
        found = _of_parts(read_json(kept or ""))
    except (MalformedError, ValueError, TypeError, LookupError, AttributeError):
        return named(english)
    return found if found == english else named(english)


def _parts(text: Said) -> dict[str, Any]:
    values = {name: _parts(each) if isinstance(each, Said) else str(each) for name, each in text.values.items()}
    return {"message": text.message, "context": text.context, "values": values}


def _of_parts(kept: dict[str, Any]) -> Said:
    values = {name: _of_parts(each) if isinstance(each, dict) else str(each) for name, each in kept["values"].items()}
    return Said(str(kept["message"]), kept["context"], **values)
