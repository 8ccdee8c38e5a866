"""Hands profiles on: what an organisation says of itself reaches the gateways of every country (docs/spec/profiles.md).

Own organisations write into `<cc>.profiles`, gates of other countries into `<cc>.federation`. The newest valid one of
each organisation is kept as a file, and goes through the outgoing rows of the store: to the own gateways, and one of an
own organisation to the other countries too. With each publication of the directory all go to the own gateways again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from refbus.bus.port import Reader, Record
from refbus.clock import Clock
from refbus.core.directory import Directory
from refbus.core.ids import CountryCode, OrgId
from refbus.each import each
from refbus.errors import Code, MalformedError, RefbusError, SetupError, TransportError
from refbus.files import read_limited, write_whole
from refbus.node.store import outgoing
from refbus.node.store.node import NodeStore
from refbus.node.store.outgoing import Outgoing
from refbus.trust.member.profile import is_newer, is_profile, profile_path, read_profile, still_counts
from refbus.wire.profile import SignedProfile, decode_signed
from refbus.wire.transport import DirectoryFile

_log = logging.getLogger("refbus.gate.profiles")
_BATCH: Final = 500
PAUSE_MS: Final = 60_000
"""How long after handing on a profile the next one of the same organisation waits; the newest of them goes then."""
MOST: Final = 5_000
"""Organisations whose profiles are kept. More than there will be: a bound, no plan."""
_MOST_BYTES: Final = 16_384


@dataclass(slots=True)
class ProfileRelay:
    """Runs in the follower's thread. `countries`: where there is a way to. `wrote` is told of new outgoing rows."""

    country: CountryCode
    store: NodeStore
    directory: Callable[[], Directory | None]
    countries: Callable[[], Iterable[CountryCode]]
    connect: Callable[[], Reader]
    folder: Path
    clock: Clock
    wrote: Callable[[], None] = lambda: None
    _reader: Reader | None = None
    _kept: dict[OrgId, tuple[SignedProfile, bytes]] | None = None
    _closed: Code | None = None
    _pending: set[OrgId] = field(default_factory=set)
    _handed_ms: dict[OrgId, int] = field(default_factory=dict)

    def turn(self) -> None:
        """Take what own organisations wrote, and hand on what is new. Raises StoreError."""
        directory = self.directory()
        if directory is None:
            return
        try:
            reader = self._reader = self._reader or self.connect()
            each(reader.read(_BATCH, 0.0), self._take_own, _left_out)
        except (SetupError, TransportError) as error:  # not made yet, or closed to us: it stops nothing else
            self._tell_closed(error)
        self._hand_on(directory)

    def take(self, file: DirectoryFile) -> None:
        """Take a profile that another country's gate handed on. Raises RefbusError for one that does not count."""
        directory = self.directory()
        if directory is not None:
            signed = read_profile(file, directory, self.clock.now_ms())
            if signed.profile.organisation[:2] != self.country:
                self._keep(signed, file.content, directory)

    def again(self) -> None:
        """Let all go to the own gateways once more: a newcomer needs no old record. Raises StoreError."""
        directory = self.directory()
        if directory is None:
            return
        counting = [content for signed, content in self._all().values() if still_counts(signed, directory)]
        self._add([self._row(self.country, "directory", content) for content in counting])

    def close(self) -> None:
        """Free the connection."""
        if self._reader is not None:
            self._reader.close()

    def _tell_closed(self, error: RefbusError) -> None:
        """Say once that the topic cannot be read, and begin anew with a connection of its own."""
        if self._closed is not error.code:
            _log.error("profiles cannot be read: %s; `refbus-ops topics apply` makes the topic", error.code)
        self._closed = error.code
        self.close()
        self._reader = None

    def _take_own(self, record: Record) -> None:
        directory = self.directory()
        file = DirectoryFile.parse(record.content())
        if directory is None or not is_profile(file.path):
            raise MalformedError(Code.MALFORMED, "no profile")
        signed = read_profile(file, directory, self.clock.now_ms())
        if signed.profile.organisation[:2] == self.country:
            self._keep(signed, file.content, directory)

    def _keep(self, signed: SignedProfile, content: bytes, directory: Directory) -> None:
        """Keep the newest one. What is older, or is here already, is no error: everything is sent again."""
        org, kept = signed.profile.organisation, self._all()
        before = kept.get(org)
        known = before is not None and still_counts(before[0], directory) and not is_newer(signed, before[0])
        if known or (before is None and len(kept) >= MOST):
            return
        kept[org] = (signed, content)
        self._pending.add(org)

    def _hand_on(self, directory: Directory) -> None:
        """Hand on what is new. The rows come first and then the file: a crash in between repeats, and loses nothing."""
        steady_ms = self.clock.steady_ms()
        for org in sorted(self._pending):
            last_ms = self._handed_ms.get(org)
            if last_ms is not None and steady_ms - last_ms < PAUSE_MS:
                continue
            signed, content = self._all()[org]
            if still_counts(signed, directory):
                own = org[:2] == self.country
                abroad = [other for other in self.countries() if own and other != self.country]
                rows = [self._row(self.country, "directory", content)]
                self._add(rows + [self._row(other, "federation", content) for other in abroad])
            write_whole(self.folder / org, content)
            self._handed_ms[org] = steady_ms
            self._pending.discard(org)

    def _row(self, country: CountryCode, kind: str, content: bytes) -> Outgoing:
        topic = f"{country}.{kind}"
        value = DirectoryFile(profile_path(decode_signed(content).profile.organisation), content).encode()
        return Outgoing(country, topic, value, self.store.name("lane", topic.encode()))

    def _add(self, rows: list[Outgoing]) -> None:
        with self.store.database.writing() as connection:
            outgoing.add(connection, self.store, rows, self.clock.now_ms())
        self.wrote()

    def _all(self) -> dict[OrgId, tuple[SignedProfile, bytes]]:
        """Return what is kept, read from the folder once; a file that is damaged comes again within a week."""
        if self._kept is None:
            self._kept = {}
            files = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
            each(files, self._read, lambda path, error: _log.error("%s is left out: %s", path.name, error.code))
        return self._kept

    def _read(self, path: Path) -> None:
        content = read_limited(path, _MOST_BYTES)
        signed = decode_signed(content)
        if self._kept is not None and path.name == signed.profile.organisation:
            self._kept[signed.profile.organisation] = (signed, content)


def _left_out(record: Record, error: RefbusError) -> None:
    _log.warning("a profile at offset %d does not count: %s %s", record.offset, error.code, error.detail)
