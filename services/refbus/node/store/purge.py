"""Forgetting: rows that nothing can refer to any more are deleted, and what they counted is kept."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column, Connection, Table, bindparam, delete, func, select

from refbus.core.units import DAY_MS, HOUR_MS
from refbus.database.prepared import Prepared
from refbus.node.store.tables import deadline, dropped, fact, hold, quarantine, record

SHARE: Final = 20
"""One run deletes at most one row of so many of a table."""
KEEP_DROPPED_MS: Final = 120 * DAY_MS
"""How long it is known which offsets were dropped; their number stays in the tally."""
LEAST: Final = 200
"""So many rows may always go, however small the table is."""


def _delete_at(table: Table) -> Prepared:
    """Prepare the deletion of the row of a place."""
    at = (table.c.topic == bindparam("its_topic"), table.c.offset == bindparam("its_offset"))
    return Prepared(delete(table).where(*at))


_DROP_KEPT = _delete_at(quarantine)
_DROP_RECORD = _delete_at(record)


def purge(connection: Connection, now_ms: int, most: int = 2_000) -> int:
    """Delete some of what is past its time at `now_ms` (UTC ms), oldest first; the tally goes on counting it.

    Of each kind at most `most` rows, so that a flood of long ago takes nobody's time now, and at most a share, so that
    a clock that is wrong costs no more than that before it is noticed; returns how many rows went.
    """
    facts, deadlines, hours = (_share(connection, table, most) for table in (fact, deadline, dropped))
    return (
        _records(connection, now_ms, _share(connection, record, most))
        + _rows(connection, fact.c.keep_until_ms, (fact.c.kind, fact.c.fact_key), now_ms, facts)
        + _rows(connection, deadline.c.keep_until_ms, (deadline.c.course_key,), now_ms, deadlines)
        + _rows(connection, dropped.c.hour, (dropped.c.topic, dropped.c.hour), _hour(now_ms - KEEP_DROPPED_MS), hours)
    )


def _hour(at_ms: int) -> int:
    return at_ms // HOUR_MS


def _share(connection: Connection, table: Table, most: int) -> int:
    rows = connection.execute(select(func.count()).select_from(table)).scalar_one()
    return min(most, max(LEAST, rows // SHARE))


def _records(connection: Connection, now_ms: int, most: int) -> int:
    waits = select(hold.c.id).where(hold.c.topic == record.c.topic, hold.c.offset == record.c.offset).exists()
    old = select(record.c.topic, record.c.offset).where(record.c.keep_until_ms <= now_ms, ~waits)
    rows = connection.execute(old.order_by(record.c.keep_until_ms).limit(most)).all()
    places = [{"its_topic": row.topic, "its_offset": row.offset} for row in rows]
    for prepared in (_DROP_KEPT, _DROP_RECORD):
        prepared.many(connection, places)
    return len(rows)


def _rows(connection: Connection, until: Column[int], key: tuple[Column[Any], ...], now_ms: int, most: int) -> int:
    """Delete rows of a table, named by their key, whose time is over."""
    names = [column.name for column in key]
    rows = connection.execute(select(*key).where(until <= now_ms).order_by(until).limit(most)).all()
    if rows:
        this = [column == bindparam(f"its_{column.name}") for column in key]
        values = [{f"its_{name}": value for name, value in zip(names, row, strict=True)} for row in rows]
        Prepared(delete(until.table).where(*this)).many(connection, values)  # no adapters: a damaged key goes too
    return len(rows)
