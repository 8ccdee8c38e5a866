r"""What an entry of an audit log may look like. There are two kinds, and a log with a third kind is not one of ours.

audit      "refbus-audit/v1" || 32 bytes                                        47 bytes
directory  "refbus-directory/v1" || LP(path) || SHA-256(content)                path: metadata/<name>.json
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from refbus.audit.leaf import LEAF_SIZE, PREFIX
from refbus.crypto.framing import lp, sha256

DIRECTORY_PREFIX: Final = b"refbus-directory/v1"
_DIRECTORY: Final = re.compile(
    re.escape(DIRECTORY_PREFIX) + rb"\0\0\0(?P<length>.)(?P<path>metadata/[A-Za-z0-9._-]+\.json)(?P<hash>.{32})",
    re.DOTALL,
)


class Shape(StrEnum):
    """The kinds of entries."""

    AUDIT = "AUDIT"
    DIRECTORY = "DIRECTORY"


def directory_leaf(path: str, content: bytes) -> bytes:
    """Return the entry that tells that a metadata file of the directory, by its relative path, was seen as it is."""
    return DIRECTORY_PREFIX + lp(path.encode()) + sha256(content)


def parse_directory_leaf(entry: bytes) -> tuple[str, bytes] | None:
    """Return the path and the SHA-256 that such an entry tells of, None when it is not one."""
    match = _DIRECTORY.fullmatch(entry)
    if match is None or match["length"] != bytes([len(match["path"])]):
        return None
    return match["path"].decode(), match["hash"]


def shape_of(entry: bytes) -> Shape | None:
    """Return the kind of an entry, None when it is of none."""
    if entry.startswith(PREFIX) and len(entry) == LEAF_SIZE:
        return Shape.AUDIT
    return None if parse_directory_leaf(entry) is None else Shape.DIRECTORY
