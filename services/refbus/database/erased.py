"""What was erased, kept in a file beside a store: a backup that is brought back must not bring it back.

One line for each: a name that says nothing to others, in hex. It is written before the store forgets, so that a stop
in between ends in the same thing being erased again, at the next opening.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from refbus import files
from refbus.errors import Code, StoreError
from refbus.said import placed, reason_of


def note(path: Path, names: Iterable[bytes]) -> None:
    """Write down that these are erased, on the disk when it returns. Raises StoreError.

    A line that a stop left torn is ended first, so that it spoils no other.
    """
    files.append_lines(path, encode(name.hex() for name in names))


def noted(path: Path, *, size: int = 32, most: int | None = None) -> frozenset[str]:
    """Return the lines of a list that name `size` bytes; a torn or damaged one is left out. Raises StoreError.

    `most`: how many bytes of the file are read, None for all.
    """
    wanted = re.compile(rf"[0-9a-f]{{{2 * size}}}", re.ASCII)
    try:
        content = b""
        if path.is_file():
            with path.open("rb") as file:
                content = file.read(-1 if most is None else most)
    except OSError as error:
        raise StoreError(Code.STORE_FAILED, placed(path.name, reason_of(error))) from None
    lines = content.decode("ascii", "replace").split("\n")
    return frozenset(line for line in lines if wanted.fullmatch(line))


def encode(lines: Iterable[str]) -> bytes:
    """Return the content of a list."""
    return "".join(f"{line}\n" for line in sorted(lines)).encode()
