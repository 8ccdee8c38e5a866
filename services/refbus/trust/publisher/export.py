"""The repository as one file, for places without a network: a plain tar of the files in publishing order.

Nothing in it is trusted because of where it came from: a reader verifies it like files from a topic.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from refbus.errors import Code, MalformedError, SetupError
from refbus.files import write_whole
from refbus.trust.layout import check_file, list_files

MAX_FILES = 20_000
MAX_BYTES = 512 * 1024 * 1024


def write_archive(files: Iterable[tuple[str, bytes]], path: Path) -> None:
    """Write `files` (repository path, content) as a tar; the same files give the same bytes. Raises StoreError."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))
    write_whole(path, buffer.getvalue())


def write_folder(files: Iterable[tuple[str, bytes]], folder: Path) -> None:
    """Write `files` below `folder`, the timestamp last. Raises StoreError."""
    for name, content in files:
        write_whole(folder / name, content)


def read_publication(path: Path) -> list[tuple[str, bytes]]:
    """Return the files of a folder or archive, for `TrustStore.refresh_from`.

    Raises MalformedError (an entry that is none of the directory's, or too much), SetupError FILE_UNREADABLE.
    """
    return list_files(path) if path.is_dir() else _read_archive(path)


def _read_archive(path: Path) -> list[tuple[str, bytes]]:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise MalformedError(Code.TOO_LARGE, "directory archive")
        with tarfile.open(path, mode="r:") as archive:
            return _entries(archive)
    except OSError as error:
        raise SetupError(Code.FILE_UNREADABLE, f"{path.name}: {error.strerror}") from None
    except (tarfile.TarError, ValueError):
        raise MalformedError(Code.MALFORMED, "directory archive") from None


def _entries(archive: tarfile.TarFile) -> list[tuple[str, bytes]]:
    files: list[tuple[str, bytes]] = []
    for entry in archive:
        source = archive.extractfile(entry) if entry.isreg() else None
        if source is None or len(files) >= MAX_FILES:
            raise MalformedError(Code.MALFORMED, "directory archive: an entry that is no plain file, or too many")
        content = source.read()
        check_file(entry.name, content)
        files.append((entry.name, content))
    return files
