"""What a version of the directory is made of: the metadata files that a timestamp names, through its snapshot.

Only names, versions and hashes are read here; no signature is checked (`client` does that). A timestamp names its
snapshot with a SHA-256, the snapshot every other file with one, so the bytes of a timestamp stand for one set of bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from refbus.core.bounds import VERSION
from refbus.core.documents import read_json
from refbus.errors import Code, MalformedError, UntrustedError
from refbus.said import said
from refbus.trust.layout import is_metadata, metadata_file

if TYPE_CHECKING:  # a home at rest does without TUF, so it is loaded where it is used
    from tuf.api.metadata import Signed

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Named:
    """A file that metadata names. `sha256` is that of its content (32 bytes)."""

    path: str
    sha256: bytes


@lru_cache(maxsize=16)  # of the versions at hand; each is asked for several times in every turn
def of_timestamp(content: bytes) -> tuple[int, Named]:
    """Return the version of a timestamp, and its snapshot. Raises UntrustedError DIRECTORY_INVALID."""
    signed = _signed(content, "timestamp")
    if signed is None:
        raise UntrustedError(Code.DIRECTORY_INVALID, said("a timestamp that cannot be read"))
    return signed["version"], _named("snapshot", signed["meta"].get("snapshot.json"))


@lru_cache(maxsize=16)
def of_snapshot(content: bytes) -> frozenset[Named]:
    """Return the files that a snapshot names. Raises UntrustedError DIRECTORY_INVALID."""
    signed = _signed(content, "snapshot")
    if signed is None:
        raise UntrustedError(Code.DIRECTORY_INVALID, said("a snapshot that cannot be read"))
    return frozenset(_named(name.removesuffix(".json"), meta) for name, meta in signed["meta"].items())


def _signed(content: bytes, kind: str) -> dict[str, Any] | None:
    """Return the signed part of a role's metadata, None when it cannot be read.

    It is read for names and numbers only, without TUF, which verifies it later.
    """
    try:
        signed: dict[str, Any] = read_json(content.decode())["signed"]
        if signed["_type"] == kind and VERSION.holds(signed["version"]) and isinstance(signed["meta"], dict):
            return signed
    except (MalformedError, ValueError, TypeError, KeyError):
        return None
    return None


def check_versions(path: str, content: bytes) -> None:
    """Refuse a timestamp or snapshot with a version out of bounds, before python-tuf keeps it.

    TUF takes no lower version after a higher one, so the highest there is would be the last (TUF specification §5.4.3).
    What cannot be read passes: python-tuf refuses it. Raises UntrustedError DIRECTORY_INVALID.
    """
    if not is_metadata(path):
        return
    from tuf.api.metadata import Metadata, Snapshot, Timestamp
    from tuf.api.serialization import DeserializationError

    try:
        signed: Signed = Metadata.from_bytes(content).signed
    except DeserializationError:
        return
    named = [signed.snapshot_meta] if isinstance(signed, Timestamp) else []
    named += list(signed.meta.values()) if isinstance(signed, Snapshot) else []
    if not all(VERSION.holds(version) for version in (signed.version, *(meta.version for meta in named))):
        raise UntrustedError(Code.DIRECTORY_INVALID, said("a version out of bounds"))


def _named(role: str, meta: Any) -> Named:
    try:
        version, sha256 = meta["version"], meta["hashes"]["sha256"]
        path = metadata_file(role, version) if VERSION.holds(version) else ""
        if is_metadata(path) and _SHA256.fullmatch(sha256):
            return Named(path, bytes.fromhex(sha256))
    except (TypeError, KeyError):
        pass
    raise UntrustedError(Code.DIRECTORY_INVALID, said("the directory names a file without its SHA-256"))
