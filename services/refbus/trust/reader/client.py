"""TUF verification of a set of files, by python-tuf's client (TUF specification §5): nothing unverified gets past here.

The updater keeps its own state (newest root, timestamp, snapshot), which is what refuses a rollback after a restart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
)
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from refbus.core.bounds import TIME_MS
from refbus.core.ids import CountryCode
from refbus.errors import Code, RefbusError, UncheckableError, UntrustedError
from refbus.files import make_folder, store_errors
from refbus.said import said
from refbus.trust.layout import (
    ENROLMENT,
    MAX_COUNTRIES,
    MAX_METADATA_BYTES,
    MAX_TIMESTAMP_BYTES,
    POLICY,
    TIMESTAMP,
    is_root,
    metadata_file,
    target_file,
)
from refbus.trust.member.enrolment_bin import is_bin
from refbus.trust.reader.assembly import Problem
from refbus.trust.reader.contents import Contents, read_from
from refbus.trust.reader.manifest import check_versions

PUBLISHED_FIELD = "x-refbus-published-ms"
"""Signed in the timestamp: when it was published, ms UTC. TUF itself states only when metadata ends."""
MAX_TARGETS = 4_000
"""Files that a country may list."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COUNTRY_TARGET = re.compile(r"[a-z]{2}/[a-z0-9-]{1,40}\.json")
_ENROLMENT_TARGET = re.compile(rf"{ENROLMENT}/[a-z0-9-]{{1,40}}\.json")
_CONFIG = UpdaterConfig(
    max_delegations=4,  # on the way to one target: the anchors' role and one country's
    root_max_length=MAX_METADATA_BYTES,
    timestamp_max_length=MAX_TIMESTAMP_BYTES,
    snapshot_max_length=MAX_METADATA_BYTES,
    targets_max_length=MAX_METADATA_BYTES,
)
_Signed = TypeVar("_Signed", Timestamp, Snapshot, Targets)


@dataclass(frozen=True, slots=True)
class Verified:
    """A snapshot that TUF accepts: its target files by target path, and the countries whose part it does not accept."""

    version: int
    timestamp_version: int
    published_at_ms: int
    expires_at_ms: int
    countries: tuple[CountryCode, ...]
    targets: Contents
    problems: tuple[Problem, ...]
    files: frozenset[str]  # the repository paths that this snapshot is made of


class _Folder(FetcherInterface):
    """Hands the updater the files that have arrived; a file that has not arrived is "not found"."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.read: set[str] = set()
        self.root: Callable[[], Root]  # the one in force; set by whoever asks

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = self._folder / url
        content = path.read_bytes() if path.is_file() else None
        if content is None or (is_root(url) and not self._follows(content)):
            raise DownloadHTTPError(f"{url} has not arrived", 404)
        check_versions(url, content)
        if url == TIMESTAMP and not self._is_whole(content):
            raise UntrustedError(Code.DIRECTORY_INVALID, said("a timestamp that cannot be read"))
        self.read.add(url)
        return iter((content,))

    def _follows(self, content: bytes) -> bool:
        """Whether this is the next root; anything else under its name must not keep timestamps from being looked at."""
        root = self.root()
        try:
            new = Metadata[Root].from_bytes(content)
            for judge in (root, new.signed) if new.signed.type == Root.type else ():
                judge.verify_delegate(Root.type, new.signed_bytes, new.signatures)
            whole = new.signed.type == Root.type and _is_exact(content, new, Root.type, (root, new.signed))
        except RepositoryError:
            return False
        return whole and new.signed.version == root.version + 1

    def _is_whole(self, content: bytes) -> bool:
        """Whether a timestamp is spelt as it is published; one that is false is left to python-tuf."""
        try:
            new = Metadata[Timestamp].from_bytes(content)
            self.root().verify_delegate(Timestamp.type, new.signed_bytes, new.signatures)
            return _is_exact(content, new, Timestamp.type, (self.root(),))
        except RepositoryError:
            return True


def _is_exact(content: bytes, metadata: Metadata[Any], role: str, judges: tuple[Root, ...]) -> bool:
    """Whether these are the bytes as they are published, and every signature in them counts.

    TUF asks for a threshold, and passes over what is beside it: a spare signature with another bit, one of a stranger,
    a space. Nothing names the bytes of roots and timestamps by their hash, so such a copy would be another file for the
    audit log, and its version would wait in every office for a proof that never comes.
    """
    results = [judge.get_verification_result(role, metadata.signed_bytes, metadata.signatures) for judge in judges]
    counting = {keyid for result in results for keyid in result.signed}
    return metadata.signatures.keys() <= counting and metadata.to_bytes() == content


def is_exact_root(content: bytes) -> bool:
    """Whether these bytes are an initial root as it was published: what a new home is pinned to."""
    if not is_initial_root(content):
        return False
    root = Metadata[Root].from_bytes(content)
    return _is_exact(content, root, Root.type, (root.signed,))


def is_initial_root(content: bytes) -> bool:
    """Whether these bytes are a root that signs itself, as the one is that a home is pinned to."""
    try:
        root = Metadata[Root].from_bytes(content)
        if root.signed.type == Root.type:
            root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
    except (RepositoryError, ValueError, TypeError, AttributeError):
        return False
    return root.signed.type == Root.type


def is_metadata_document(content: bytes) -> bool:
    """Whether these bytes can be read as metadata; nothing is verified."""
    try:
        Metadata.from_bytes(content)
    except (RepositoryError, ValueError):
        return False
    return True


def timestamp_end_ms(content: bytes) -> int:
    """Return when a timestamp ends, UTC ms. Raises UntrustedError DIRECTORY_INVALID."""
    try:
        return _expires_ms(Metadata[Timestamp].from_bytes(content).signed)
    except (RepositoryError, ValueError):
        raise UntrustedError(Code.DIRECTORY_INVALID, said("a timestamp that cannot be read")) from None


def verify(state: Path, incoming: Path, pinned_root: bytes, now_ms: int) -> Verified:
    """Verify the newest timestamp in `incoming` and all that it names, and move the updater's `state` on to it.

    Raises UncheckableError DIRECTORY_INCOMPLETE (a file has not arrived) or DIRECTORY_EXPIRED, UntrustedError
    DIRECTORY_INVALID (signature, threshold, rollback, mixed versions), StoreError.
    """
    with store_errors():
        make_folder(state)
    with _tuf_errors(), store_errors():
        return _Verification(state, _Folder(incoming), incoming, pinned_root, now_ms).run()


class _Verification:
    def __init__(self, state: Path, fetcher: _Folder, incoming: Path, pinned_root: bytes, now_ms: int) -> None:
        self._state = state
        self._fetcher = fetcher
        self._incoming = incoming
        self._updater = Updater(str(state), "metadata", fetcher=fetcher, config=_CONFIG, bootstrap=pinned_root)
        fetcher.root = lambda: self._updater._trusted_set.root
        # The clock of the caller, not the machine's: a test shows that a library update still honours it.
        self._updater._trusted_set.reference_time = datetime.fromtimestamp(now_ms / 1000, UTC)
        self._names: dict[str, str] = {}
        self._problems: list[Problem] = []

    def run(self) -> Verified:
        self._updater.refresh()
        timestamp = self._trusted("timestamp", Timestamp)
        snapshot = self._trusted("snapshot", Snapshot)
        targets = self._trusted("targets", Targets)
        for name in targets.targets:
            if _COUNTRY_TARGET.fullmatch(name):
                raise UntrustedError(Code.DIRECTORY_INVALID, said("a file outside of its country's part"))
            if _ENROLMENT_TARGET.fullmatch(name) or is_bin(name):
                self._names[name] = self._verified(name)
        countries = tuple(country for country in _countries(targets) if self._take_country(country))
        return Verified(
            version=snapshot.version,
            timestamp_version=timestamp.version,
            published_at_ms=_published_ms(timestamp),
            expires_at_ms=min(_expires_ms(timestamp), _expires_ms(snapshot), _expires_ms(targets)),
            countries=countries,
            targets=Contents(self._names, read_from(lambda path, digest: self._incoming / target_file(path, digest))),
            problems=tuple(self._problems),
            files=self._files(timestamp, snapshot),
        )

    def _trusted(self, role: str, _kind: type[_Signed]) -> _Signed:
        """Read a role that the updater has just verified and stored."""
        return cast("_Signed", Metadata.from_bytes((self._state / f"{role}.json").read_bytes()).signed)

    def _take_country(self, country: CountryCode) -> bool:
        """Load a country's part.

        One that TUF does not accept is left out; one that has not arrived stops the update.
        """
        try:
            part = self._part(country)
        except RepositoryError as error:
            self._problems.append(Problem.of(country, _coded(error)))
            return False
        except UntrustedError as error:
            self._problems.append(Problem.of(country, error))
            return False
        for name in part.targets:
            self._take_target(country, name)
        return True

    def _part(self, country: CountryCode) -> Targets:
        try:
            self._updater.get_targetinfo(f"{country}/{POLICY}")
        except (LengthOrHashMismatchError, DownloadLengthMismatchError):
            # Not the file that the snapshot names, so no word of the country: the right one is still to come.
            raise DownloadHTTPError("another file arrived under this name", 404) from None
        part = self._trusted(country, Targets)
        if part.delegations is not None or len(part.targets) > MAX_TARGETS:
            raise UntrustedError(Code.DIRECTORY_INVALID, said("delegates further or lists too much"))
        return part

    def _take_target(self, country: CountryCode, name: str) -> None:
        if not _COUNTRY_TARGET.fullmatch(name) or not name.startswith(f"{country}/"):
            self._problems.append(
                Problem(country, Code.DIRECTORY_INVALID, said("a file outside of its country's part"))
            )
            return
        try:
            self._names[name] = self._verified(name)
        except UntrustedError as error:
            self._problems.append(Problem.of(name, error))

    def _verified(self, name: str) -> str:
        """Return the SHA-256 (hex) of a target whose content is here, and is what the metadata says."""
        info = self._updater.get_targetinfo(name)
        if info is None:  # "None" is TUF's word for "no such target": it is an answer, and it is not trust
            raise UntrustedError(Code.DIRECTORY_INVALID, said("a file is not in the directory"))
        sha256 = info.hashes.get("sha256", "")
        if not _SHA256.fullmatch(sha256):
            raise UntrustedError(Code.DIRECTORY_INVALID, said("the directory names a file without its SHA-256"))
        place = target_file(info.path, sha256)
        path = self._incoming / place
        if not path.is_file():
            raise DownloadHTTPError("target has not arrived", 404)
        content = path.read_bytes()
        try:
            info.verify_length_and_hashes(content)
        except LengthOrHashMismatchError:
            path.unlink(
                missing_ok=True
            )  # cut short by a power failure: its name says what it should be, so it can come again
            raise DownloadHTTPError("target was damaged here", 404) from None
        self._fetcher.read.add(place)
        return sha256

    def _files(self, timestamp: Timestamp, snapshot: Snapshot) -> frozenset[str]:
        names = {metadata_file("timestamp", None), metadata_file("snapshot", timestamp.snapshot_meta.version)}
        names |= {metadata_file(name.removesuffix(".json"), meta.version) for name, meta in snapshot.meta.items()}
        roots = {path for path in self._fetcher.read if path.endswith(".root.json")}
        targets = {path for path in self._fetcher.read if path.startswith("targets/")}
        return frozenset(names | roots | targets)


def _countries(targets: Targets) -> list[CountryCode]:
    roles = {} if targets.delegations is None else targets.delegations.roles or {}
    if len(roles) > MAX_COUNTRIES:
        raise UntrustedError(Code.DIRECTORY_INVALID, said("delegates further or lists too much"))
    for name, role in roles.items():
        if not re.fullmatch(r"[a-z]{2}", name) or role.paths != [f"{name}/*"]:
            raise UntrustedError(Code.DIRECTORY_INVALID, said("a file outside of its country's part"))
    return sorted(CountryCode(name) for name in roles)


def _published_ms(timestamp: Timestamp) -> int:
    published: Any = timestamp.unrecognized_fields.get(PUBLISHED_FIELD)
    if not TIME_MS.holds(published):
        raise UntrustedError(Code.DIRECTORY_INVALID, said("a timestamp that cannot be read"))
    return int(published)


def _expires_ms(signed: Timestamp | Snapshot | Targets) -> int:
    return TIME_MS.nearest(int(signed.expires.timestamp() * 1000))


@contextmanager
def _tuf_errors() -> Iterator[None]:
    try:
        yield
    except (RepositoryError, DownloadError) as error:
        raise _coded(error) from None


def _coded(error: RepositoryError | DownloadError) -> RefbusError:
    """Return our error for python-tuf's; its text may quote signed data, so only the kind is kept."""
    if isinstance(error.__cause__, RefbusError):  # ours, raised while a file was handed over
        return error.__cause__
    if isinstance(error, ExpiredMetadataError):
        return UncheckableError(Code.DIRECTORY_EXPIRED)
    if isinstance(error, DownloadError) and not isinstance(error, DownloadLengthMismatchError):
        return UncheckableError(Code.DIRECTORY_INCOMPLETE)
    return UntrustedError(Code.DIRECTORY_INVALID, type(error).__name__)
