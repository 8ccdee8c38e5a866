"""Files that are there whole or not at all, whatever stops the process."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from refbus.errors import Code, StoreError

TEMPORARY = ".part-"


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path` in one step, flushed to the disk, making folders as needed. Raises StoreError."""
    with store_errors():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def remove_drafts(folder: Path, prefixes: tuple[str, ...] = (TEMPORARY,)) -> None:
    """Remove what a killed process left half written below `folder`. Raises StoreError."""
    with store_errors():
        for path in folder.rglob("*"):
            if path.name.startswith(prefixes) and path.is_file():
                path.unlink(missing_ok=True)


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn a failing disk into StoreError STORE_FULL or STORE_FAILED."""
    try:
        yield
    except OSError as error:
        code = Code.STORE_FULL if error.errno in {errno.ENOSPC, errno.EDQUOT} else Code.STORE_FAILED
        raise StoreError(code, f"directory files: {error.strerror}") from None
