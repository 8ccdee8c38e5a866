"""What was erased, kept in a file beside a store: a backup that is brought back must not bring it back.

One line for each: a hash that says nothing to others, in hex. It is written before the store forgets, so that a stop
in between ends in the same thing being erased again, at the next opening.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from refbus import files
from refbus.errors import Code, StoreError

_LINE = re.compile(r"[0-9a-f]{64}", re.ASCII)


def note(path: Path, names: Iterable[bytes]) -> None:
    """Write down that these (32 bytes each) are erased, on the disk when it returns. Raises StoreError.

    A line that a stop left torn is ended first, so that it spoils no other.
    """
    files.append_lines(path, encode(name.hex() for name in names))


def noted(path: Path) -> frozenset[str]:
    """Return the lines of a list; a torn or damaged one is left out. Raises StoreError."""
    try:
        lines = path.read_text(encoding="ascii", errors="replace").split("\n") if path.is_file() else []
    except OSError as error:
        raise StoreError(Code.STORE_FAILED, f"{path.name}: {error.strerror}") from None
    return frozenset(line for line in lines if _LINE.fullmatch(line))


def encode(lines: Iterable[str]) -> bytes:
    """Return the content of a list."""
    return "".join(f"{line}\n" for line in sorted(lines)).encode()
