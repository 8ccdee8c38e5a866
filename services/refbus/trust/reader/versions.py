"""The verified versions on disk: one file each, `<version>.json`, written whole after TUF and all key checks.

First line: SHA-256 of the rest. It finds damage; it is no protection from someone who may write here, for whom the
pinned root is just as open.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbus.core.bounds import VERSION
from refbus.core.directory import Directory
from refbus.core.ids import parse_country
from refbus.errors import Code, MalformedError, RefbusError
from refbus.files import store_errors, write_whole
from refbus.said import said
from refbus.trust.canonical import Fields, b64
from refbus.trust.layout import ENROLMENT, POLICY
from refbus.trust.reader.assembly import Assembly, Problem, assemble

if TYPE_CHECKING:  # only for the types: it loads TUF
    from refbus.trust.reader.client import Verified

FORMAT = "refbus/verified-directory/1"


@dataclass(frozen=True, slots=True)
class Version:
    """One verified version: the directory, what it left out, and the files that count, from which it is made again."""

    directory: Directory
    timestamp_version: int
    first_verified_ms: int
    problems: tuple[Problem, ...]
    targets: Mapping[str, bytes]


def accept(verified: Verified, assembly: Assembly, first_verified_ms: int) -> Version:
    """Return the version that `assembly` is; files that it left out are not kept."""
    counted = {f"{country}/{POLICY}" for country in assembly.policies}
    for org_id, member in assembly.organisations.items():
        counted |= {f"{member.country}/{org_id}.json", f"{ENROLMENT}/{org_id}.json"}
    return Version(
        directory=Directory(
            version=verified.version,
            published_at_ms=verified.published_at_ms,
            expires_at_ms=verified.expires_at_ms,
            organisations=assembly.organisations,
            policies=assembly.policies,
        ),
        timestamp_version=verified.timestamp_version,
        first_verified_ms=first_verified_ms,
        problems=tuple(sorted((*verified.problems, *assembly.problems), key=lambda item: (item.path, item.code))),
        targets={path: content for path, content in verified.targets.items() if path in counted},
    )


def save(folder: Path, version: Version, *, alone: bool = False) -> None:
    """Write the version's file whole; `alone`: later ones go, nobody verified them. Raises StoreError."""
    directory = version.directory
    body = json.dumps(
        {
            "format": FORMAT,
            "version": directory.version,
            "published_at_ms": directory.published_at_ms,
            "expires_at_ms": directory.expires_at_ms,
            "timestamp_version": version.timestamp_version,
            "first_verified_ms": version.first_verified_ms,
            "problems": [[problem.path, problem.code, problem.detail] for problem in version.problems],
            "targets": {path: b64(content) for path, content in version.targets.items()},
        },
        sort_keys=True,
    ).encode()
    write_whole(folder / f"{directory.version}.json", hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    if alone:
        _remove_newer(folder, directory.version)


def load_all(folder: Path) -> list[Version]:
    """Return every readable version, oldest first. A damaged file is passed over: what it held can arrive again."""
    found = []
    for path in folder.glob("*.json"):
        try:
            found.append(_parse(path.read_bytes()))
        except (OSError, RefbusError, ValueError, TypeError, AttributeError):
            continue
    return sorted(found, key=lambda version: version.directory.version)


def timestamp_version(timestamp: bytes) -> int | None:
    """Return the version that a timestamp says, None when it cannot be read. Nothing is verified."""
    try:
        return int(json.loads(timestamp)["signed"]["version"])
    except (ValueError, TypeError, KeyError):
        return None


def standing(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Return what tells one state of the folder from another: each file is written whole under its name, as a new file.

    Raises StoreError.
    """
    found = set()
    with store_errors():
        for path in folder.glob("*.json"):
            try:
                stat = path.stat()
            except FileNotFoundError:  # another process has just removed it
                continue
            found.add((path.name, stat.st_ino, stat.st_mtime_ns))
    return frozenset(found)


def remove_older(folder: Path, kept: Collection[int]) -> None:
    """Remove the files of versions that are not `kept`; a newer one is another process's, which has just verified it.

    Raises StoreError.
    """
    names = {f"{number}.json" for number in kept}
    with store_errors():
        for path in folder.glob("*.json"):
            newer = path.stem.isdecimal() and int(path.stem) > max(kept)
            if not newer and path.name not in names:
                path.unlink(missing_ok=True)


def _remove_newer(folder: Path, than: int) -> None:
    with store_errors():
        for path in folder.glob("*.json"):
            if not path.stem.isdecimal() or int(path.stem) > than:
                path.unlink(missing_ok=True)


def _parse(content: bytes) -> Version:
    checksum, _, body = content.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != checksum:
        raise MalformedError(Code.DIRECTORY_INVALID, said("a version that was kept here is damaged"))
    fields = Fields(json.loads(body), "version")
    fields.fixed("format", FORMAT)
    targets = {path: base64.b64decode(text) for path, text in fields.take("targets").items()}
    countries = tuple(parse_country(path[:2]) for path in sorted(targets) if path.endswith(f"/{POLICY}"))
    assembly = assemble(targets, countries, {})
    found = Version(
        directory=Directory(
            version=fields.bounded("version", VERSION),
            published_at_ms=fields.time_ms("published_at_ms"),
            expires_at_ms=fields.time_ms("expires_at_ms"),
            organisations=assembly.organisations,
            policies=assembly.policies,
        ),
        timestamp_version=fields.bounded("timestamp_version", VERSION),
        first_verified_ms=fields.time_ms("first_verified_ms"),
        problems=fields.items("problems", _problem, 100_000),
        targets=targets,
    )
    fields.done()
    return replace(found, problems=(*found.problems, *assembly.problems))


def _problem(value: Any) -> Problem:
    path, code, detail = value
    return Problem(path, Code(code), detail)
