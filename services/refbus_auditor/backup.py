"""`python -m refbus_auditor backup FOLDER`: a backup while the auditor runs, restored once before it counts."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from refbus.database.address import Server
from refbus.database.opening import copy_database_to
from refbus.node.homebackup import back_up
from refbus_auditor.home import KIND, STORE, place
from refbus_auditor.putback import FOLDERS, restore


def backup(folder: Path, passphrase: str, target: Path, server: Server | None = None) -> list[str]:
    """Write a backup of the home `folder`; return what the operator must know.

    Every entry of the copy is read: they lead to what it has signed. Raises SetupError, StoreError as `restore`.
    """
    told = list[str]()

    def restored(scratch: Path, copy: Path) -> None:
        told.extend(line for line in restore(scratch, passphrase, copy, older=False) if "signed up to" in line)

    store = partial(copy_database_to, place=place(folder, server), kind=KIND)
    count = back_up(folder, target, FOLDERS, {f"store/{STORE}": store}, restored)
    return [
        f"{target}: {count} files; a restore of them has succeeded.",
        *told,
        "Keep the passphrase somewhere else. `log/` is public and is made anew from this.",
    ]
