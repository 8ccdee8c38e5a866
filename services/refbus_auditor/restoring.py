"""`python -m refbus_auditor restore COPY`: a copy of the auditor's store takes its place, checked first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from refbus.errors import Code, RefbusError, SetupError, StoreError
from refbus.store.engine import Database
from refbus.store.putback import put_back
from refbus_auditor import ledger
from refbus_auditor.home import MIGRATIONS
from refbus_auditor.ledger import Shard


def restore(folder: Path, copy: Path, *, older: bool) -> list[str]:
    """Put `copy` in the place of the store of the home `folder`; return what the operator must know.

    Every entry of the copy is read: they must lead to what it has signed. Without `older` a copy that has signed less
    than a store which can be opened is refused. Raises SetupError HOME_IN_USE, BACKUP_INVALID, BACKUP_OLDER; StoreError
    LOG_STORE_DAMAGED, STORE_NEWER.
    """
    target = folder / "store" / "auditor.db"
    present = _sizes_of_present(target)
    found: dict[str, int] = {}

    def check(fresh: Path) -> None:
        with _opened(fresh) as (database, logs):
            for log in logs:
                _require_sound(database, log)
        found.update({log.origin: log.signed.size for log in logs})
        behind = [origin for origin, size in present.items() if found.get(origin, 0) < size]
        if behind and not older:
            raise SetupError(Code.BACKUP_OLDER, ", ".join(sorted(behind)))

    kept = put_back(copy, target, check)
    return [
        *(f"{origin}: signed up to entry {size}" for origin, size in sorted(found.items())),
        "Before: " + ("none." if kept is None else f"{kept.name}, beside it. Delete it when all works."),
        "Start the auditor. It makes `log/` anew from the store and reads again what the broker has (ninety days).",
        "It signs nothing new before the witnesses have confirmed what was signed last.",
        "LOG_ROLLED_BACK says that more of this log was published or cosigned: then find a newer copy.",
        "It has forgotten what this witness cosigned since. Tell the auditors of the other countries.",
    ]


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Database, list[Shard]]]:
    database = Database(path, MIGRATIONS, wipe=True)
    try:
        with database.reading() as connection:
            logs = ledger.shards(connection)
        yield database, logs
    finally:
        database.close()


def _require_sound(database: Database, log: Shard) -> None:
    with database.reading() as connection:
        head = ledger.head_of(connection, log.origin, log.signed.size)
    if head != log.signed:
        raise StoreError(Code.LOG_STORE_DAMAGED, log.origin)


def _sizes_of_present(target: Path) -> dict[str, int]:
    """Return how much the store in place has signed of each log; nothing when there is none that can be opened."""
    try:
        database = Database.read_only(target, MIGRATIONS)
        try:
            with database.reading() as connection:
                return {log.origin: log.signed.size for log in ledger.shards(connection)}
        finally:
            database.close()
    except RefbusError:
        return {}
