"""The key that a service's store is sealed under: a key file of its home, made at the first start."""

from __future__ import annotations

from pathlib import Path

from refbus.crypto import keyfile
from refbus.crypto.secretbox import StateKey
from refbus.errors import Code, SetupError


def make_state_key(path: Path, label: str, passphrase: str, *, memory_kib: int = keyfile.MEMORY_KIB) -> StateKey:
    """Make the key of a node store, and write its key file, unless another process was faster: then return its key."""
    fresh = StateKey.generate().secret
    return StateKey(keyfile.found_or_made(path, passphrase, label, fresh, memory_kib=memory_kib))


def state_key(path: Path, label: str, passphrase: str, mark: Path) -> StateKey:
    """Return the key of the node store, made and written to `path` at the first start.

    `mark` is there when there was a store (`refbus.database.identity`): no other key is made then. Raises SetupError
    KEYFILE_*, HOME_DAMAGED.
    """
    # In this order: whoever makes both makes the key first.
    if mark.exists() and not path.exists():
        raise SetupError(Code.HOME_DAMAGED, f"{path.name} is missing: restore it")
    return make_state_key(path, label, passphrase)
