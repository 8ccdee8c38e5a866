"""A change of the directory between two commands: read what was handed over, stage it, say who must sign."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from refbus.clock import machine_ms
from refbus.errors import Code, SetupError
from refbus.files import read_limited
from refbus.output import say
from refbus.trust.publisher.ceremony import FederationPaths
from refbus.trust.publisher.repository import Publication, Repository

MAX_INPUT_BYTES = 1_048_576


def read_passphrase(path: Path) -> str:
    """Return the first line of a passphrase file. Raises SetupError when it is empty or cannot be read."""
    text = read_text(path).split("\n", 1)[0].rstrip("\r")
    if not text:
        raise SetupError(Code.USAGE, f"{path.name} is empty")
    return text


def stage(paths: FederationPaths, change: Callable[[Publication], None]) -> None:
    """Add a change to what is staged, and say which signatures it needs."""
    publication = staged(paths)
    change(publication)
    shutil.rmtree(paths.staged, ignore_errors=True)
    publication.save(paths.staged)
    for line in publication.summary():
        say(line)
    needed = ", ".join(f"{role}: {count}" for role, count in sorted(publication.missing().items()))
    say(f"staged; signatures needed: {needed}")


def staged(paths: FederationPaths) -> Publication:
    """Return what is staged, an empty change where nothing is."""
    return Publication.resume(Repository(paths.repository), paths.staged, machine_ms())


def read_file(path: Path) -> bytes:
    """Return a file that was handed over. Raises SetupError FILE_UNREADABLE."""
    return read_limited(path, MAX_INPUT_BYTES)


def read_text(path: Path) -> str:
    """Return a text that was handed over. Raises SetupError FILE_UNREADABLE."""
    try:
        return read_file(path).decode()
    except UnicodeDecodeError:
        raise SetupError(Code.FILE_UNREADABLE, f"{path.name}: not UTF-8") from None
