"""`python -m refbus_gate restore COPY`: a copy of the node store takes the place of the store, checked first."""

from __future__ import annotations

from pathlib import Path

from refbus.crypto.secretbox import StateKey
from refbus.errors import Code, RefbusError, SetupError
from refbus.node.statekey import state_key
from refbus.store.node import NodeStore
from refbus.store.putback import put_back
from refbus.trust.homes import Home
from refbus_gate.restored import last_moment, show_moment


def restore(folder: Path, passphrase: str, copy: Path, *, older: bool) -> list[str]:
    """Put `copy` in the place of the node store of the home `folder`; return what the operator must know.

    Keys, audit keys, the list of what was erased and the directory stay as they are. Without `older` a copy that is
    behind a store which can be opened is refused. Raises SetupError HOME_IN_USE, BACKUP_INVALID, BACKUP_OLDER,
    KEYFILE_WRONG_PASSPHRASE (the copy is of another gate); StoreError STORE_NEWER.
    """
    home, target = Home(folder), folder / "store" / "node.db"
    key = state_key(home.keys / "state.key", f"state {home.identity().org_id}", passphrase)
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

    kept = put_back(copy, target, check)
    return [
        f"The store is now a copy of {show_moment(found[0])}.",
        "Before: " + ("none." if kept is None else f"{kept.name}, beside it. Delete it when all works."),
        "Start the gate. It reads again what the broker has, and every office of the country hears GATE_RESTORED.",
        "What it cannot know: orders to replay given since, and what the broker no longer has (LOG_TRUNCATED).",
        "Call the organisations of your country. Tell the auditor: entries of decisions taken again will be refused.",
    ]


def _moment(store: NodeStore) -> int:
    with store.database.reading() as connection:
        return last_moment(connection)


def _moment_of_present(target: Path, key: StateKey) -> int:
    """Return the last moment that the store in place knows of; 0 when there is none, or none that can be opened."""
    try:
        store = NodeStore.look_at(target, key)
        try:
            return _moment(store)
        finally:
            store.close()
    except RefbusError:
        return 0
