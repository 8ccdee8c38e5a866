"""Follows `<cc>.directory`: a verified version comes into force when the last of its files has arrived."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from refbus.bus.port import Reader
from refbus.core.directory import Directory, DirectoryHistory
from refbus.each import each
from refbus.errors import Code, RefbusError, SetupError, StoreError, TransportError
from refbus.trust.member.profile import is_profile
from refbus.trust.reader.assembly import Problem
from refbus.trust.reader.history import History
from refbus.trust.reader.loader import TrustStore
from refbus.wire.transport import DirectoryFile

_log = logging.getLogger("refbus.node.directory")
_BATCH = 500
_WAIT_S = 2.0
"""So long is waited for a record, which ends the wait; and a stop waits so long for the wait."""
_FIRST_S = 60.0


class DirectoryFollower:
    """Keeps the directory of this node current. `moved` is set whenever a newer version came into force."""

    def __init__(self, trust: TrustStore, connect: Callable[[], Reader], now_ms: Callable[[], int]) -> None:
        self._trust = trust
        self._connect = connect
        self._now_ms = now_ms
        self._reader: Reader | None = None
        self.moved = threading.Event()
        self.caught_up = threading.Event()

    def history(self) -> DirectoryHistory:
        """Return the versions in force. Raises UncheckableError before the first one."""
        history: History = self._trust.history
        return history

    def problems(self) -> tuple[Problem, ...]:
        """Return what the newest version leaves out, and why."""
        return self._trust.problems

    def newest(self) -> Directory | None:
        """Return the newest version, None before the first one."""
        try:
            return self._trust.history.latest
        except RefbusError:
            return None

    def first(self, also: Callable[[], None] = lambda: None) -> Directory:
        """Return the newest version, waiting a minute for the first one; `also` is done after each turn.

        Raises SetupError DIRECTORY_INVALID when none has come by then, StoreError.
        """
        deadline = time.monotonic() + _FIRST_S
        while (newest := self.newest()) is None:
            if time.monotonic() > deadline:
                raise SetupError(Code.DIRECTORY_INVALID, "no verified directory has arrived")
            self.turn()
            also()
        return newest

    def take(self, value: bytes) -> bool:
        """Take one record of the directory; True when it puts a newer version in force.

        Raises StoreError, SetupError.
        """
        try:
            file = DirectoryFile.parse(value)
            if is_profile(file.path):  # beside the directory, for gateways
                return False
            newer = self._trust.add_file(file.path, file.content, self._now_ms())
        except (StoreError, SetupError):
            raise
        except RefbusError as error:
            _log.info("a file of the directory does not count: %s", error.code)
            return False
        if newer is None:
            return False
        _log.info("directory version %d is in force", newer.version)
        self.moved.set()
        return True

    def turn(self, wait_s: float = _WAIT_S) -> None:
        """Take what has arrived. A file that is wrong is left out; the version before stays in force."""
        reader = self._reader = self._reader or self._connect()
        records = reader.read(_BATCH, wait_s)
        each(records, lambda record: self.take(record.value), _left_out, stops=(SetupError,))
        if not records and not self.caught_up.is_set() and _at_end(reader):
            self.caught_up.set()

    def run(self, stop: threading.Event, also: Callable[[], None]) -> None:
        """Follow until `stop` is set, and do `also` after each turn. Raises StoreError, SetupError."""
        while not stop.is_set():
            self.turn()
            also()
        if self._reader is not None:
            self._reader.close()


def _at_end(reader: Reader) -> bool:
    """Return whether everything was read; nothing came from a broker that is away, too.

    One that knows the topic no more, after a stall, is no better. A reader that never found it has said so itself.
    """
    try:
        return reader.position() >= reader.end_offset()
    except (SetupError, TransportError):
        return False


def _left_out(_: object, error: RefbusError) -> None:
    _log.error("a file of the directory could not be taken: %s %s", error.code, error.detail)
