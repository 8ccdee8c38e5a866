"""`python -m refbus_gate backup FOLDER KEYS`: a backup of the home while the gate runs, restored once before it counts.

FOLDER gets everything but the audit keys; they go to the file KEYS, which is kept apart on other media: it is what
makes erased cases stay erased.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from refbus.database.address import Server
from refbus.database.opening import copy_database_to
from refbus.errors import Code, SetupError
from refbus.files import flush_folder, store_errors
from refbus.node.homebackup import back_up
from refbus.node.store import audit_keys, node
from refbus_gate.home import AUDIT_KEYS, STORE, place
from refbus_gate.orders.putback import FOLDERS, restore


def backup(folder: Path, passphrase: str, target: Path, keys: Path, server: Server | None = None) -> list[str]:
    """Write a backup of the home `folder`, of its store and of its audit keys; return what the operator must know.

    Raises SetupError USAGE where one of them is there or the keys would be beside the rest; KEYFILE_*; StoreError.
    """
    if keys.exists() or keys.resolve().is_relative_to(target.resolve()):
        raise SetupError(Code.USAGE, f"{keys.name}: the audit keys go to a new file, apart from the rest")
    draft = keys.with_name(f".{keys.name}.writing")

    def restored(scratch: Path, copy: Path) -> None:
        restore(scratch, passphrase, copy, older=False)
        copy_database_to(
            draft, place(folder, AUDIT_KEYS, server), audit_keys.KIND
        )  # after the store: no case in it is without its key
        restore(scratch, passphrase, draft, older=False)

    store = partial(copy_database_to, place=place(folder, STORE, server), kind=node.KIND)
    draft.unlink(missing_ok=True)
    try:
        count = back_up(folder, target, FOLDERS, {f"store/{STORE}": store}, restored)
        with store_errors(keys.name):
            draft.rename(keys)
            flush_folder(keys.parent)
    finally:
        draft.unlink(missing_ok=True)
    return [
        f"{target}: {count} files; a restore of them has succeeded.",
        f"{keys}: the audit keys. Keep only the newest, apart from {target.name}; an older one knows erased cases.",
        "Keep the passphrase somewhere else than both.",
    ]
