"""The key that a service's store is sealed under: a key file of its home, made at the first start."""

from __future__ import annotations

from pathlib import Path

from refbus.crypto import keyfile
from refbus.crypto.secretbox import StateKey
from refbus.errors import Code, SetupError


def state_key(path: Path, label: str, passphrase: str) -> StateKey:
    """Return the key of the node store, made and written to `path` at the first start. Raises SetupError KEYFILE_*."""
    if not path.exists():
        made = StateKey.generate()
        keyfile.save(path, passphrase, label, made.secret)
        return made
    found, secret = keyfile.load(path, passphrase)
    if found != label:
        raise SetupError(Code.KEYFILE_DAMAGED, f"{path.name} belongs to another member")
    return StateKey(secret)
