"""The door of the directory: a newer version comes in when this country's audit log shows every file of it.

So nobody who holds keys of the directory can give one office another version than everybody else without leaving it
where all can read it. The version in force decides about the next one: its log keys, its witnesses, its quorum. What
has not been shown waits here, in the store; what is in force stays so meanwhile, until it expires.

Without any directory there are no log keys: the first version is taken on the pinned root alone, and the log is asked
for exactly its files afterwards. A version without an auditor, or with an audit quorum of 0, demands no log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from refbus.audit.shapes import directory_leaf, parse_directory_leaf
from refbus.core.directory import Directory
from refbus.core.units import DAY_MS
from refbus.crypto.framing import sha256
from refbus.errors import Code, RefbusError, StoreError, UncheckableError, UntrustedError
from refbus.said import placed, said
from refbus.tlog.prooffile import TlogProof
from refbus.trust.layout import TIMESTAMP, check_file, is_metadata, is_root, versioned
from refbus.trust.reader.log_policy import demands_log, log_policy
from refbus.trust.reader.manifest import of_snapshot, of_timestamp
from refbus.wire.transport import DirectoryFile
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import alarms, directoryfiles
from refbus_gateway.store.directoryfiles import DirectoryRow
from refbus_gateway.store.session import Transaction

PATIENCE_MS: Final = DAY_MS
"""So long a version may wait for the log, or one that came first go unconfirmed, before it is an alarm in the office.

`refbus status` and the metrics say it at once."""
_STOCKED: Final = "directory-door"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Since when (UTC ms) a newer version waits, None when none does; how many files in force the log has not shown.

    `first_ms`: since when those are here, None when there are none.
    """

    since_ms: int | None
    unconfirmed: int
    first_ms: int | None


@dataclass(frozen=True, slots=True)
class _Version:
    """A version at the door: its timestamp, the files that it is made of, and whether any is missing or not shown."""

    number: int
    timestamp: DirectoryRow
    files: tuple[DirectoryRow, ...]
    complete: bool
    unproven: int = field(default=0)


def take(gateway: Gateway, file: DirectoryFile) -> None:
    """Take one file that arrived: at once where no log is demanded, else a metadata file waits at the door.

    Raises as `TrustStore.add_file` does.
    """
    directory = gateway.newest_directory()
    stock(gateway)
    if not is_metadata(file.path) or directory is None or not demands_log(directory, gateway.country):
        incomplete: UncheckableError | None = None
        try:
            gateway.trust.add_file(file.path, file.content, gateway.now_ms())
        except UncheckableError as error:
            incomplete = error
        if is_metadata(file.path):
            _keep(gateway, [file])
        if incomplete is not None:
            raise incomplete
    else:
        check_file(file.path, file.content)
        _keep(gateway, [file])


def prove(gateway: Gateway, tx: Transaction, entry: bytes) -> None:
    """Note a directory entry that was verified in this country's log; another kind of entry is none of our business."""
    told = parse_directory_leaf(entry)
    if told is not None and is_metadata(told[0]) and directoryfiles.prove(tx, *told, gateway.now_ms()):
        _tell_fork(gateway, tx, *told)


def release(gateway: Gateway) -> Directory | None:
    """Let in the newest version that may come in; return the directory if it changed. Raises StoreError."""
    directory = gateway.newest_directory()
    if directory is None:
        return None
    stock(gateway)
    demanded = demands_log(directory, gateway.country)
    with gateway.store.read() as tx:
        ready = [
            (version, _files(tx, version))
            for version in _ahead(gateway, tx)
            if version.complete and (not demanded or not version.unproven)
        ]
    newest = None
    for version, files in ready[:1]:
        newest = _hand_over(gateway, version, files, demanded=demanded)
    _look_after(gateway)
    return newest


def take_unlogged(gateway: Gateway, files: Iterable[tuple[str, bytes]]) -> None:
    """Take a publication on its signatures alone, because a person answers for it. Raises as `add_file` does."""
    given = list(files)
    stock(gateway)
    gateway.trust.refresh_from(given, gateway.now_ms())
    _keep(gateway, (DirectoryFile(path, content) for path, content in given if is_metadata(path)))


def take_proven(gateway: Gateway, files: Iterable[tuple[str, bytes]], proofs: Mapping[str, bytes]) -> None:
    """Take a publication from files, with tlog-proof@v1 files by path where the country demands its log.

    Raises UncheckableError DIRECTORY_UNLOGGED when the version may not come in without more proofs, and as
    `TlogProof.verify` and `TrustStore.add_file` do.
    """
    directory, given = gateway.newest_directory(), list(files)
    if directory is None or not demands_log(directory, gateway.country):
        take_unlogged(gateway, given)
        return
    contents = dict(given)
    policy = log_policy(directory, gateway.country)
    leaves = {path: directory_leaf(path, contents[path]) for path in proofs if path in contents}
    for path, leaf in leaves.items():
        TlogProof.parse(proofs[path]).verify(leaf, policy, gateway.now_ms() // 1000)
    for path, content in given:
        take(gateway, DirectoryFile(path, content))
    with gateway.store.write() as tx:
        for leaf in leaves.values():
            prove(gateway, tx, leaf)
    release(gateway)
    number = of_timestamp(contents.get(TIMESTAMP, b""))[0]
    with gateway.store.read() as tx:
        if number in {version.number for version in _ahead(gateway, tx)}:
            raise UncheckableError(Code.DIRECTORY_UNLOGGED, said("proofs are missing beside the files"))


def waiting(gateway: Gateway, tx: Transaction) -> Waiting:
    """Return what waits for the log and what it has not confirmed; nothing where no log is demanded."""
    return _waiting(gateway, tx, _current(gateway, tx))


def _waiting(gateway: Gateway, tx: Transaction, current: _Version | None) -> Waiting:
    directory = gateway.newest_directory()
    if directory is None or not demands_log(directory, gateway.country):
        return Waiting(None, 0, None)
    since = [version.timestamp.arrived_ms for version in _ahead(gateway, tx)]
    unproven = 0 if current is None else current.unproven
    first_ms = current.timestamp.arrived_ms if current and unproven else None
    return Waiting(min(since, default=None), unproven, first_ms)


def stock(gateway: Gateway) -> None:
    """Note once what this home has of the directory, if it had one before there was a door. Raises StoreError."""
    with gateway.store.read() as tx:
        if tx.get_int(_STOCKED):
            return
    found = [DirectoryFile(path, content) for path, content in gateway.trust.files() if is_metadata(path)]
    _keep(gateway, found)
    with gateway.store.write() as tx:
        tx.put_int(_STOCKED, 1)


def _keep(gateway: Gateway, files: Iterable[DirectoryFile]) -> None:
    for file in files:
        with gateway.store.read() as tx:
            row = directoryfiles.find(tx, file.path, sha256(file.content))
        if row is None or row.content is None:
            with gateway.store.write() as tx:
                if directoryfiles.arrive(tx, file.path, file.content, gateway.now_ms()):
                    _tell_fork(gateway, tx, file.path, sha256(file.content))


def _hand_over(gateway: Gateway, version: _Version, files: dict[str, bytes], *, demanded: bool) -> Directory | None:
    """Give a whole version to the directory, which verifies it. One that is refused is told and forgotten."""
    try:
        return gateway.trust.take_exactly(files, gateway.now_ms())
    except StoreError:
        raise
    except RefbusError as error:
        if error.code is Code.DIRECTORY_INCOMPLETE:
            return None
        with gateway.store.write() as tx:
            directoryfiles.forget(tx, [version.timestamp.id])
            if demanded and error.code is not Code.DIRECTORY_EXPIRED:
                told = said("a version of the directory that the log shows")
                alarms.raise_alarm(tx, error.code, told, gateway.now_ms())
    return None


def _look_after(gateway: Gateway) -> None:
    """Drop what is superseded; tell a person when something waits too long, and take that back when it does not."""
    now_ms = gateway.now_ms()
    with gateway.store.read() as tx:
        current = _current(gateway, tx)
        state = _waiting(gateway, tx, current)
        old = [] if current is None or not current.complete else _superseded(tx, current)
        standing = any(each.code == Code.DIRECTORY_UNLOGGED for each in alarms.standing_alarms(tx))
    late = [
        (
            said("a newer version of the directory waits since %(time)s", time=_date(gateway, state.since_ms)),
            state.since_ms,
        ),
        (
            said("the log has not confirmed the version of %(time)s", time=_date(gateway, state.first_ms)),
            state.first_ms,
        ),
    ]
    told = [text for text, since_ms in late if since_ms is not None and now_ms - since_ms >= PATIENCE_MS]
    if not old and not told and not standing:
        return
    with gateway.store.write() as tx:
        directoryfiles.forget(tx, old)
        for text in told:
            alarms.raise_alarm(tx, Code.DIRECTORY_UNLOGGED, text, now_ms)
        for each in alarms.standing_alarms(tx):
            if each.code == Code.DIRECTORY_UNLOGGED and each.detail not in told:
                alarms.clear_alarm(tx, each.id, now_ms)


def _tell_fork(gateway: Gateway, tx: Transaction, path: str, digest: bytes) -> None:
    """Tell a person, and keep both, when there are two contents of what can have one only."""
    row = directoryfiles.find(tx, path, digest)
    rivals = directoryfiles.others(tx, path, digest)
    if path == TIMESTAMP:
        number = _number(row)
        rivals = [each for each in rivals if number is not None and _number(each) == number]
    if row is None or not rivals:
        return
    for each in (row, *rivals):
        if each.content is not None:
            gateway.home.keep_evidence(f"directory-{each.sha256.hex()[:16]}.json", each.content)
    one, other = (each.sha256.hex()[:16] for each in (rivals[0], row))
    told = placed(path, said("SHA-256 %(one)s and %(other)s", one=one, other=other))
    alarms.raise_of_many(tx, Code.DIRECTORY_FORKED, "SHA-256", told, gateway.now_ms())
    gateway.observer.directory_fork()


def _ahead(gateway: Gateway, tx: Transaction) -> list[_Version]:
    """Return the versions at the door that are newer than what was verified here, newest first."""
    verified = gateway.trust.timestamp()
    floor = (0 if verified is None else _number_in(verified)) or 0
    numbered = [(number, row) for row in directoryfiles.timestamps(tx) if (number := _number(row)) is not None]
    newer = [(number, row) for number, row in numbered if number > floor]
    return [_version(tx, row) for _, row in sorted(newer, key=lambda each: (each[0], each[1].id), reverse=True)]


def _current(gateway: Gateway, tx: Transaction) -> _Version | None:
    """Return the version that was verified here last, None when its timestamp is not known."""
    verified = gateway.trust.timestamp()
    row = None if verified is None else directoryfiles.find(tx, TIMESTAMP, sha256(verified))
    return None if row is None or row.content is None else _version(tx, row)


def _version(tx: Transaction, timestamp: DirectoryRow) -> _Version:
    number, named = of_timestamp(timestamp.content or b"")
    snapshot = directoryfiles.find(tx, named.path, named.sha256)
    if snapshot is None or snapshot.content is None:
        return _Version(number, timestamp, (timestamp,), complete=False, unproven=1)
    try:
        parts = of_snapshot(snapshot.content)
    except UntrustedError:
        return _Version(number, timestamp, (timestamp,), complete=False, unproven=1)
    found = [row for row in directoryfiles.named(tx, parts) if row.content is not None]
    files, missing = (timestamp, snapshot, *found), len(parts) - len(found)
    unproven = [row.proven_ms for row in files].count(None) + missing
    return _Version(number, timestamp, files, complete=not missing, unproven=unproven)


def _files(tx: Transaction, version: _Version) -> dict[str, bytes]:
    """Return the contents to hand over: the version's own, and every root that is as good as they are."""
    roots = [row for row in directoryfiles.here(tx) if is_root(row.path)]
    good = [row for row in roots if row.proven_ms is not None or version.unproven]
    contents = {row.path: directoryfiles.content(tx, row.id) for row in good}
    contents.update({row.path: row.content for row in version.files})
    return {path: content for path, content in contents.items() if content is not None}


def _superseded(tx: Transaction, current: _Version) -> list[int]:
    """Return the rows of files that the current version has newer ones of."""
    newest = dict(each for row in current.files if (each := versioned(row.path)) is not None)
    old = []
    for row in directoryfiles.here(tx):
        role = versioned(row.path)
        if role is not None and not is_root(row.path) and role[1] < newest.get(role[0], 0):
            old.append(row.id)
    stamps = directoryfiles.timestamps(tx)
    return old + [row.id for row in stamps if (number := _number(row)) is None or number < current.number]


def _number(row: DirectoryRow | None) -> int | None:
    return None if row is None or row.content is None else _number_in(row.content)


def _number_in(timestamp: bytes) -> int | None:
    try:
        return of_timestamp(timestamp)[0]
    except UntrustedError:
        return None


def _date(gateway: Gateway, at_ms: int | None) -> str:
    return "" if at_ms is None else gateway.local_time(at_ms)
