"""The sealed entries of a time for the inspector, in one file (refbus.audit.export). The auditor cannot open them."""

from __future__ import annotations

from pathlib import Path

from refbus.audit.export import Exported
from refbus.core import times
from refbus.core.times import read_typed_day
from refbus.database import erased as lists
from refbus.database.address import Server
from refbus.database.opening import look_at_database
from refbus.errors import Code, SetupError
from refbus.files import create, store_errors
from refbus_auditor import ledger
from refbus_auditor.erasure import name_of
from refbus_auditor.home import ERASED, KIND, place


def export(home: Path, file: Path, first_ms: int, last_ms: int, server: Server | None = None) -> int:
    """Write what was logged from `first_ms` up to `last_ms` (UTC, half-open) to `file`; return how many entries.

    The auditor may be running; the file is for the owner alone. What was erased has no record any more and is left
    out, and so is what the list of erasures names in a store that was brought back. Raises SetupError HOME_NOT_FOUND,
    StoreError.
    """
    gone = lists.noted(home / ERASED)
    database = look_at_database(place(home, server), KIND)
    count = 0
    try:
        with (
            store_errors(file.name),
            create(file) as output,
            database.reading() as connection,
        ):
            for log in ledger.shards(connection):
                for index, logged_ms, raw in ledger.records(connection, log.origin, first_ms, last_ms):
                    exported = Exported(log.origin, index, logged_ms, raw)
                    if not _is_gone(exported, gone):
                        output.write(exported.encode())
                        count += 1
    finally:
        database.close()
    return count


def _is_gone(exported: Exported, gone: frozenset[str]) -> bool:
    """Whether the list names an entry. Orders and evidence are on no list that counts."""
    if exported.order() is not None:
        return False
    entry = exported.entry()
    return not entry.stays and name_of(entry.writer, entry.decision_id).hex() in gone


def day_ms(text: str) -> int:
    """Return the beginning of a day such as "2026-11-30", UTC ms. Raises SetupError USAGE."""
    day = read_typed_day(text)
    if day is None:
        raise SetupError(Code.USAGE, "a day is written like 2026-11-30")
    return times.day_ms(day)
