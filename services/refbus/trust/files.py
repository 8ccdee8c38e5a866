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


def write_whole(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Write `content` to `path` in one step, making folders as needed. Raises StoreError.

    Without `flush` a power failure may leave it empty or old; only for what is verified before use and can come again.
    """
    with store_errors():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
        with draft.open("xb") as file:
            file.write(content)
            if flush:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
        if flush:
            _flush_folder(path.parent)


def _flush_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
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
