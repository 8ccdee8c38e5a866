"""What a store may ask of its database, whether that is a file of its home or schema of a server."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from refbus.errors import Code, StoreError
from refbus.said import said

WAIT_S: Final = 60
"""How long a writer waits for those before it, in this process and in others, before STORE_BUSY."""
WRITES: Final = "refbus_writes"
"""Option of a connection inside a transaction that writes."""


@dataclass(frozen=True, slots=True)
class StoreKind:
    """How the databases of one kind of store are kept.

    `migrations`: the folder of its versions. `wipe`: what is deleted is overwritten, where the database can.
    `shared`: several processes work with the file at once; otherwise a lock file beside it lets one in. `page_bytes`:
    of a new file.
    """

    migrations: Path
    wipe: bool = False
    shared: bool = False
    page_bytes: int = 4096


class OneWriter:
    """The turn of a writer among the threads of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Wait for the turn and have it. Raises StoreError STORE_BUSY."""
        if not self._lock.acquire(timeout=WAIT_S):
            raise StoreError(Code.STORE_BUSY, said("waited %(seconds)s s for other writers", seconds=WAIT_S))
        try:
            yield
        finally:
            self._lock.release()


class Database(ABC):
    """One open database: `writing()` and `reading()` give connections inside a transaction.

    Threads may share it. Reads run side by side, each on a connection of its own with one consistent state, and block
    no writer. Writers go one after the other and wait at most `WAIT_S` for their turn. Within its own writing
    transaction a thread begins no second one. A commit that returned is on disk.
    """

    @abstractmethod
    def writing(self) -> AbstractContextManager[Connection]:
        """Give a connection that alone writes; commit at the end of the block, roll back on any exception.

        Raises StoreError, STORE_BUSY when the writers before it took longer than `WAIT_S`.
        """

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection that sees one consistent state and writes nothing. Raises StoreError."""

    @abstractmethod
    def change_mark(self) -> int:
        """Return a number that another transaction makes a different one; far cheaper than a query."""

    @abstractmethod
    def require_lead(self) -> None:
        """Raise StoreError STORE_TAKEN_OVER when another process may have begun to work with it.

        That is for what is done outside the database because of what was read in it: writes are fenced in any case.
        """

    @abstractmethod
    def copy_to(self, target: Path) -> None:
        """Write a consistent copy to `target`, a file of the same tables, while others may write. Raises StoreError."""

    @abstractmethod
    def require_sound(self) -> None:
        """Raise StoreError STORE_FAILED unless the database finds itself consistent."""

    @abstractmethod
    def scrub(self) -> None:
        """Let no older version of a row be left where the database itself can take it away. Raises StoreError."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection and give the database up."""
