"""The verified versions on disk: one file each, `<version>.json`, written whole after TUF and all key checks.

    <version>.json       SHA-256 of the rest, what the version is, and the index of its members: three lines
    contents/<sha256>    the target files that they are made of, each once, however many versions name it

The first line finds damage; it is no protection from someone who may write here, for whom the pinned root is just as
open. The index is read when somebody asks for a member, and a member's files when he asks for that one. `FORMAT` moves
whenever what is checked of a member does (docs/spec/directory.md §5): then versions from before count as damaged.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from refbus.core.bounds import VERSION
from refbus.core.directory import Brief, CountryPolicy, Directory
from refbus.core.ids import CountryCode, OrgId, parse_country
from refbus.errors import Code, MalformedError, RefbusError, StoreError
from refbus.files import store_errors, write_whole
from refbus.recent import Recent
from refbus.said import said
from refbus.trust.canonical import Fields
from refbus.trust.layout import ENROLMENT, POLICY, target_file
from refbus.trust.member.enrolment_bin import bin_of
from refbus.trust.member.policy import parse_policy
from refbus.trust.reader.assembly import Assembly, Problem, assemble
from refbus.trust.reader.contents import Contents, Read, is_for_now, read_from
from refbus.trust.reader.members import Entry, Index, Members, file_of

if TYPE_CHECKING:  # only for the types: it loads TUF
    from refbus.trust.reader.client import Verified

FORMAT = "refbus/verified-directory/2"
_FIRST_FORMAT = "refbus/verified-directory/1"
_CONTENTS = "contents"
_FLUSHED = 64
"""More new contents than this are not flushed one by one: a first directory has thousands, and can come again."""
_policies: Final = Recent[str, CountryPolicy](256)


@dataclass(frozen=True, slots=True)
class Version:
    """One verified version: the directory, what it left out, and the files that count, from which it is made again."""

    directory: Directory
    timestamp_version: int
    first_verified_ms: int
    problems: tuple[Problem, ...]
    targets: Contents


def accept(verified: Verified, assembly: Assembly, first_verified_ms: int) -> Version:
    """Return the version that `assembly` is; files that it left out are not kept."""
    counted = {f"{country}/{POLICY}" for country in assembly.policies}
    for org_id in assembly.index:
        counted |= {file_of(org_id), f"{ENROLMENT}/{org_id}.json", bin_of(org_id)}
    names = {path: digest for path, digest in verified.targets.names.items() if path in counted}
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
        targets=verified.targets.only(names),
    )


def save(folder: Path, version: Version, *, alone: bool = False) -> Version:
    """Write a version whole, and return it as it is read from here; `alone`: later ones go, nobody verified them.

    Raises StoreError.
    """
    directory, members, names = version.directory, version.directory.organisations, version.targets.names
    if not isinstance(members, Members):
        raise TypeError("only what was assembled is kept")
    _keep_contents(folder, version.targets)
    policies = {country: names[f"{country}/{POLICY}"] for country in directory.policies}
    head = {
        "format": FORMAT,
        "version": directory.version,
        "published_at_ms": directory.published_at_ms,
        "expires_at_ms": directory.expires_at_ms,
        "timestamp_version": version.timestamp_version,
        "first_verified_ms": version.first_verified_ms,
        "problems": [[problem.path, problem.code, problem.detail] for problem in version.problems],
        "policies": policies,
    }
    own = {file_of(org_id) for org_id in members.index} | {f"{country}/{POLICY}" for country in policies}
    index = {
        "enrolments": {path: digest for path, digest in names.items() if path not in own},
        "members": {org_id: [*entry[:-1], *entry.brief] for org_id, entry in members.index.items()},
    }
    second = json.dumps(index, sort_keys=True).encode()
    first = json.dumps({**head, "index": hashlib.sha256(second).hexdigest()}, sort_keys=True).encode()
    body = first + b"\n" + second
    path = folder / f"{directory.version}.json"
    write_whole(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    if alone:
        _remove_newer(folder, directory.version)
    kept = Contents(names, _reader(path))
    stored = replace(directory, organisations=Members(lambda: (members.index, kept)))
    return replace(version, directory=stored, targets=kept)


def _keep_contents(folder: Path, contents: Contents) -> None:
    place = folder / _CONTENTS
    with store_errors():
        there = {path.name for path in place.iterdir()} if place.is_dir() else set[str]()
    new = {digest: path for path, digest in contents.names.items() if digest not in there}
    for digest, path in new.items():
        write_whole(place / digest, contents[path], flush=len(new) <= _FLUSHED)


def sweep(folder: Path) -> None:
    """Remove the contents that no version here names. Raises StoreError."""
    named = set[str]()
    for path in folder.glob("*.json"):
        try:
            head, index = _parts(path)
            named |= {*head.get("policies", {}).values(), *index.get("enrolments", {}).values()}
            named |= {row[0] for row in index.get("members", {}).values()}
        except (OSError, RefbusError, ValueError, TypeError, AttributeError):
            return  # what a damaged one names is not known
    with store_errors():
        for path in (folder / _CONTENTS).glob("*"):
            if path.name not in named:
                path.unlink(missing_ok=True)


def load_all(folder: Path) -> list[Version]:
    """Return every readable version, oldest first. A damaged file is passed over: what it held can arrive again."""
    found = []
    for path in folder.glob("*.json"):
        try:
            found.append(_parse(path))
        except (OSError, RefbusError, ValueError, TypeError, AttributeError):
            continue
    return sorted(found, key=lambda version: version.directory.version)


def is_same(made: Directory, kept: Directory) -> bool:
    """Whether a version that was made just now is the one that is kept here; one whose index is damaged is not."""
    try:
        return made == kept
    except StoreError:
        return False


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


def _parts(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return both parts of a version's file. Raises MalformedError, OSError, ValueError."""
    head, _, index = _whole(path).partition(b"\n")
    return json.loads(head), json.loads(index or b"{}")


def _whole(path: Path) -> bytes:
    checksum, _, body = path.read_bytes().partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != checksum:
        raise MalformedError(Code.DIRECTORY_INVALID, said("a version that was kept here is damaged"))
    return body


def _parse(path: Path) -> Version:
    head = json.loads(_whole(path).partition(b"\n")[0])
    if head.get("format") == _FIRST_FORMAT:
        return _parse_first(head)
    fields = Fields(head, "version")
    fields.fixed("format", FORMAT)
    named, read = fields.take("policies"), _reader(path)
    policies = {parse_country(code): _policy(f"{code}/{POLICY}", digest, read) for code, digest in named.items()}
    digest = fields.hexed("index", 32).hex()
    members = Members(lambda: _index(path, digest))
    return _version(fields, members, policies, Contents({}, read))


def _parse_first(head: dict[str, Any]) -> Version:
    """Return a version that was kept with its contents inside, as the first format has it."""
    fields = Fields(head, "version")
    fields.fixed("format", _FIRST_FORMAT)
    targets = {path: base64.b64decode(text) for path, text in fields.take("targets").items()}
    countries = tuple(parse_country(path[:2]) for path in sorted(targets) if path.endswith(f"/{POLICY}"))
    assembly = assemble(targets, countries, {})
    found = _version(fields, assembly.organisations, assembly.policies, assembly.contents)
    return replace(found, problems=(*found.problems, *assembly.problems))


def _version(
    fields: Fields, members: Members, policies: Mapping[CountryCode, CountryPolicy], targets: Contents
) -> Version:
    found = Version(
        directory=Directory(
            version=fields.bounded("version", VERSION),
            published_at_ms=fields.time_ms("published_at_ms"),
            expires_at_ms=fields.time_ms("expires_at_ms"),
            organisations=members,
            policies=policies,
        ),
        timestamp_version=fields.bounded("timestamp_version", VERSION),
        first_verified_ms=fields.time_ms("first_verified_ms"),
        problems=fields.items("problems", _problem, 100_000),
        targets=targets,
    )
    fields.done()
    return found


def _index(path: Path, digest: str) -> tuple[Index, Contents]:
    """Read the index of the version in `path`: the one that its head named when it was read.

    Raises StoreError when it is another, damaged, or was removed meanwhile.
    """
    try:
        if hashlib.sha256(_whole(path).partition(b"\n")[2]).hexdigest() != digest:
            raise MalformedError(Code.DIRECTORY_INVALID, said("a version that was kept here is damaged"))
        head, index = _parts(path)
        rows: dict[OrgId, Any] = index["members"]
        members = {
            org_id: Entry(file, enrolment, claims, Brief(*brief))
            for org_id, (file, enrolment, claims, *brief) in rows.items()
        }
        names = {**index["enrolments"], **{f"{country}/{POLICY}": each for country, each in head["policies"].items()}}
        names.update({f"{org_id[:2]}/{org_id}.json": entry.file for org_id, entry in members.items()})
    except (OSError, RefbusError, ValueError, TypeError, AttributeError, KeyError) as error:
        with suppress(OSError):  # it counts no more: it is made again
            if not is_for_now(error):
                path.unlink(missing_ok=True)
        raise StoreError(Code.STORE_FAILED, said("a version that was kept here is damaged")) from None
    return members, Contents(names, _reader(path))


def _reader(path: Path) -> Read:
    """Return what reads the contents of the version in `path`, which counts no more when one is whole nowhere here."""

    def damaged() -> None:
        with suppress(OSError):
            path.unlink(missing_ok=True)

    kept, incoming = path.parent / _CONTENTS, path.parent.parent / "incoming"
    places = (lambda _, digest: kept / digest, lambda name, digest: incoming / target_file(name, digest))
    return read_from(*places, damaged=damaged)


def _policy(path: str, digest: str, read: Read) -> CountryPolicy:
    found = _policies.get(digest)
    if found is None:
        found = parse_policy(read(path, digest))
        _policies.put(digest, found)
    return found


def _problem(value: Any) -> Problem:
    path, code, detail = value
    return Problem(path, Code(code), detail)
