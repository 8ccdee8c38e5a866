"""Hands the directory on: what others put into `<cc>.federation` reaches the gateways on `<cc>.directory`.

Files are checked here as everywhere; whole versions are handed on once they are in force at this node, in publishing
order. A marker file says that something is still to be handed on, so a crash in between only repeats it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from refbus.bus.port import Reader
from refbus.errors import TransportError
from refbus.trust.loader import TrustStore
from refbus.wire.transport import DirectoryFile

_log = logging.getLogger("refbus.gate.directory")
_BATCH = 500


class DirectoryRelay:
    """Runs in the follower's thread, as both feed one trust store. `take` tells whether a version came into force."""

    def __init__(
        self,
        trust: TrustStore,
        take: Callable[[bytes], bool],
        connect: Callable[[], Reader],
        publish: Callable[[Sequence[bytes]], None],
        marker: Path,
    ) -> None:
        self._trust = trust
        self._take = take
        self._connect = connect
        self._publish = publish
        self._marker = marker
        self._reader: Reader | None = None

    def turn(self) -> None:
        """Take what has arrived and hand on what came into force; with the broker away, again at the next turn.

        Raises StoreError, SetupError.
        """
        owed = self._marker.exists()
        reader = self._reader = self._reader or self._connect()
        records = reader.read(_BATCH, 0.0)
        if records and not owed:
            self._marker.touch()
        moved = [self._take(record.value) for record in records]
        if owed or any(moved):
            try:
                self._publish([DirectoryFile(path, content).encode() for path, content in self._trust.files()])
            except TransportError as error:
                _log.warning("the directory could not be handed on yet: %s", error.code)
                return
        if owed or records:
            self._marker.unlink(missing_ok=True)

    def close(self) -> None:
        """Free the connection."""
        if self._reader is not None:
            self._reader.close()
