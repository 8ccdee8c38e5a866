"""Where each file of the directory is, how large it may be, and in which order files travel.

A path is what a DirectoryFile record carries: `metadata/<version>.<role>.json`, `metadata/timestamp.json`, and
`targets/<folder>/<sha256>.<name>`, where the SHA-256 is that of the content (TUF specification §5.5, consistent
snapshots).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from refbus.errors import Code, MalformedError, SetupError
from refbus.said import placed, reason_of, said
from refbus.trust.canonical import MAX_BYTES

TIMESTAMP = "metadata/timestamp.json"
ENROLMENT = "enrolment"
"""The folder with a file for each enrolment."""
ENROLMENTS = "enrolments"
"""The folder with a file for each bin of enrolments."""
POLICY = "policy.json"
MAX_PATH = 160
MAX_METADATA_BYTES = 524_288
MAX_COUNTRIES = 100
MAX_TIMESTAMP_BYTES = 16_384

_VERSION = r"[1-9][0-9]{0,8}"
_METADATA = re.compile(rf"metadata/{_VERSION}\.(?P<role>root|snapshot|targets|[a-z]{{2}})\.json")
_TARGET = re.compile(r"targets/(?P<folder>[a-z]{2,16})/(?P<sha256>[0-9a-f]{64})\.(?P<name>[a-z0-9-]{1,40}\.json)")


def check_file(path: str, content: bytes) -> None:
    """Refuse a path that is none of the directory's, content too large for it, or a target that is not its hash.

    Raises MalformedError MALFORMED or TOO_LARGE. Nothing else of a path is ever joined to a folder.
    """
    if len(path) > MAX_PATH or not path.isascii():
        raise MalformedError(Code.MALFORMED, said("the path of a file of the directory"))
    target = _TARGET.fullmatch(path)
    if len(content) > _most(path, is_target=target is not None):
        raise MalformedError(Code.TOO_LARGE, said("a file of the directory is too large"))
    if target is not None and hashlib.sha256(content).hexdigest() != target["sha256"]:
        raise MalformedError(Code.MALFORMED, said("a file is not the content that its name says"))


def _most(path: str, *, is_target: bool) -> int:
    if is_target:
        return MAX_BYTES
    if path == TIMESTAMP:
        return MAX_TIMESTAMP_BYTES
    if _METADATA.fullmatch(path):
        return MAX_METADATA_BYTES
    raise MalformedError(Code.MALFORMED, said("the path of a file of the directory"))


def target_file(target_path: str, sha256: str) -> str:
    """Return the path of the file that holds target `target_path` ("kz/policy.json") with this content hash."""
    folder, _, name = target_path.rpartition("/")
    return f"targets/{folder}/{sha256}.{name}"


def metadata_file(role: str, version: int | None) -> str:
    """Return the path of a role's metadata; the timestamp has no version in its name."""
    return f"metadata/{role}.json" if version is None else f"metadata/{version}.{role}.json"


def publishing_order(paths: Iterable[str]) -> list[str]:
    """Sort so that whatever a file names comes before it.

    Targets, roots, delegations, targets role, snapshot, timestamp.
    """
    return sorted(paths, key=_rank)


def _rank(path: str) -> tuple[int, int, str]:
    if path.startswith("targets/"):
        return 0, 0, path
    if path == TIMESTAMP:
        return 9, 0, path
    version, role, _ = path.removeprefix("metadata/").split(".")
    rank = {"root": 1, "targets": 3, "snapshot": 4}.get(role, 2)
    return rank, int(version), path


def list_files(repository: Path) -> list[tuple[str, bytes]]:
    """Return every file that today's reader of `repository` needs, in publishing order.

    Raises SetupError FILE_UNREADABLE.
    """
    try:
        found = [path.relative_to(repository).as_posix() for path in repository.rglob("*.json") if path.is_file()]
        return [(path, (repository / path).read_bytes()) for path in publishing_order(filter(_is_ours, found))]
    except OSError as error:
        raise SetupError(Code.FILE_UNREADABLE, placed("directory", reason_of(error))) from None


def is_metadata(path: str) -> bool:
    """Whether a path is that of signed metadata: what an audit log tells of a version of the directory."""
    return path == TIMESTAMP or _METADATA.fullmatch(path) is not None


def is_target(path: str) -> bool:
    """Whether a path is that of a target."""
    return _TARGET.fullmatch(path) is not None


def is_root(path: str) -> bool:
    """Whether a path is that of a root."""
    match = _METADATA.fullmatch(path)
    return match is not None and match["role"] == "root"


def versioned(path: str) -> tuple[str, int] | None:
    """Return the role and version in a path of metadata; None for the timestamp, and for what is none."""
    match = _METADATA.fullmatch(path)
    return None if match is None else (match["role"], int(path.removeprefix("metadata/").partition(".")[0]))


def _is_ours(path: str) -> bool:
    return is_metadata(path) or _TARGET.fullmatch(path) is not None
