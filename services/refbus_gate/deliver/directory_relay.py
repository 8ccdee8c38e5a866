"""Hands the directory on: what others put into `<cc>.federation` reaches the gateways on `<cc>.directory`.

Files are checked here as everywhere; whole versions are handed on once they are in force at this node, in publishing
order, however they came. A marker file says which one was handed on last, so a crash in between only repeats it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from refbus.bus.port import Reader, Record
from refbus.each import each
from refbus.errors import MalformedError, RefbusError, SetupError, TransportError
from refbus.files import write_whole
from refbus.trust.member.profile import is_profile
from refbus.trust.reader.loader import TrustStore
from refbus.wire.logs import WitnessMail
from refbus.wire.transport import DirectoryFile
from refbus_gate.deliver.profile_relay import ProfileRelay

_log = logging.getLogger("refbus.gate.directory")
_BATCH = 500


class DirectoryRelay:
    """Runs in the follower's thread, as both feed one trust store through `take`."""

    def __init__(
        self,
        trust: TrustStore,
        take: Callable[[bytes], object],
        connect: Callable[[], Reader],
        publish: Callable[[Sequence[bytes]], None],
        marker: Path,
        *,
        profiles: ProfileRelay | None = None,
    ) -> None:
        self._profiles = profiles
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
        reader = self._reader = self._reader or self._connect()
        each(reader.read(_BATCH, 0.0), self._take_in, _left_out, stops=(SetupError,))
        if self._profiles is not None:
            self._profiles.turn()
        newest = self._in_force()
        if newest is None or newest == self._handed_on():
            return
        try:
            self._publish([DirectoryFile(path, content).encode() for path, content in self._trust.files()])
        except TransportError as error:
            _log.warning("the directory could not be handed on yet: %s", error.code)
            return
        if self._profiles is not None:
            self._profiles.again()
        write_whole(self._marker, newest)

    def _take_in(self, record: Record) -> None:
        profile = _profile_in(record.value)
        if profile is None and not _is_mail(record.value):
            self._take(record.value)
        elif profile is not None and self._profiles is not None:
            self._profiles.take(profile)

    def _in_force(self) -> bytes | None:
        """Return what tells one publication from another: a republished version has a new end."""
        try:
            latest = self._trust.history.latest
        except RefbusError:
            return None
        return f"{latest.version} {latest.expires_at_ms}\n".encode()

    def _handed_on(self) -> bytes | None:
        return self._marker.read_bytes() if self._marker.exists() else None

    def close(self) -> None:
        """Free the connection."""
        if self._reader is not None:
            self._reader.close()
        if self._profiles is not None:
            self._profiles.close()


def _left_out(record: Record, error: RefbusError) -> None:
    _log.error("a record of the federation at offset %d does not count: %s", record.offset, error.code)


def _profile_in(value: bytes) -> DirectoryFile | None:
    """Return the file in a record when it is a profile."""
    try:
        file = DirectoryFile.parse(value)
    except MalformedError:
        return None
    return file if is_profile(file.path) else None


def _is_mail(value: bytes) -> bool:
    """Whether a record is for the auditor, who reads the same topic."""
    try:
        WitnessMail.parse(value)
    except MalformedError:
        return False
    return True
