"""What was erased, kept in a file beside a store: a backup that is brought back must not bring it back.

One line for each: a hash that says nothing to others, in hex. It is written before the store forgets, so that a stop
in between ends in the same thing being erased again, at the next opening.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from refbus.errors import Code, StoreError

_LINE = 64


def note(path: Path, names: Iterable[bytes]) -> None:
    """Write down that these (32 bytes each) are erased, on the disk when it returns. Raises StoreError.

    A line that a stop left torn is ended first, so that it spoils no other.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "r+b") as file:
            file.write(b"" if _ends_well(file.fileno()) else b"\n")
            file.write(encode(name.hex() for name in names))
            file.flush()
            os.fsync(file.fileno())
        _sync(path.parent)
    except OSError as error:
        raise StoreError(Code.STORE_FULL if error.errno == 28 else Code.STORE_FAILED, path.name) from None


def noted(path: Path) -> frozenset[str]:
    """Return the lines of a list; a torn one is left out. Raises StoreError."""
    try:
        lines = path.read_text(encoding="ascii", errors="replace").split("\n") if path.is_file() else []
    except OSError as error:
        raise StoreError(Code.STORE_FAILED, f"{path.name}: {error.strerror}") from None
    return frozenset(line for line in lines if len(line) == _LINE)


def encode(lines: Iterable[str]) -> bytes:
    """Return the content of a list."""
    return "".join(f"{line}\n" for line in sorted(lines)).encode()


def _ends_well(handle: int) -> bool:
    size = os.fstat(handle).st_size
    return size == 0 or os.pread(handle, 1, size - 1) == b"\n"


def _sync(folder: Path) -> None:
    """Make the name of a new file durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
