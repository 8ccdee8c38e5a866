"""Which cases were erased, kept beside the store: a backup that is brought back must not bring them back.

One line for each: the keyed hash of the case, in hex. It is written before the key is destroyed, so that a stop in
between ends in the case being erased, at the next opening.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from refbus.errors import Code, StoreError
from refbus_gateway.store import cases
from refbus_gateway.store.session import Store


def note(path: Path, case_hash: bytes) -> None:
    """Write down that this case is erased, on the disk when it returns. Raises StoreError."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(case_hash.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(Code.STORE_FULL if error.errno == 28 else Code.STORE_FAILED, path.name) from None


def noted(path: Path) -> frozenset[str]:
    """Return the lines of a list; a torn last line is left out."""
    try:
        lines = path.read_text(encoding="ascii", errors="replace").split("\n") if path.is_file() else []
    except OSError as error:
        raise StoreError(Code.STORE_FAILED, f"{path.name}: {error.strerror}") from None
    return frozenset(line for line in lines if len(line) == 64)


def encode(lines: Iterable[str]) -> bytes:
    """Return the content of a list."""
    return "".join(f"{line}\n" for line in sorted(lines)).encode()


def again(path: Path, store: Store, now_ms: int) -> int:
    """Erase again whatever the list names and the store still has; return how many cases that were."""
    wanted = noted(path)
    if not wanted:
        return 0
    with store.read() as tx:
        found = [case for case in cases.every(tx) if case.key is not None and cases.hash_of(tx, case).hex() in wanted]
    if found:
        with store.write() as tx:
            for case in found:
                cases.destroy(tx, case, now_ms)
    return len(found)
