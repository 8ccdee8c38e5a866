"""The one place that writes files: each is there whole or not at all, for its owner alone, and on the disk.

`read_limited` reads a small one from outside, judged by its size first.

A file is mode 0600 and a folder that is made is mode 0700, whatever the umask; file and folder are flushed. A medium
that knows no modes (exFAT) is written all the same: what asks for a mode is whoever reads. A test finds code outside
of this module that makes files.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from refbus import locks
from refbus.errors import Code, SetupError, StoreError
from refbus.said import placed, reason_of, said

TEMPORARY: Final = ".part-"
_CHUNK: Final = 1 << 20
_WINDOWS: Final[bool] = os.name == "nt"
_AS_IT_IS: Final[int] = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
"""No link is followed, and no byte is changed; a system that has no such flag does neither, or needs no asking."""


def write_whole(path: Path, content: bytes, *, flush: bool = True, still: Callable[[], bool] = lambda: True) -> None:
    """Write `content` to `path` in one step, making folders as needed. Raises StoreError.

    Without `flush` a power failure may leave it empty or old; only for what is verified before use and can come again.
    `still` is asked when the content is on the disk, right before it takes its place: what is there stays unless it is
    so. Between answer and step is nothing that waits, so that whoever is frozen is most likely frozen before it.
    """
    with store_errors(path.name), _draft(path, content, flush=flush) as draft:
        if not still():
            draft.unlink()
            return
        draft.replace(path)
        if flush:
            flush_folder(path.parent)


def write_first(path: Path, content: bytes) -> bool:
    """Write `content` to `path` in one step unless a file is there; return whether it was written. Raises StoreError.

    Of several processes that do so at once one writes: what all of them then read is the same.
    """
    with store_errors(path.name), _draft(path, content, flush=True) as draft, alone_in(path.parent):
        if path.exists():
            draft.unlink()
            return False
        draft.replace(path)
        flush_folder(path.parent)
        return True


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder against everybody else who asks for it so, to read what is in it and write it anew.

    It waits, and is not taken twice by one. Raises StoreError.
    """
    with store_errors(folder.name):
        make_folder(folder)
        handle = os.open(_stand_in(folder), os.O_RDWR | os.O_CREAT, 0o600) if _WINDOWS else _open_folder(folder)
    try:
        with store_errors(folder.name):
            locks.take(handle)
        yield
    finally:
        os.close(handle)


def read_limited(path: Path, limit: int) -> bytes:
    """Return the bytes of a file that may have at most `limit`, judged before it is read.

    Raises SetupError: FILE_UNREADABLE, TOO_LARGE.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > limit:
                raise SetupError(Code.TOO_LARGE, placed(path.name, said("at most %(most)s bytes", most=limit)))
            content = file.read(limit + 1)
    except OSError as error:
        raise SetupError(Code.FILE_UNREADABLE, placed(path.name, reason_of(error))) from None
    if len(content) > limit:
        raise SetupError(Code.TOO_LARGE, placed(path.name, said("at most %(most)s bytes", most=limit)))
    return content


def copy_whole(source: Path, target: Path) -> bytes:
    """Copy a file of any size to the new file `target`; return the SHA-256 of what was copied. Raises StoreError."""
    digest = hashlib.sha256()
    with store_errors(target.name):
        make_folder(target.parent)
        with source.open("rb") as reading, _new(target) as writing:
            while chunk := reading.read(_CHUNK):
                digest.update(chunk)
                writing.write(chunk)
            writing.flush()
            os.fsync(writing.fileno())
    return digest.digest()


def create(path: Path) -> IO[bytes]:
    """Open a file for writing that must not exist yet. Raises OSError."""
    return _new(path)


def append_lines(path: Path, lines: bytes) -> None:
    """Add whole lines to a file, on the disk when it returns; a line that a stop left torn is ended first.

    Raises StoreError.
    """
    with store_errors(path.name):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _AS_IT_IS, 0o600)
        with os.fdopen(handle, "r+b") as file:
            make_private(path)
            file.write(b"" if _ends_well(file) else b"\n")
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        flush_folder(path.parent)


def open_lock(path: Path) -> IO[bytes]:
    """Open a lock file, made when it is not there, and keep it open: the lock ends with it. Raises OSError."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")


def prepare_database(path: Path) -> None:
    """Make sure that a database file and what SQLite puts beside it are for the owner alone, before it is opened.

    SQLite gives the write-ahead log the mode of the database. Raises StoreError.
    """
    with store_errors(path.name):
        make_folder(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        for name in ("", "-wal", "-shm"):
            file = path.with_name(path.name + name)
            if file.exists():
                make_private(file)


def make_folder(path: Path) -> None:
    """Make a folder, and what is missing above it, for the owner alone; one that exists is left as it is.

    Raises OSError.
    """
    if path.is_dir():
        return
    make_folder(path.parent)
    with suppress(FileExistsError):  # another process was faster
        path.mkdir(mode=0o700)
        make_private(path, 0o700)
        flush_folder(path.parent)


def make_private(path: Path, mode: int = 0o600) -> None:
    """Take a file or folder away from everybody but its owner; where there are modes. Raises OSError."""
    try:
        path.chmod(mode)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.EROFS}:
            raise


def is_private(mode: int) -> bool:
    """Whether a file of this mode is its owner's alone; True on Windows, whose modes say nothing of who may read."""
    return _WINDOWS or not mode & (stat.S_IRWXG | stat.S_IRWXO)


def flush_folder(path: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    if _WINDOWS:  # there is no such call there; the file system journals names by itself
        return
    folder = _open_folder(path)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot flush a folder has nothing better to offer
            raise
    finally:
        os.close(folder)


def flush_file(path: Path) -> None:
    """Make a file and its name durable. Raises OSError."""
    _flush(path)
    flush_folder(path.parent)


def flush_tree(folder: Path) -> None:
    """Make a folder with everything below it durable. Raises OSError."""
    for path in folder.rglob("*"):
        if path.is_dir():
            flush_folder(path)
        elif path.is_file():
            _flush(path)
    flush_folder(folder)


def remove_drafts(folder: Path, prefixes: tuple[str, ...] = (TEMPORARY,)) -> None:
    """Remove what a killed process left half written below `folder`. Raises StoreError."""
    with store_errors(folder.name):
        for path in folder.rglob("*"):
            if path.name.startswith(prefixes) and path.is_file():
                path.unlink(missing_ok=True)


def sha256_of(path: Path) -> bytes:
    """Return the SHA-256 of a file of any size. Raises SetupError FILE_UNREADABLE."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise SetupError(Code.FILE_UNREADABLE, placed(path.name, reason_of(error))) from None


def sha256_of_all(paths: Iterable[Path]) -> bytes:
    """Return the SHA-256 of names and contents of these files in their order. Raises OSError."""
    whole = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        whole.update(f"{path.name}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.digest()


def is_full(error: OSError) -> bool:
    """Whether an error says that a disk, or somebody's share of it, is full."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def store_errors(what: str = "files") -> Iterator[None]:
    """Turn a failing disk into StoreError STORE_FULL or STORE_FAILED, naming `what`."""
    try:
        yield
    except OSError as error:
        code = Code.STORE_FULL if is_full(error) else Code.STORE_FAILED
        raise StoreError(code, placed(what, reason_of(error))) from None


@contextmanager
def _draft(path: Path, content: bytes, *, flush: bool) -> Iterator[Path]:
    """Make a file beside `path` with this content; it goes again when it did not come to be `path`."""
    make_folder(path.parent)
    draft = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        with _new(draft) as file:
            file.write(content)
            if flush:
                file.flush()
                os.fsync(file.fileno())
        yield draft
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _new(path: Path) -> IO[bytes]:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _AS_IT_IS, 0o600)
    with suppress(OSError):  # a medium without modes
        path.chmod(0o600)
    return os.fdopen(handle, "wb")


def _flush(path: Path) -> None:
    with path.open("r+b" if _WINDOWS else "rb") as file:  # Windows flushes only what is open for writing
        os.fsync(file.fileno())


def _ends_well(file: IO[bytes]) -> bool:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 1))
    return file.read(1) in {b"", b"\n"}


def _open_folder(path: Path) -> int:
    return os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))


def _stand_in(folder: Path) -> Path:
    """Return the file that is locked for a folder where no folder can be opened: beside it, so that nobody lists it."""
    whole = folder.resolve()
    return whole.with_name(f".{whole.name}.alone")
