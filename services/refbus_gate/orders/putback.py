"""`python -m refbus_gate restore COPY`: what a gate's home lacks comes back from a copy, each part checked first.

COPY is a copy of one database, or a folder with copies of what a home has; give the order once for each medium. A file
comes back where the home has none, `audit-keys.db` where the one of the home is missing or damaged, and `node.db` where
the copy is as new as the one of the home, or a person says `--older`. In this order: whose home it is, keys, the list
of what was erased, the audit keys, the store. A stop between two of them leaves what came before; give it again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from refbus.crypto.secretbox import StateKey
from refbus.database import identity
from refbus.database.engine import own
from refbus.database.failures import require_lasting
from refbus.database.opening import Place
from refbus.database.putback import exchange, told_before
from refbus.errors import Code, RefbusError, SetupError
from refbus.node.homecopy import bring_back
from refbus.node.store import audit_keys, node
from refbus.node.store.audit_keys import AuditKeys
from refbus.node.store.node import NodeStore
from refbus.trust.homes import Home
from refbus_gate.home import AUDIT_KEYS, STORE, mark_of, place, state_key_of
from refbus_gate.restored import last_moment, show_moment

if TYPE_CHECKING:
    from refbus.database.lead import Lead

FOLDERS = ("statistics",)
_OF_LIST = [
    "The list `erased` is the one of the copy: at the start the audit keys that it names are destroyed.",
    "Lines that this gate did not write count for nothing; `accept-erased` is for lists from before lines had a proof.",
]


def restore(folder: Path, passphrase: str, copy: Path, *, older: bool, lead: Lead | None = None) -> list[str]:
    """Bring back into the home `folder` what `copy` has and the home has not; return what the operator must know.

    With `lead` the databases are those on its server; copies are files in any case. The directory stays as it is: it
    comes again. Without `older` a copy of the store that is behind a store which can be opened is refused. Raises
    SetupError HOME_IN_USE, BACKUP_INVALID, BACKUP_OLDER, TOO_LARGE, KEYFILE_* (KEYFILE_WRONG_PASSPHRASE: the copy of a
    database is of another gate); StoreError, also STORE_NEWER.
    """
    home = Home(folder)
    if not copy.is_dir():
        key = state_key_of(home, passphrase)
        if _is_audit_keys(copy):
            return _put_keys_back(home, key, copy, lead)
        return _put_store_back(home, key, copy, older, lead)
    if lead is None:
        with own(folder / "store" / STORE):  # not beside a running gate
            pass
    came = bring_back(copy, home, passphrase, FOLDERS)
    key = state_key_of(home, passphrase)
    told = [f"Brought back: {', '.join(came)}." if came else "No file was missing."]
    told += _OF_LIST if "erased" in came else []
    told += ["Keys came back, perhaps old ones too: `refbus keys prune`."] if _has_keys(came) else []
    keys, store = _database(copy, AUDIT_KEYS), _database(copy, STORE)
    if keys is not None and not _keys_are_sound(home, key, lead):
        told += _put_keys_back(home, key, keys, lead)
    if store is not None:
        told += _put_store_back(home, key, store, older, lead)
    return told


def _put_store_back(home: Home, key: StateKey, copy: Path, older: bool, lead: Lead | None) -> list[str]:
    target = place(home.folder, STORE, lead)
    present, found = _moment_of_present(target, key), list[int]()

    def check(fresh: Path) -> None:
        store = NodeStore.open(fresh, key)
        try:
            store.self_test()
            found.append(_moment(store))
        finally:
            store.close()
        if found[0] < present and not older:
            raise SetupError(Code.BACKUP_OLDER, f"of {show_moment(found[0])}; here is {show_moment(present)}")

    kept = _put_back(home, copy, STORE, lead, check)
    return [
        f"The store is now a copy of {show_moment(found[0])}.",
        told_before(kept),
        "Start the gate. It reads again what the broker has, and every office of the country hears GATE_RESTORED.",
        "What it cannot know: orders to replay given since, and what the broker no longer has (LOG_TRUNCATED).",
        "Call the organisations of your country. Tell the auditor: entries of decisions taken again will be refused.",
    ]


def _put_back(home: Home, copy: Path, name: str, lead: Lead | None, check: Callable[[Path], None]) -> Place | None:
    target, mark = place(home.folder, name, lead), mark_of(home.folder, name)
    kind = node.KIND if name == STORE else audit_keys.KIND
    return exchange(copy, target, kind, check, mark=mark, beside=home.folder / "store" / name)


def _put_keys_back(home: Home, key: StateKey, copy: Path, lead: Lead | None) -> list[str]:
    """Put a copy of the audit keys back where those of the home are missing or damaged; sound ones are never older."""
    if _keys_are_sound(home, key, lead):
        raise SetupError(Code.BACKUP_OLDER, f"the {AUDIT_KEYS} here is sound and stays")

    def check(fresh: Path) -> None:
        keys = AuditKeys(fresh, key)
        try:
            keys.require_sound()
        finally:
            keys.close()

    _put_back(home, copy, AUDIT_KEYS, lead, check)
    return [
        "The audit keys are those of the copy; at the start those that `erased` names are destroyed again.",
        "Cases that came since the copy get other keys: what was logged about them until now opens no more.",
    ]


def _keys_are_sound(home: Home, key: StateKey, lead: Lead | None) -> bool:
    path = place(home.folder, AUDIT_KEYS, lead)
    if not isinstance(path, Path):
        return AuditKeys.is_sound(path, key)
    return path.is_file() and identity.is_same(path, mark_of(home.folder, AUDIT_KEYS)) and AuditKeys.is_sound(path, key)


def _is_audit_keys(copy: Path) -> bool:
    """Whether a database is one of audit keys; one that cannot be read is refused where it is read through."""
    try:
        with closing(sqlite3.connect(f"{copy.resolve().as_uri()}?mode=ro", uri=True)) as opened:
            query = "SELECT 1 FROM sqlite_master WHERE name = 'audit_key'"
            return opened.execute(query).fetchone() is not None
    except sqlite3.Error:
        return False


def _database(copy: Path, name: str) -> Path | None:
    return next((path for path in (copy / "store" / name, copy / name) if path.is_file()), None)


def _has_keys(came: list[str]) -> bool:
    return any(name.startswith("keys/") for name in came)


def _moment(store: NodeStore) -> int:
    with store.database.reading() as connection:
        return last_moment(connection)


def _moment_of_present(target: Place, key: StateKey) -> int:
    """Return the last moment that the store in place knows of; 0 when there is none, or none that can be opened."""
    try:
        store = NodeStore.look_at(target, key)
        try:
            return _moment(store)
        finally:
            store.close()
    except RefbusError as error:
        require_lasting(error)
        return 0
