"""The publishing side: a TUF repository in a folder, and a change to it that anchors sign one after the other.

A `Publication` holds roles that will change, the signatures that it has so far, and new target files. It can be saved
and taken to the machine of each anchor. `publish` first verifies the result exactly as a reader does, then writes
files in publishing order, the timestamp last: a stop on the way leaves readers with what was there before.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError

from refbus.core.ids import CountryCode
from refbus.errors import Code, MalformedError, SetupError, UntrustedError
from refbus.files import make_folder, store_errors, write_whole
from refbus.trust.layout import TIMESTAMP, metadata_file, publishing_order, target_file
from refbus.trust.member.enrolment_bin import differences, is_bin
from refbus.trust.publisher import published
from refbus.trust.reader import client
from refbus.trust.reader.assembly import Problem, assemble

LIFE = {
    Root.type: timedelta(days=730),
    Targets.type: timedelta(days=365),
    Snapshot.type: timedelta(days=30),
    Timestamp.type: timedelta(days=7),
}
COUNTRY_LIFE = timedelta(days=365)
RESIGN_BEFORE = timedelta(days=10)
"""A republication renews the snapshot when it has less than this left."""

_VERSION = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_Signed = TypeVar("_Signed", Root, Targets, Snapshot, Timestamp)


class Repository:
    """The files that are published, read only.

    Raises SetupError FILE_UNREADABLE or MalformedError DIRECTORY_INVALID.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def require_not_behind(self) -> None:
        """Raise UntrustedError DIRECTORY_BEHIND when this has less than what was published from it."""
        published.require_not_behind(self.folder, self.numbers())

    def note_published(self) -> None:
        """Note beside the folder what is published. Raises StoreError."""
        published.note(self.folder, self.numbers())

    def numbers(self) -> published.Numbers:
        """Return the versions of snapshot and timestamp; zeros while nothing is published."""
        if not (self.folder / TIMESTAMP).is_file():
            return 0, 0
        return self.snapshot().version, self.timestamp().version

    def initial_root(self) -> bytes:
        """Return version 1 of the root, which readers pin."""
        return self.read(metadata_file(Root.type, 1))

    def read(self, path: str) -> bytes:
        """Return one file by its repository path."""
        try:
            return (self.folder / path).read_bytes()
        except OSError as error:
            raise SetupError(Code.FILE_UNREADABLE, f"directory repository: {error.strerror}") from None

    def timestamp(self) -> Timestamp:
        """Return the published timestamp."""
        return _parse(self.read(TIMESTAMP), Timestamp).signed

    def snapshot(self) -> Snapshot:
        """Return the published snapshot."""
        version = self.timestamp().snapshot_meta.version
        return _parse(self.read(metadata_file(Snapshot.type, version)), Snapshot).signed

    def root(self) -> Metadata[Root]:
        """Return the newest root. A file of another name than its own is none, whoever put it there."""
        numbers = (path.name.split(".")[0] for path in (self.folder / "metadata").glob("*.root.json"))
        newest = max((int(each) for each in numbers if _VERSION.fullmatch(each)), default=1)
        return _parse(self.read(metadata_file(Root.type, newest)), Root)

    def role(self, name: str) -> Metadata[Targets] | None:
        """Return the published metadata of `targets` or of a country; None when it has none yet."""
        meta = self.snapshot().meta.get(f"{name}.json") if (self.folder / TIMESTAMP).is_file() else None
        return None if meta is None else _parse(self.read(metadata_file(name, meta.version)), Targets)

    def target(self, role: str, path: str) -> bytes | None:
        """Return the content of a target that `role` lists, or None."""
        held = self.role(role)
        info = None if held is None else held.signed.targets.get(path)
        return None if info is None else self.read(target_file(path, info.hashes["sha256"]))


class Publication:
    """One change to a repository, from its first edit to the timestamp that puts it in force."""

    def __init__(self, repository: Repository, now_ms: int) -> None:
        self._repository = repository
        self._now = datetime.fromtimestamp(now_ms // 1000, UTC)
        self._now_ms = now_ms
        self._root: Metadata[Root] | None = None
        self._roles: dict[str, Metadata[Targets]] = {}
        self._files: dict[str, bytes] = {}

    # edits

    def edit_root(self, change: Callable[[Root], None]) -> None:
        """Apply `change` to the next version of the root."""
        if self._root is None:
            self._root = _next(self._repository.root())
        change(self._root.signed)
        self._root.signed.expires = self._now + LIFE[Root.type]
        self._root.signatures.clear()

    def begin(self, root: Root) -> None:
        """Start an empty repository under `root`, whose version is 1."""
        root.expires = self._now + LIFE[Root.type]
        self._root = Metadata(root)
        self._edited(Targets.type).signed.delegations = Delegations({}, {})

    def delegate(self, country: CountryCode, key: Key) -> None:
        """Give `country` its folder, under this key alone; replaces the key of a country that has one."""
        _, roles = self._delegations()
        roles[country] = DelegatedRole(country, [], 1, terminating=True, paths=[f"{country}/*"])
        self._edited(Targets.type).signed.add_key(key, country)
        self._forget_unused_keys()
        self._edited(country)

    def end_delegation(self, country: CountryCode) -> None:
        """Take its folder from `country`: readers then know none of its members. Raises SetupError, no such country."""
        if self._delegations()[1].pop(country, None) is None:
            raise SetupError(Code.USAGE, f"{country} has no folder")
        self._roles.pop(country, None)
        self._forget_unused_keys()

    def _delegations(self) -> tuple[dict[str, Key], dict[str, DelegatedRole]]:
        delegations = self._edited(Targets.type).signed.delegations
        if delegations is None or delegations.roles is None:
            raise MalformedError(Code.DIRECTORY_INVALID, "targets role without delegations")
        return delegations.keys, delegations.roles

    def _forget_unused_keys(self) -> None:
        keys, roles = self._delegations()
        used = {keyid for role in roles.values() for keyid in role.keyids}
        for keyid in [keyid for keyid in keys if keyid not in used]:
            del keys[keyid]

    def put(self, role: str, path: str, content: bytes) -> None:
        """Make `role` list `content` as target `path`."""
        self._edited(role).signed.targets[path] = TargetFile.from_data(path, content, ["sha256"])
        self._files[target_file(path, hashlib.sha256(content).hexdigest())] = content

    def remove(self, role: str, path: str) -> None:
        """Make `role` no longer list `path`. Raises SetupError when it does not."""
        if self._edited(role).signed.targets.pop(path, None) is None:
            raise SetupError(Code.USAGE, f"{path} is not in the directory")

    def names(self, role: str) -> frozenset[str]:
        """Return the target paths that `role` will list."""
        held = self._roles.get(role) or (self._repository.role(role) if self._is_begun else None)
        return frozenset() if held is None else frozenset(held.signed.targets)

    @property
    def _is_begun(self) -> bool:
        return (self._repository.folder / TIMESTAMP).is_file()

    def content(self, role: str, path: str) -> bytes | None:
        """Return target `path` as it will be, or None."""
        staged = self._roles.get(role)
        info = None if staged is None else staged.signed.targets.get(path)
        if info is not None:
            found = self._files.get(target_file(path, info.hashes["sha256"]))
            return self._repository.read(target_file(path, info.hashes["sha256"])) if found is None else found
        return None if staged is not None else self._repository.target(role, path)

    def _edited(self, name: str) -> Metadata[Targets]:
        if name not in self._roles:
            held = self._repository.role(name) if self._is_begun else None
            self._roles[name] = Metadata(Targets()) if held is None else _next(held)
        edited = self._roles[name]
        edited.signed.expires = self._now + (LIFE[Targets.type] if name == Targets.type else COUNTRY_LIFE)
        edited.signatures.clear()
        return edited

    # signatures

    def sign(self, signer: CryptoSigner) -> tuple[str, ...]:
        """Add this key's signature to every changed role that it may sign; returns their names."""
        keyid = signer.public_key.keyid
        signed = []
        for name, metadata in self._changed():
            if any(keyid in delegator.get_delegated_role(name).keyids for delegator in self._delegators(name)):
                metadata.sign(signer, append=True)
                signed.append(name)
        return tuple(signed)

    def missing(self) -> dict[str, int]:
        """Return how many signatures each changed role still needs; a role that has enough is not listed."""
        found = {}
        for name, metadata in self._changed():
            results = [
                delegator.get_verification_result(name, metadata.signed_bytes, metadata.signatures)
                for delegator in self._delegators(name)
            ]
            if not all(results):
                found[name] = max(result.missing for result in results)
        return found

    def _changed(self) -> list[tuple[str, Metadata[Any]]]:
        root = [] if self._root is None else [(Root.type, self._root)]
        return [*root, *sorted(self._roles.items())]

    def _delegators(self, name: str) -> list[Root | Targets]:
        new_root = self._repository.root().signed if self._root is None else self._root.signed
        if name == Root.type:
            before = [] if new_root.version == 1 else [self._repository.root().signed]
            return [*before, new_root]
        if name == Targets.type:
            return [new_root]
        targets = self._roles.get(Targets.type) or self._repository.role(Targets.type)
        return [] if targets is None else [targets.signed]

    # publication

    def publish(self, snapshot_signer: CryptoSigner, timestamp_signer: CryptoSigner) -> tuple[Problem, ...]:
        """Put the change in force; without edits, republish with a new timestamp. Returns what readers will leave out.

        Raises UntrustedError DIRECTORY_BEHIND, or SIGNATURE_INVALID when signatures are missing, the error of the first
        problem that this publication would bring in, MalformedError, StoreError. Nothing is written then.
        """
        self._repository.require_not_behind()
        missing = self.missing()
        if missing:
            detail = ", ".join(f"{role}: {count} more" for role, count in sorted(missing.items()))
            raise UntrustedError(Code.SIGNATURE_INVALID, f"signatures missing ({detail})")
        files = self._signed_files(snapshot_signer, timestamp_signer)
        problems = self._check(files)
        for path in publishing_order(files):
            write_whole(self._repository.folder / path, files[path])
        self._repository.note_published()
        return problems

    def _signed_files(self, snapshot_signer: CryptoSigner, timestamp_signer: CryptoSigner) -> dict[str, bytes]:
        files = dict(self._files)
        for name, metadata in self._changed():
            files[metadata_file(name, metadata.signed.version)] = metadata.to_bytes()
        first = not (self._repository.folder / TIMESTAMP).is_file()
        timestamp = Timestamp() if first else self._repository.timestamp()
        snapshot = Snapshot() if first else self._repository.snapshot()
        if self._root or self._roles or snapshot.expires - self._now < RESIGN_BEFORE:
            snapshot.version += 0 if first else 1
            snapshot.expires = self._now + LIFE[Snapshot.type]
            for name, metadata in self._roles.items():
                content = files[metadata_file(name, metadata.signed.version)]
                snapshot.meta[f"{name}.json"] = MetaFile.from_data(metadata.signed.version, content, ["sha256"])
            content = _signed(snapshot, snapshot_signer)
            files[metadata_file(Snapshot.type, snapshot.version)] = content
            timestamp.snapshot_meta = MetaFile.from_data(snapshot.version, content, ["sha256"])
        timestamp.version += 0 if first else 1
        timestamp.expires = self._now + LIFE[Timestamp.type]
        timestamp.unrecognized_fields[client.PUBLISHED_FIELD] = self._now_ms
        files[TIMESTAMP] = _signed(timestamp, timestamp_signer)
        return files

    def _check(self, files: Mapping[str, bytes]) -> tuple[Problem, ...]:
        """Verify as a reader would; refuse what would newly be left out."""
        root = files.get(metadata_file(Root.type, 1)) or self._repository.initial_root()
        found = verify_files(self._repository.folder, files, root, self._now_ms)
        if not found or not (self._repository.folder / TIMESTAMP).is_file():
            before: tuple[Problem, ...] = ()
        else:
            before = verify_files(self._repository.folder, {}, root, self._now_ms)
        for problem in found:
            if problem not in before:
                raise UntrustedError(problem.code, f"{problem.path}: {problem.detail}")
        return found

    # staging

    def save(self, folder: Path) -> None:
        """Write the unfinished change into `folder`, for `resume` there or on another machine. Raises StoreError."""
        for path, content in self._files.items():
            write_whole(folder / path, content)
        for name, metadata in self._changed():
            write_whole(folder / metadata_file(name, metadata.signed.version), metadata.to_bytes())

    @classmethod
    def resume(cls, repository: Repository, folder: Path, now_ms: int) -> Publication:
        """Return the change in `folder`, or an empty one when there is none. Raises MalformedError, SetupError."""
        publication = cls(repository, now_ms)
        for path in sorted(folder.rglob("*.json")) if folder.is_dir() else ():
            name = path.relative_to(folder).as_posix()
            with store_errors():
                content = path.read_bytes()
            if name.startswith("targets/"):
                publication._files[name] = content
            elif name.endswith(".root.json"):
                publication._root = _unpublished(_parse(content, Root), repository.root())
            else:
                role = path.name.split(".")[1]
                staged = _unpublished(_parse(content, Targets), repository.role(role))
                if staged is not None:
                    publication._roles[role] = staged
        return publication

    def summary(self) -> tuple[str, ...]:
        """Return one line for each changed role and target, for people who are about to sign."""
        lines = [] if self._root is None else [f"root version {self._root.signed.version}"]
        for name, metadata in sorted(self._roles.items()):
            held = self._repository.role(name)
            before = {} if held is None else held.signed.targets
            after = metadata.signed.targets
            lines.append(f"{name} version {metadata.signed.version}")
            lines += [f"  + {path}" for path in sorted(after.keys() - before.keys())]
            lines += [f"  - {path}" for path in sorted(before.keys() - after.keys())]
            lines += [f"  ~ {path}" for path in sorted(after.keys() & before.keys()) if after[path] != before[path]]
            bins = [path for path in {*before, *after} if is_bin(path) and before.get(path) != after.get(path)]
            old, new = ({path: get(name, path) for path in bins} for get in (self._repository.target, self.content))
            lines += differences(*({path: each for path, each in held.items() if each} for held in (old, new)))
        return tuple(lines)


def verify_files(folder: Path, changed: Mapping[str, bytes], root: bytes, now_ms: int) -> tuple[Problem, ...]:
    """Verify the repository in `folder` with `changed` files put over it; returns what a reader leaves out.

    Raises as `client.verify`.
    """
    with tempfile.TemporaryDirectory(prefix="refbus-directory-") as temporary, store_errors():
        incoming = Path(temporary, "incoming")
        for path in folder.rglob("*.json"):
            copy = incoming / path.relative_to(folder)
            make_folder(copy.parent)
            copy.symlink_to(path.absolute())
        for name, content in changed.items():
            copy = incoming / name
            write_whole(copy, content, flush=False)
        found = client.verify(Path(temporary, "tuf"), incoming, root, now_ms)
        return tuple(sorted({*found.problems, *assemble(found.targets, found.countries, {}).problems}, key=_order))


def _unpublished(staged: Metadata[_Signed], published: Metadata[_Signed] | None) -> Metadata[_Signed] | None:
    """Return what still waits; None when a stop came between publishing and clearing up."""
    if published is None or staged.signed.version == published.signed.version + 1:
        return staged
    if staged.signed == published.signed:
        return None
    raise SetupError(Code.USAGE, "the staged change was made on an older version: discard it and make it again")


def _order(problem: Problem) -> tuple[str, str]:
    return problem.path, problem.code


def _next(metadata: Metadata[_Signed]) -> Metadata[_Signed]:
    signed = deepcopy(metadata.signed)
    signed.version += 1
    return Metadata(signed)


def _signed(signed: Snapshot | Timestamp, signer: CryptoSigner) -> bytes:
    metadata: Metadata[Any] = Metadata(signed)
    metadata.sign(signer)
    return metadata.to_bytes()


def _parse(content: bytes, kind: type[_Signed]) -> Metadata[_Signed]:
    try:
        metadata = Metadata[kind].from_bytes(content)  # type: ignore[valid-type]
    except (DeserializationError, RepositoryError):
        raise MalformedError(Code.DIRECTORY_INVALID, "metadata") from None
    if not isinstance(metadata.signed, kind):
        raise MalformedError(Code.DIRECTORY_INVALID, "metadata of another kind")
    return metadata
