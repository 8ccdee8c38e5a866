"""Folders that thousands of tests begin with: read once in a process, and written anew for each of them.

What is read stays as it was then: give only folders that nobody changes. Modes and times are kept, as `copytree` does,
in a third of its system calls.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    content: bytes
    mode: int
    times: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Mould:
    """The folders and files below one folder, each folder before what is in it."""

    mode: int
    folders: tuple[tuple[str, int], ...]
    files: tuple[_File, ...]

    def pour(self, target: Path) -> None:
        """Write everything below `target`, which is made too; folders that are there stay, and files of other names."""
        root = str(target)
        os.makedirs(target.parent, exist_ok=True)
        for name, mode in (("", self.mode), *self.folders):
            with suppress(FileExistsError):
                os.mkdir(f"{root}/{name}", mode)
        for file in self.files:
            descriptor = os.open(f"{root}/{file.name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, file.mode)
            try:
                os.write(descriptor, file.content)
                os.fchmod(descriptor, file.mode)
                os.utime(descriptor, ns=file.times)
            finally:
                os.close(descriptor)


@cache
def mould(source: Path) -> Mould:
    """Return what is below a folder that nobody changes, read once."""
    return taken_from(source)


def taken_from(source: Path) -> Mould:
    """Return what is below a folder now."""
    folders, files = list[tuple[str, int]](), list[_File]()
    for path in sorted(source.rglob("*")):
        found, name = path.stat(), path.relative_to(source).as_posix()
        mode = stat.S_IMODE(found.st_mode)
        if path.is_dir():
            folders.append((name, mode))
        else:
            files.append(_File(name, path.read_bytes(), mode, (found.st_atime_ns, found.st_mtime_ns)))
    return Mould(stat.S_IMODE(source.stat().st_mode), tuple(folders), tuple(files))
