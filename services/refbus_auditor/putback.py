"""`python -m refbus_auditor restore COPY`: what an auditor's home lacks comes back from a copy, each part checked.

COPY is a copy of the store, or a folder with copies of what a home has. A file comes back where the home has none; the
store where the copy has signed as much as the store of the home, or a person says `--older`. First whose home it is,
then keys, evidence and the list of what was erased, then the store. A stop between two of them leaves what came before;
give it again.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from refbus.database.engine import FileDatabase, own
from refbus.database.failures import require_lasting
from refbus.database.opening import Place, look_at_database
from refbus.database.putback import exchange, told_before
from refbus.errors import Code, RefbusError, SetupError
from refbus.node.homecopy import bring_back, tell_of_list
from refbus.trust.homes import Home
from refbus_auditor import ledger
from refbus_auditor.home import KIND, MARK, STORE, place

if TYPE_CHECKING:
    from refbus.database.lead import Lead

FOLDERS = ("evidence", "unread")


def restore(folder: Path, passphrase: str, copy: Path, *, older: bool, lead: Lead | None = None) -> list[str]:
    """Bring back into the home `folder` what `copy` has and the home has not; return what the operator must know.

    Raises SetupError HOME_IN_USE, BACKUP_INVALID, BACKUP_OLDER, TOO_LARGE, KEYFILE_*; StoreError LOG_STORE_DAMAGED,
    STORE_NEWER.
    """
    if not copy.is_dir():
        return _put_store_back(folder, copy, lead, older=older)
    if lead is None:
        with own(folder / "store" / STORE):  # not beside a running auditor
            pass
    came = bring_back(copy, Home(folder), passphrase, FOLDERS)
    told = [f"Brought back: {', '.join(came)}." if came else "No file was missing."]
    told += tell_of_list(came, "sealed records")
    store = next((path for path in (copy / "store" / STORE, copy / STORE) if path.is_file()), None)
    return told if store is None else [*told, *_put_store_back(folder, store, lead, older=older)]


def _put_store_back(folder: Path, copy: Path, lead: Lead | None, *, older: bool) -> list[str]:
    """Put a copy in the place of the store.

    Every entry of the copy is read: they must lead to what it has signed. Without `older` a copy that has signed less
    than a store which can be opened is refused. More may have been signed than a copy knows, so every witness is asked.
    """
    target = place(folder, lead)
    present = _sizes_of_present(target)
    found: dict[str, int] = {}

    def check(fresh: Path) -> None:
        with closing(FileDatabase(fresh, KIND)) as database, database.writing() as connection:
            logs = ledger.shards(connection)
            for log in logs:
                ledger.require_sound(connection, log)
            ledger.doubt(connection)
        found.update({log.origin: log.signed.size for log in logs})
        behind = [origin for origin, size in present.items() if found.get(origin, 0) < size]
        if behind and not older:
            raise SetupError(Code.BACKUP_OLDER, ", ".join(sorted(behind)))

    kept = exchange(copy, target, KIND, check, mark=folder / MARK, beside=folder / "store" / STORE)
    return [
        *(f"{origin}: signed up to entry {size}" for origin, size in sorted(found.items())),
        told_before(kept),
        "Start the auditor. It makes `log/` anew from the store and reads again what the broker has (ninety days).",
        "It signs nothing new before every witness has cosigned what was signed last.",
        "LOG_ROLLED_BACK says that more of this log was published or cosigned: then find a newer copy.",
        "It has forgotten what this witness cosigned since. Tell the auditors of the other countries.",
    ]


def _sizes_of_present(target: Place) -> dict[str, int]:
    """Return how much the store in place has signed of each log; nothing when there is none that can be opened."""
    try:
        with closing(look_at_database(target, KIND)) as database, database.reading() as connection:
            return {log.origin: log.signed.size for log in ledger.shards(connection)}
    except RefbusError as error:
        require_lasting(error)
        return {}
