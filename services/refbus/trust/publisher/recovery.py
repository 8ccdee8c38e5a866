"""A repository of the directory that came from a backup: what it lacks comes from what members have seen.

Readers take no version that is lower than one that they had, and no other content under a version that they had. So a
publisher that goes on from an older copy either stands still until it has numbered past them, or forks the directory.
Members keep what was published, under its signatures: each copy is verified from the pinned root, and the newest wins.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from refbus.errors import Code, MalformedError, SetupError, UntrustedError
from refbus.files import write_whole
from refbus.trust.layout import TIMESTAMP, is_metadata, list_files, metadata_file, publishing_order
from refbus.trust.publisher.ceremony import FederationPaths
from refbus.trust.publisher.export import read_publication
from refbus.trust.publisher.repository import Repository
from refbus.trust.reader import client
from refbus.trust.reader.loader import TrustStore


@dataclass(frozen=True, slots=True)
class Publication:
    """What one place has of the directory, verified: its versions, and every file that it is made of."""

    version: int
    timestamp_version: int
    files: Mapping[str, bytes]

    @property
    def number(self) -> tuple[int, int]:
        """What a later publication is compared by."""
        return self.version, self.timestamp_version


def read_verified(place: Path, root: bytes, now_ms: int) -> Publication:
    """Return the newest publication in `place`: a repository, an export, or the `directory` folder of a member.

    It is judged at its own time: what has ended since was seen all the same. Raises UntrustedError DIRECTORY_INVALID,
    UncheckableError DIRECTORY_INCOMPLETE, MalformedError, SetupError FILE_UNREADABLE, StoreError.
    """
    is_member = (place / "incoming").is_dir()
    files = dict(TrustStore(place).files() if is_member else read_publication(place))
    if TIMESTAMP not in files:
        raise SetupError(Code.FILE_UNREADABLE, f"{place.name}: nothing of the directory was published there")
    files.setdefault(metadata_file("root", 1), root)
    with tempfile.TemporaryDirectory(prefix="refbus-directory-") as temporary:
        incoming = Path(temporary, "incoming")
        for path, content in files.items():
            write_whole(incoming / path, content, flush=False)
        at_ms = min(now_ms, client.timestamp_end_ms(files[TIMESTAMP]) - 1000)
        found = client.verify(Path(temporary, "tuf"), incoming, root, at_ms)
    roots = {path for path in files if path.endswith(".root.json")}
    kept = {path: files[path] for path in found.files | roots if path in files}
    return Publication(found.version, found.timestamp_version, kept)


def require_newest(paths: FederationPaths, seen: Sequence[Path], now_ms: int) -> None:
    """Raise UntrustedError DIRECTORY_BEHIND when a member has seen a newer publication than the repository has.

    And as `read_verified`.
    """
    root = paths.root.read_bytes()
    here = Repository(paths.repository).numbers()
    for place in seen:
        other = read_verified(place, root, now_ms)
        if other.number > here:
            raise UntrustedError(Code.DIRECTORY_BEHIND, f"{place.parent.name} has seen version {other.version}")


def restore(paths: FederationPaths, places: Sequence[Path], now_ms: int) -> Publication:
    """Bring the repository up to the newest publication that it or any of `places` has; return that.

    Every place is verified before anything is written. Files are written in publishing order, the timestamp last, so a
    stop leaves readers with what was there and the same call may be given again. Nothing that is here is replaced by
    something older. Raises as `read_verified`; UntrustedError DIRECTORY_FORKED when two places have different metadata
    under one version.
    """
    root = paths.root.read_bytes()
    repository = Repository(paths.repository)
    given = [read_verified(place, root, now_ms) for place in places]
    if (paths.repository / TIMESTAMP).is_file():
        with suppress(UntrustedError, MalformedError):  # damaged here: what others have takes its place
            given.append(read_verified(paths.repository, root, now_ms))
    newest = max(given, key=lambda each: each.number)
    _require_one_history(given, dict(list_files(paths.repository)) if paths.repository.is_dir() else {}, newest)
    for path in publishing_order(newest.files):
        target = paths.repository / path
        if not target.is_file() or target.read_bytes() != newest.files[path]:
            write_whole(target, newest.files[path])
    repository.note_published()
    return newest


def _require_one_history(given: Sequence[Publication], here: Mapping[str, bytes], newest: Publication) -> None:
    """Two contents under one versioned name: a ceremony went on from an old copy, and both were signed."""
    versioned = {path: content for path, content in newest.files.items() if is_metadata(path) and path != TIMESTAMP}
    for other in (*(each.files for each in given), here):
        for path, content in versioned.items():
            if other.get(path, content) != content and client.is_metadata_document(other[path]):
                raise UntrustedError(Code.DIRECTORY_FORKED, path)
