"""The inspector at work: exported entries of the audit log, each opened and checked on its own.

Signature of the writer by the directory, at the time when the broker logged it; what is sealed against the leaf; the
leaf against the published log, when its files are at hand. A failure of one entry never hides the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from refbus.audit.entry import open_entry, verify_entry
from refbus.audit.erasure import OrderAnswer, order_leaf, verify_order
from refbus.audit.export import Exported, read_export
from refbus.audit.lookup import LogLookup
from refbus.audit.record import AnyRecord
from refbus.audit.sources import source_of
from refbus.core.directory import Directory, Organisation, OrgRole
from refbus.core.ids import OrgId
from refbus.crypto.kem import KemPrivate
from refbus.errors import Code, MalformedError, RefbusError, SetupError, UncheckableError, UntrustedError
from refbus.said import placed, reason_of, said
from refbus.tlog.policy import Policy
from refbus.trust.reader.history import History
from refbus.wire.transport import ErasureOrder
from refbus_gateway.home.folder import Home


@dataclass(frozen=True, slots=True)
class Inspected:
    """One exported entry. `problems`: codes of what was not shown, in the order of checking; empty when all was.

    `refuted`: one of them was checked and is false; else what is there only cannot be judged with what is at hand.
    `in_log` is None when nobody looked; `record` is None when it does not open. `index` is where the export says.
    `order` is an order to erase in place of a decision, `answer` what became of it by the leaf in the log.
    """

    origin: str
    index: int
    logged_at_ms: int
    writer: OrgId | None
    record: AnyRecord | None
    in_log: bool | None
    problems: tuple[Code, ...]
    refuted: bool
    order: ErasureOrder | None = None
    answer: OrderAnswer | None = None


class Inspector:
    """The keys of the role, the directory, and, if they are at hand, the files of the log."""

    def __init__(self, keys: Sequence[KemPrivate], history: History, logs: Logs | None) -> None:
        self._keys = keys
        self._history = history
        self._logs = logs

    def inspect(self, exported: Exported) -> Inspected:
        """Check and open one entry. Raises TransportError, SetupError when the files of the log cannot be read."""
        order = exported.order()
        if order is not None:
            return self._ordered(exported, order)
        problems = list[RefbusError]()
        entry = _attempt(problems, exported.entry)
        record = None
        if entry is not None:
            _attempt(problems, lambda: verify_entry(entry, self._writer(entry.writer), exported.logged_at_ms))
            record = _attempt(problems, lambda: open_entry(entry, self._keys))
            if record is not None and record.stays > entry.stays:
                problems.append(UntrustedError(Code.EVIDENCE_UNMARKED))
        in_log = None if self._logs is None or entry is None else self._logs.holds(exported, entry.leaf, problems)
        place = (exported.origin, exported.index, exported.logged_at_ms)
        return Inspected(*place, entry.writer if entry else None, record, in_log, *_told(problems))

    def _ordered(self, exported: Exported, order: ErasureOrder) -> Inspected:
        """Check an order to erase, and find its answer: the leaf in the log is that of one of the two."""
        problems = list[RefbusError]()
        writer = _attempt(problems, lambda: self._writer(order.writer))
        if writer is not None:
            _attempt(problems, lambda: verify_order(order, writer, exported.logged_at_ms))
        in_log, answer = None, None
        if self._logs is not None:
            tried = list[RefbusError]()
            for each in OrderAnswer:
                if answer is None and self._logs.holds(exported, order_leaf(exported.raw, each), tried):
                    answer = each
            in_log = answer is not None
            if not in_log:
                problems.append(tried[-1])
        place = (exported.origin, exported.index, exported.logged_at_ms)
        return Inspected(*place, order.writer, None, in_log, *_told(problems), order, answer)

    def _writer(self, org: OrgId) -> Organisation:
        """Return the writer as the newest version of the directory has it, else as the last one that knew it.

        Raises UncheckableError ORGANISATION_UNKNOWN.
        """
        for directory in reversed(self._history.versions):
            found = directory.find(org)
            if found is not None:
                return found
        raise UncheckableError(Code.ORGANISATION_UNKNOWN, org)


class Logs:
    """The published shards of one log under a web prefix or in a folder: each shard in a folder of its name."""

    def __init__(self, place: str, policy: Policy, now_s: int) -> None:
        self._place = place
        self._policy = policy
        self._now_s = now_s
        self._shards: dict[str, LogLookup] = {}

    def holds(self, exported: Exported, leaf: bytes, problems: list[RefbusError]) -> bool:
        """Whether the log has the leaf where the export says; why not is added to `problems`."""
        found = _attempt(problems, lambda: self._shard(exported.origin).proof(leaf, exported.index))
        return found is not None

    def _shard(self, origin: str) -> LogLookup:
        if origin not in self._shards:
            source = source_of(f"{self._place.rstrip('/')}/{_folder(origin)}")
            lookup = LogLookup(source, self._policy, self._now_s)
            if lookup.origin != origin:
                raise UncheckableError(Code.KEY_UNKNOWN, said("the log at this place has another name"))
            self._shards[origin] = lookup
        return self._shards[origin]


def inspect_file(inspector: Inspector, path: Path) -> Iterator[Inspected]:
    """Yield what became of each entry of an export. Raises SetupError FILE_UNREADABLE, MalformedError at damage."""
    try:
        with path.open("rb") as file:
            for exported in read_export(file.read):
                yield inspector.inspect(exported)
    except OSError as error:
        raise SetupError(Code.FILE_UNREADABLE, placed(path.name, reason_of(error))) from None


def open_home(home: Home, passphrase: str, now_ms: int) -> tuple[Sequence[KemPrivate], History]:
    """Return keys and directory of an inspector's home. Raises SetupError, UncheckableError DIRECTORY_INVALID.

    ROLE_NOT_ALLOWED for the home of anyone else.
    """
    home.require()
    if home.member.identity().role is not OrgRole.INSPECTOR:
        raise SetupError(Code.ROLE_NOT_ALLOWED, said("only the inspector can open entries"))
    trust = home.member.trust_store()
    trust.load(now_ms)
    return tuple(home.member.kem_keys(passphrase).values()), trust.history


def directory_of(home: Home, now_ms: int) -> Directory | None:
    """Return the newest directory of a home, None before the first one."""
    history = home.member.trust_store().load(now_ms)
    return None if history is None else history.latest


def _folder(origin: str) -> str:
    """Return the folder of a shard: the last part of its origin, which must be plain. Raises UncheckableError."""
    folder = origin.rpartition("/")[2]
    if not folder.isalnum():
        raise UncheckableError(Code.KEY_UNKNOWN, said("a log of an impossible name"))
    return folder


_Found = TypeVar("_Found")


def _told(problems: Sequence[RefbusError]) -> tuple[tuple[Code, ...], bool]:
    """Return the codes, and whether one of them is of something that was checked and is false."""
    refuted = any(not isinstance(each, UncheckableError) for each in problems)
    return tuple(each.code for each in problems), refuted


def _attempt(problems: list[RefbusError], check: Callable[[], _Found]) -> _Found | None:
    """Return what a check gives; its failure is noted instead. Raises TransportError, SetupError, StoreError."""
    try:
        return check()
    except (MalformedError, UntrustedError, UncheckableError) as error:
        problems.append(error)
        return None
