"""Target files of one version, each read and compared with its hash when somebody asks for it."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from refbus.core.ids import OrgId
from refbus.crypto.framing import sha256
from refbus.errors import Code, StoreError, UntrustedError
from refbus.recent import Recent
from refbus.said import placed, said
from refbus.trust.layout import ENROLMENT, is_target, target_file
from refbus.trust.member.enrolment_bin import bin_of, parse_bin

Read = Callable[[str, str], bytes]
"""Returns the content of a target path with this SHA-256 (hex). Raises StoreError."""
_NOT_NOW: Final = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EINTR}
_bins: Final = Recent[tuple[str, str], Mapping[OrgId, bytes]](256)


class Contents(Mapping[str, bytes]):
    """The contents of `names` (target path to SHA-256, hex), by target path. What is read raises StoreError."""

    def __init__(self, names: Mapping[str, str], read: Read) -> None:
        self.names = names
        self._read = read

    def only(self, names: Mapping[str, str]) -> Contents:
        """Return those of other `names`, read in the same way."""
        return Contents(names, self._read)

    @classmethod
    def held(cls, targets: Mapping[str, bytes]) -> Contents:
        """Return contents that are in memory."""
        names = {path: sha256(content).hex() for path, content in targets.items()}
        return cls(names, lambda path, _: targets[path])

    def __getitem__(self, path: str) -> bytes:
        return self._read(path, self.names[path])

    def __contains__(self, path: object) -> bool:
        return path in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def enrolment(self, org_id: OrgId) -> bytes | None:
        """Return what the anchors signed about an organisation, from its own file or its bin; None when nothing.

        Raises UntrustedError DIRECTORY_INVALID when both say something and not the same, MalformedError, StoreError.
        """
        own = self.get(f"{ENROLMENT}/{org_id}.json")
        binned = self._bin(bin_of(org_id)).get(org_id)
        if own is not None and binned is not None and own != binned:
            raise UntrustedError(Code.DIRECTORY_INVALID, said("id, country or role is not what the anchors enrolled"))
        return binned if own is None else own

    def _bin(self, path: str) -> Mapping[OrgId, bytes]:
        digest = self.names.get(path)
        if digest is None:
            return {}
        found = _bins.get((path, digest))
        if found is None:
            found = parse_bin(path, self[path])
            _bins.put((path, digest), found)
        return found


def is_for_now(error: Exception) -> bool:
    """Whether it is this machine that is short of something: what could not be read may be whole."""
    return isinstance(error, OSError) and error.errno in _NOT_NOW


def read_from(*places: Callable[[str, str], Path], damaged: Callable[[], None] = lambda: None) -> Read:
    """Return a reader that takes a content from the first place that has it whole.

    `places` say where a target path with a SHA-256 lies. `damaged` is called when it is whole nowhere; what could not
    be read just now, for want of a handle or of memory, may be whole.
    """

    def read(path: str, digest: str) -> bytes:
        good = is_target(target_file(path, digest))  # whoever wrote the names: nothing else is joined to a folder
        gone = True
        for place in places if good else ():
            try:
                content = place(path, digest).read_bytes()
            except OSError as error:
                if is_for_now(error):
                    gone = False
                    continue
                content = b""
            if sha256(content).hex() == digest:
                return content
            with suppress(OSError):  # so that it is written again when it comes again
                place(path, digest).unlink(missing_ok=True)
        if gone:
            damaged()
        raise StoreError(Code.STORE_FAILED, placed(path, said("a version that was kept here is damaged")))

    return read
