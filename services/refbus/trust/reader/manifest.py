"""What a version of the directory is made of: the metadata files that a timestamp names, through its snapshot.

Only names, versions and hashes are read here; no signature is checked (`client` does that). A timestamp names its
snapshot with a SHA-256, the snapshot every other file with one, so the bytes of a timestamp stand for one set of bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from tuf.api.metadata import Metadata, MetaFile, Signed, Snapshot, Timestamp
from tuf.api.serialization import DeserializationError

from refbus.core.bounds import VERSION
from refbus.errors import Code, UntrustedError
from refbus.said import said
from refbus.trust.layout import is_metadata, metadata_file

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Named:
    """A file that metadata names. `sha256` is that of its content (32 bytes)."""

    path: str
    sha256: bytes


@lru_cache(maxsize=16)  # of the versions at hand; each is asked for several times in every turn
def of_timestamp(content: bytes) -> tuple[int, Named]:
    """Return the version of a timestamp, and its snapshot. Raises UntrustedError DIRECTORY_INVALID."""
    try:
        signed = Metadata[Timestamp].from_bytes(content).signed
    except DeserializationError:
        raise UntrustedError(Code.DIRECTORY_INVALID, said("a timestamp that cannot be read")) from None
    if not isinstance(signed, Timestamp):
        raise UntrustedError(Code.DIRECTORY_INVALID, said("a timestamp that cannot be read"))
    return signed.version, _named("snapshot", signed.snapshot_meta)


@lru_cache(maxsize=16)
def of_snapshot(content: bytes) -> frozenset[Named]:
    """Return the files that a snapshot names. Raises UntrustedError DIRECTORY_INVALID."""
    try:
        signed = Metadata[Snapshot].from_bytes(content).signed
    except DeserializationError:
        raise UntrustedError(Code.DIRECTORY_INVALID, said("a snapshot that cannot be read")) from None
    if not isinstance(signed, Snapshot):
        raise UntrustedError(Code.DIRECTORY_INVALID, said("a snapshot that cannot be read"))
    return frozenset(_named(name.removesuffix(".json"), meta) for name, meta in signed.meta.items())


def check_versions(path: str, content: bytes) -> None:
    """Refuse a timestamp or snapshot with a version out of bounds, before python-tuf keeps it.

    TUF takes no lower version after a higher one, so the highest there is would be the last (TUF specification §5.4.3).
    What cannot be read passes: python-tuf refuses it. Raises UntrustedError DIRECTORY_INVALID.
    """
    if not is_metadata(path):
        return
    try:
        signed: Signed = Metadata.from_bytes(content).signed
    except DeserializationError:
        return
    named = [signed.snapshot_meta] if isinstance(signed, Timestamp) else []
    named += list(signed.meta.values()) if isinstance(signed, Snapshot) else []
    if not all(VERSION.holds(version) for version in (signed.version, *(meta.version for meta in named))):
        raise UntrustedError(Code.DIRECTORY_INVALID, said("a version out of bounds"))


def _named(role: str, meta: MetaFile) -> Named:
    path = metadata_file(role, meta.version)
    sha256 = (meta.hashes or {}).get("sha256", "")
    if not is_metadata(path) or not _SHA256.fullmatch(sha256):
        raise UntrustedError(Code.DIRECTORY_INVALID, said("the directory names a file without its SHA-256"))
    return Named(path, bytes.fromhex(sha256))
