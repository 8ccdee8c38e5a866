"""Counts that do not depend on the machine: calls of our own functions, statements of SQL, values opened at rest."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from sqlalchemy import Connection, Engine, event

import refbus
from refbus.database.port import WRITES

OURS = str(Path(refbus.__file__).resolve().parents[1])
"""The folder of our packages: what lies below it is a function of ours."""
_STANDS_IN = "refbus/bus/memory"
"""How the names of files begin that stand in for a broker and its client, so that they are not counted."""
_OPENED = frozenset({("refbus/crypto/secretbox.py", "StateKey.open")})


@dataclass(slots=True)
class Counts:
    """What happened while it was counted. `calls`: by file and function; a generator counts each time it goes on.

    `commits`: of transactions that write, each of which flushes the disk. `syncs`: files and folders that we flush.
    """

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    statements: int = 0
    commits: int = 0
    syncs: int = 0

    @property
    def flushes(self) -> int:
        """All flushes of the disk."""
        return self.commits + self.syncs

    @property
    def total(self) -> int:
        """All calls of functions of ours."""
        return self.calls.total()

    @property
    def opened(self) -> int:
        """How many sealed values of a store were opened."""
        return sum(self.calls[each] for each in _OPENED)


@contextmanager
def counting() -> Iterator[Counts]:
    """Count what this thread does inside the block."""
    counts = Counts()

    def called(frame: FrameType, what: str, about: object) -> None:
        code = frame.f_code
        counts.syncs += what == "c_call" and about is os.fsync
        if what == "call" and code.co_filename.startswith(OURS):
            file = code.co_filename[len(OURS) + 1 :]
            if not file.startswith(_STANDS_IN):
                counts.calls[file, code.co_qualname] += 1

    def executed(*_: object) -> None:
        counts.statements += 1

    def committed(connection: Connection) -> None:
        counts.commits += bool(connection.get_execution_options().get(WRITES, False))

    event.listen(Engine, "before_cursor_execute", executed)
    event.listen(Engine, "commit", committed)
    before = sys.getprofile()
    sys.setprofile(called)
    try:
        yield counts
    finally:
        sys.setprofile(before)
        event.remove(Engine, "before_cursor_execute", executed)
        event.remove(Engine, "commit", committed)
