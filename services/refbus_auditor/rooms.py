"""Whose entries wait and how much each member writes: what an operator looks at when an alarm speaks of a quota."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select

from refbus.database.address import Server
from refbus.database.opening import look_at_database
from refbus_auditor.home import KIND, place
from refbus_auditor.store.tables import usage, waiting


def lines(home: Path, server: Server | None = None) -> Iterator[str]:
    """Yield the report as lines of text; the auditor may be running. Raises SetupError HOME_NOT_FOUND, StoreError."""
    database = look_at_database(place(home, server), KIND)
    sums = (func.count(), func.sum(waiting.c.size))
    waits = select(waiting.c.owner, waiting.c.code, *sums).group_by(waiting.c.owner, waiting.c.code)
    wrote = select(usage.c.writer, func.sum(usage.c.records), func.sum(usage.c.size), func.sum(usage.c.names))
    try:
        with database.reading() as connection:
            for owner, code, records, size in connection.execute(waits.order_by(sums[0].desc())):
                yield f"{_name(owner)}: {records} entries wait ({size} bytes), {code}"
            for writer, records, size, names in connection.execute(wrote.group_by(usage.c.writer)):
                yield f"{writer}: {records} entries in a day ({size} bytes), {names} ordered to be erased"
    finally:
        database.close()


def _name(owner: str | None) -> str:
    if owner is None:
        return "from before there were quotas"
    if owner.startswith("?"):
        named, _, kid = owner[1:].partition("/")
        key = f" with key {kid}" if kid else ""
        return f"somebody in the name of {named}{key}" if named else "somebody in the name of nobody that is known"
    return f"{owner[:-1]}, evidence that stays" if owner.endswith("!") else owner
