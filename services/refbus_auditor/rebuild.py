"""`python -m refbus_auditor rebuild [PLACE...] [--end]`: the store of a log again, from what was published and signed.

For an auditor whose store is lost, or older than what it signed. Checkpoints come from the home's `log/`, from copies
and web addresses of logs, from what witnesses show, and from the proofs on the bus; entries from the store that is left
and from files, each checked up to the newest checkpoint that anybody has. Nothing is signed here.

A log goes on only when the home's own `log/` has the newest checkpoint that is known, and every entry below it is
found; then the auditor signs nothing new in it before every witness has cosigned that. In any other case something may
have been signed that nobody shows, and only `--end` goes on: nothing more is ever signed in that log, its end is told
with a signature (refbus.tlog.end), and the log of a half-year begins that cannot have begun before. A log whose end was
signed comes back as it ended. ADR 82.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select, update

from refbus.audit.published_log import LogSource
from refbus.audit.shapes import parse_directory_leaf
from refbus.audit.sources import FolderSource
from refbus.bus.port import Reader, Record
from refbus.core.directory import Directory
from refbus.core.ids import CountryCode
from refbus.crypto.framing import sha256
from refbus.database.engine import FileDatabase, own
from refbus.database.failures import require_lasting
from refbus.database.opening import Place, copy_database_to
from refbus.database.putback import exchange, told_before
from refbus.errors import (
    Code,
    MalformedError,
    RefbusError,
    SetupError,
    StoreError,
    TransportError,
    UncheckableError,
    UntrustedError,
)
from refbus.files import make_folder, store_errors
from refbus.node.directory_follower import DirectoryFollower
from refbus.node.store.node import get_setting, put_setting
from refbus.tlog.custody import LogSecret
from refbus.tlog.hashing import EMPTY_ROOT
from refbus.tlog.policy import NONE
from refbus.tlog.proofs import Head
from refbus.tlog.shards import next_shard, origin_of, shard_at
from refbus.trust.reader.loader import TrustStore
from refbus.trust.reader.log_policy import audit_keys, log_policy
from refbus.wire.logs import LogProofs
from refbus_auditor import ledger
from refbus_auditor.home import KIND, MARK, STOPPED, STORE, place
from refbus_auditor.known import Known, hear_kept, hear_places, hear_proofs, shard_of
from refbus_auditor.ledger import DIRECTORY_WRITER, PUBLISHED_WRITER, REBUILT, Ledger, NewEntry, Shard, Standing
from refbus_auditor.pieces import Pieces, edge_of, heads_of
from refbus_auditor.store.tables import entry, setting, shard

if TYPE_CHECKING:
    from refbus.database.lead import Lead

_DRAFT = "rebuilding"
_AT_ONCE = 200
_WAIT_S = 10.0
_BY_LEAF = (DIRECTORY_WRITER, PUBLISHED_WRITER)
_NO_RECORDS = "Sealed records come from the broker alone, which has those of ninety days."
_ONLY_END = "{}: log/ of this home does not have the newest checkpoint, so more may have been signed: it can only --end"


@dataclass(frozen=True, slots=True)
class Request:
    """What a store is rebuilt from. `places`: prefixes of logs beside the home's own; `proofs`: those on the bus.

    `end`: the newest log ends, and each before it of which something is lost, or may be. `now_ms`: the time that
    counts, UTC.
    """

    country: CountryCode
    secret: LogSecret = field(repr=False)
    directory: Directory
    places: Sequence[LogSource]
    proofs: Iterable[LogProofs]
    now_ms: int
    end: bool

    @property
    def name(self) -> str:
        """The name of the log."""
        return audit_keys(self.directory, self.country).name


@dataclass(frozen=True, slots=True)
class _Log:
    """One log while it is rebuilt. `target`: the tree up to which it has come back; `newest`: the largest known one.

    `kept`: how many entries of the store stay. `leaves`: all entries of the log afterwards.
    """

    known: Known
    stored: Shard | None
    target: Head
    newest: Head
    kept: int
    leaves: Sequence[bytes] = field(repr=False)
    ends: bool


def rebuild(folder: Path, request: Request, lead: Lead | None = None) -> list[str]:
    """Put a store in the place of the one of the home `folder`; return what the operator must know.

    Raises SetupError HOME_IN_USE, LOG_ROLLED_BACK (it can only end), KEY_UNKNOWN, USAGE when nothing is newer than the
    store; UncheckableError LOG_INCOMPLETE; UntrustedError LOG_DAMAGED, LOG_FORKED; StoreError.
    """
    target, file = place(folder, lead), folder / "store" / STORE
    if lead is None:
        with own(file):  # not beside a running auditor
            pass
    with _draft(file.parent / _DRAFT) as draft:
        fresh = draft / STORE
        told = _take_over(target, fresh, request.name)
        with closing(FileDatabase(fresh, KIND)) as database, database.writing() as connection:
            told += _bring_forward(connection, folder, request, alone=lead is None)
        kept = exchange(fresh, target, KIND, lambda _: None, mark=folder / MARK, beside=file)
    return [
        *told,
        told_before(kept),
        "Start the auditor. It reads the audit topic again, and records come back to the entries that the broker has.",
        "It has forgotten what this witness cosigned since. Tell the auditors of the other countries.",
    ]


def proofs_on(reader: Reader) -> Iterator[LogProofs]:
    """Yield the proofs that members were given, from the beginning of the topic to its present end.

    Raises TransportError, SetupError as the reader does.
    """
    for record in _records_on(reader):
        with suppress(MalformedError):
            yield LogProofs.parse(record.content())


def newest_directory(trust: TrustStore, reader: Reader, now_ms: Callable[[], int]) -> Directory:
    """Take what the topic of the directory has into the home, and return the newest version.

    An auditor that may not start learns of a new key of its log in no other way. Raises UncheckableError when the home
    has no version at all; TransportError, SetupError as the reader does; StoreError.
    """
    follower = DirectoryFollower(trust, lambda: reader, now_ms)
    for record in _records_on(reader):
        follower.take(record.value)
    return trust.history.latest


def _records_on(reader: Reader) -> Iterator[Record]:
    """Yield the records of a topic from its beginning to its present end."""
    end = reader.end_offset()
    reader.seek(reader.begin_offset())
    while reader.position() < end:
        records = reader.read(_AT_ONCE, _WAIT_S)
        if not records:
            raise TransportError(Code.BROKER_UNREACHABLE, "a topic cannot be read to its end")
        yield from records


def _take_over(target: Place, fresh: Path, name: str) -> list[str]:
    """Copy the store that is left if it is one, and sound; else begin with nothing. Return what to tell."""
    if isinstance(target, Path) and not (target.is_file() and target.stat().st_size):
        return ["There is no store.", _NO_RECORDS]
    try:
        copy_database_to(fresh, target, KIND)
        with closing(FileDatabase(fresh, KIND)) as database, database.reading() as connection:
            for log in ledger.shards(connection):
                if not log.origin.startswith(f"{name}/"):
                    raise StoreError(Code.LOG_STORE_DAMAGED, log.origin)
                ledger.require_sound(connection, log)
    except RefbusError as error:
        require_lasting(error)
        shutil.rmtree(fresh.parent)
        make_folder(fresh.parent)
        if error.code is Code.HOME_NOT_FOUND:
            return ["There is no store.", _NO_RECORDS]
        return [f"The store that is there cannot be used ({error.code}): sealed records come from the broker alone."]
    return ["The store that is there keeps its records."]


def _bring_forward(connection: Connection, folder: Path, request: Request, *, alone: bool) -> list[str]:
    """Bring every log forward of which more is known than the store has; return what to tell.

    `alone`: no other home signs this log, so what `log/` of this one has is what was signed last.
    """
    stored = {log.origin: log for log in ledger.shards(connection)}
    own_files = [FolderSource(folder / "log")] if (folder / "log").is_dir() else []
    places = [*own_files, *request.places]
    policy = log_policy(request.directory, request.country)
    keys = audit_keys(request.directory, request.country)
    origins = sorted({*(origin_of(request.name, each) for each in keys.logs), *stored})
    shown = [Known(request.secret.log_key(origin), policy) for origin in origins]
    hear_places(shown, own_files)
    here = {each.origin: _newest_of(each) for each in shown}
    for known in shown:
        _tell_stored(known, stored.get(known.origin))
    hear_places(shown, request.places)
    hear_kept(shown, folder / "evidence")
    hear_proofs(shown, request.proofs)
    logs = [each for each in shown if each.notes]
    told, later = list[str](), list[NewEntry]()
    for known in logs:
        last = known is logs[-1]
        proven = alone and here[known.origin] == _newest_of(known) and policy.quorum != NONE
        log = stored.get(known.origin)
        found = _log(connection, known, log, places, ends=request.end, only_lost=proven and not last, last=last)
        if found is None:
            continue
        settled = proven or (request.end if last else found.ends)
        if not settled:
            raise SetupError(Code.LOG_ROLLED_BACK, _ONLY_END.format(known.origin))
        came, behind = _put(connection, found, request)
        told, later = told + came, later + behind
    if not told:
        raise SetupError(Code.USAGE, "nobody knows more of this log than its store")
    put_setting(connection, REBUILT, request.now_ms.to_bytes(8, "big"))
    if get_setting(connection, STOPPED) == Code.LOG_ROLLED_BACK.encode():
        connection.execute(delete(setting).where(setting.c.name == STOPPED))
    told += _begin_next(connection, logs[-1], request)
    Ledger(request.name, keys.logs.__contains__).add(connection, later, request.now_ms)
    return told


def _newest_of(known: Known) -> tuple[int, bool]:
    """Return what was signed last of a log, as far as it is known by now: its size, and whether it has ended."""
    return max(known.notes, default=-1), known.end is not None


def _tell_stored(known: Known, stored: Shard | None) -> None:
    """Tell what the store has signed, and what the quorum cosigned of it."""
    if stored is not None:
        known.tell(stored.signed)
        if stored.cosigned is not None:
            known.take(LogProofs(stored.cosigned, ()))


def _log(
    connection: Connection,
    known: Known,
    stored: Shard | None,
    places: Sequence[LogSource],
    *,
    ends: bool,
    only_lost: bool,
    last: bool,
) -> _Log | None:
    """Return how far a log comes back, None when its store has all that is known.

    Raises UncheckableError LOG_INCOMPLETE, UntrustedError LOG_DAMAGED, LOG_FORKED; with `ends` what is not found is
    left out instead, and with `only_lost` the log ends in this case alone. One before the `last` whose store has all
    that is known is left as it is. A log whose end was signed comes back as that says.
    """
    end, heads = known.end, known.heads
    newest = heads[0] if end is None else end.newest
    if stored is not None and stored.standing is Standing.ENDED:
        return None
    if stored is not None and end is None and not (ends and last) and newest.size <= stored.signed.size:
        return None
    left = [] if stored is None else ledger.leaves(connection, known.origin, 0, stored.head.size)
    pieces = Pieces(known, left, places)
    target, leaves = _found(pieces, heads, ends=ends) if end is None else (end.head, pieces.leaves(end.head))
    made = heads_of(leaves, {head.size for head in heads})
    for head in heads:
        if head.size <= target.size and head not in made:
            raise UntrustedError(Code.LOG_FORKED, f"{known.origin}: what was signed at {head.size} is no beginning")
    same = next((at for at, pair in enumerate(zip(left, leaves, strict=False)) if pair[0] != pair[1]), None)
    if stored is not None and same is not None and same < stored.signed.size:
        raise UntrustedError(Code.LOG_FORKED, f"{known.origin}: the store has other entries than were signed")
    ended = end is not None or (ends and not (only_lost and target == newest))
    kept = len(left) if same is None else same  # what differs behind that was never signed: no other history
    kept = min(kept, target.size) if ended else kept
    return _Log(known, stored, target, newest, kept, [*leaves, *left[target.size : kept]], ended)


def _found(pieces: Pieces, heads: Sequence[Head], *, ends: bool) -> tuple[Head, list[bytes]]:
    """Return the largest tree whose entries are found; only a log that `ends` may fall back to a smaller one."""
    for head in heads:
        try:
            return head, pieces.leaves(head)
        except (UncheckableError, UntrustedError):
            if not ends:
                raise
    return Head(0, EMPTY_ROOT), []


def _put(connection: Connection, found: _Log, request: Request) -> tuple[list[str], list[NewEntry]]:
    """Write a log that came back; return what to tell, and what was taken out of it because it was never signed."""
    origin, size, stored = found.known.origin, found.target.size, found.stored
    if stored is None:
        ledger.begin(connection, origin, request.now_ms)
    ledger.note_whole(connection, origin, whole=False)
    later = _taken_out(connection, origin, found.kept)
    _add_entries(connection, origin, found.leaves, found.kept)
    edge = edge_of(found.leaves)
    cosigned = found.known.cosigned(size, request.now_ms // 1000)
    given = max(found.known.entries, default=-1) + 1 if stored is None else stored.proven
    values = {
        "size": edge.size,
        "root": edge.head.root,
        "edge": edge.encode(),
        "signed_size": size,
        "signed_root": found.target.root,
        "proven_size": min(given, size),
        "cosigned": None if cosigned is None else cosigned[0],
        "cosigned_ms": None if cosigned is None else cosigned[1] * 1000,
        "standing": Standing.ENDED if found.ends else Standing.REBUILT,
        "newest": found.known.notes[found.newest.size].encode() if found.ends else None,
    }
    connection.execute(update(shard).where(shard.c.origin == origin).values(**values))
    came = f"{origin}: {size} entries, {max(0, size - found.kept)} of them from what was published."
    if not found.ends:
        return [came, "Nothing new is signed in it before every witness has cosigned that."], later
    lost = f" {found.newest.size - size} entries that it signed are lost." if found.newest.size > size else ""
    return [came, f"It has ended.{lost}"], later


def _begin_next(connection: Connection, newest: Known, request: Request) -> list[str]:
    """Begin the log after the last one if that has ended; return what to tell. Raises SetupError KEY_UNKNOWN.

    Where the order is to end a log, what was signed last may be unknown: a later log that nobody shows may have begun,
    by the calendar or because this one had ended before. It is passed over, so that nothing is signed in it twice.
    """
    if ledger.shards(connection)[-1].standing is not Standing.ENDED:
        return []
    ended, present = shard_of(newest.origin), shard_at(request.now_ms)
    if request.end and newest.end is not None:
        ended = next_shard(ended)
    half_year = next_shard(max(ended, present)) if request.end else max(next_shard(ended), present)
    if half_year not in audit_keys(request.directory, request.country).logs:
        raise SetupError(Code.KEY_UNKNOWN, f"the directory lists no key for {half_year}: refbus-ops audit keys renew")
    origin = origin_of(request.name, half_year)
    ledger.begin(connection, origin, request.now_ms)
    return [f"{origin} has begun."]


def _taken_out(connection: Connection, origin: str, size: int) -> list[NewEntry]:
    """Take the entries behind `size` out of a log: they were not signed there, and go to its end or into the next."""
    behind = (entry.c.origin == origin, entry.c.place >= size)
    rows = connection.execute(select(entry).where(*behind).order_by(entry.c.place)).all()
    connection.execute(delete(entry).where(*behind))
    return [NewEntry(row.decision_id, row.leaf, row.writer, row.logged_ms, row.raw, bool(row.stays)) for row in rows]


def _add_entries(connection: Connection, origin: str, leaves: Sequence[bytes], have: int) -> None:
    """Add the entries from `have` on. What they say of themselves is known for files of the directory alone."""
    used = set(connection.execute(select(entry.c.decision_id).where(entry.c.writer.in_(_BY_LEAF))).scalars())
    rows = []
    for number, leaf in enumerate(leaves[have:], have):
        name = ledger.directory_id(leaf)
        if name in used:  # one leaf twice: somebody copied it, and the log has both
            name = sha256(leaf + origin.encode() + number.to_bytes(8, "big"))[:16]
        used.add(name)
        writer = PUBLISHED_WRITER if parse_directory_leaf(leaf) is None else DIRECTORY_WRITER
        place_of = {"origin": origin, "place": number, "decision_id": name, "leaf": leaf, "writer": writer}
        rows.append({**place_of, "logged_ms": 0, "raw": None, "stays": 0})
    if rows:
        connection.execute(insert(entry), rows)


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    """Give an empty folder that is gone afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with store_errors(folder.name):
            make_folder(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
