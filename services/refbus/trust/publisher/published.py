"""What was published last, in a file beside the repository: an older or emptied copy in its place is found by it."""

from __future__ import annotations

from pathlib import Path

from refbus.errors import Code, UntrustedError
from refbus.files import write_whole

Numbers = tuple[int, int]
"""The versions of snapshot and timestamp."""


def mark_of(folder: Path) -> Path:
    """Return the file of the repository in `folder`."""
    return folder.with_name(f"{folder.name}.published")


def require_not_behind(folder: Path, found: Numbers) -> None:
    """Raise UntrustedError DIRECTORY_BEHIND when the repository has less than what was published from it."""
    known = _read(mark_of(folder))
    if found < known:
        detail = f"version {known[0]}.{known[1]} was published from here; here is {found[0]}.{found[1]}"
        raise UntrustedError(Code.DIRECTORY_BEHIND, detail)


def note(folder: Path, found: Numbers) -> None:
    """Note what is published. Raises StoreError."""
    if found > _read(mark_of(folder)):
        write_whole(mark_of(folder), f"{found[0]} {found[1]}\n".encode())


def _read(mark: Path) -> Numbers:
    """Return the versions in a mark; zeros when there is none, or a damaged one."""
    try:
        words = mark.read_bytes().split()
    except OSError:
        return 0, 0
    good = len(words) == 2 and all(word.isdigit() and len(word) <= 12 for word in words)
    return (int(words[0]), int(words[1])) if good else (0, 0)
