"""One batch of the audit topic: what each record says, whose it is, and what becomes of it."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace

from refbus.audit.entry import verify_entry
from refbus.audit.erasure import OrderAnswer, verify_order
from refbus.bus.port import Record
from refbus.core.directory import Directory, Organisation
from refbus.core.ids import OrgId
from refbus.crypto.framing import sha256
from refbus.errors import Code, MalformedError, UncheckableError, UntrustedError
from refbus.telemetry.labels import EntryResult
from refbus.wire.transport import AuditEntry, ErasureOrder
from refbus_auditor.erasure import logged_order
from refbus_auditor.ledger import Name, NewEntry
from refbus_auditor.quotas import Amount, Budget, keeps_leaf, unverified

_log = logging.getLogger("refbus.auditor.batch")


@dataclass(frozen=True, slots=True)
class Waits:
    """A record that waits: why, and whose room it takes."""

    record: Record
    code: Code
    owner: str


@dataclass(slots=True)
class Sorted:
    """A batch after the checks. `full` are the accounts that have no room left; `again`: it waited already."""

    budget: Budget
    again: bool = False
    full: set[str] = field(default_factory=set)
    good: list[NewEntry] = field(default_factory=list)
    orders: list[ErasureOrder] = field(default_factory=list)
    answers: list[NewEntry] = field(default_factory=list)
    wait: list[Waits] = field(default_factory=list)
    results: Counter[tuple[EntryResult, Code | None]] = field(default_factory=Counter)

    def obey(self, order: ErasureOrder, logged_ms: int) -> None:
        """Take an order that is to be obeyed."""
        self.orders.append(order)
        self.answers.append(logged_order(order, OrderAnswer.OBEYED, logged_ms))
        self.results[EntryResult.ERASED, None] += 1

    def refuse(self, order: ErasureOrder, logged_ms: int) -> None:
        """Take an order that would delete evidence: nothing of it is done, and the log says so."""
        self.answers.append(logged_order(order, OrderAnswer.REFUSED, logged_ms))
        self.results[EntryResult.REFUSED, Code.EVIDENCE_STAYS] += 1

    def has_room(self, owner: str, amount: Amount) -> bool:
        """Take room in the log; False when there is none now, or an earlier record of this owner waits for it."""
        if owner in self.full or (not self.again and self.budget.waits(owner)):
            return False
        return self.budget.takes(owner, amount)

    def put_off(self, record: Record, checked: NewEntry | ErasureOrder, owner: str) -> None:
        """Let a record wait for its owner to have room again, or log its leaf alone, or refuse it."""
        if owner not in self.full and not self.again:
            _log.warning("somebody writes more than one may: python -m refbus_auditor waiting names it")
        self.full.add(owner)
        waits = Waits(record, Code.TOO_MANY_WAITING, owner)
        if self.again or not keeps_leaf(owner) or not isinstance(checked, NewEntry):
            self.let_wait(waits)
        elif self.budget.lets_wait(owner, len(record.value)):
            self.wait.append(waits)
        else:
            self.good.append(replace(checked, raw=None))

    def let_wait(self, waits: Waits) -> None:
        """Let a record wait, if it is here already or its owner has room for it."""
        if self.again or self.budget.lets_wait(waits.owner, len(waits.record.value)):
            self.wait.append(waits)
        else:
            self.results[EntryResult.REFUSED, Code.TOO_MANY_WAITING] += 1


def amount_of(record: Record, checked: NewEntry | ErasureOrder) -> Amount:
    """Return what a record takes of its writer's quota."""
    names = len(checked.decision_ids) if isinstance(checked, ErasureOrder) else 0
    return Amount(1, len(record.value), names)


def owner_unverified(record: Record, directory: Directory) -> str:
    """Return whose room a record takes whose signature cannot be checked."""
    parsed = _parsed(record.value)
    return unverified(parsed.writer, parsed.kid, known=directory.find(parsed.writer) is not None)


def name_in(checked: NewEntry | ErasureOrder) -> Name:
    """Return what tells one record from all others: an order by its bytes, an entry by what it says."""
    if isinstance(checked, ErasureOrder):
        return checked.writer, sha256(checked.encode()), b""
    return checked.writer, checked.decision_id, checked.leaf


def checked_in(record: Record, directory: Directory) -> NewEntry | ErasureOrder:
    """Return what a record says, whose writer's signature holds.

    Raises MalformedError, UntrustedError; UncheckableError: it may be good later.
    """
    parsed = _parsed(record.value)
    writer = _writer(record, directory, parsed.writer)
    if isinstance(parsed, ErasureOrder):
        verify_order(parsed, writer, record.timestamp_ms)
        return parsed
    verify_entry(parsed, writer, record.timestamp_ms)
    logged_ms, raw = record.timestamp_ms, record.value
    return NewEntry(parsed.decision_id, parsed.leaf, parsed.writer, logged_ms, raw, parsed.stays)


def _parsed(value: bytes) -> AuditEntry | ErasureOrder:
    """Return the entry, or else the order, in a record: the signature of the one is none of the other."""
    try:
        return AuditEntry.parse(value)
    except MalformedError as error:
        try:
            return ErasureOrder.parse(value)
        except MalformedError:
            raise error from None


def _writer(record: Record, directory: Directory, named: OrgId) -> Organisation:
    writer = directory.find(named)
    if writer is None:
        raise UncheckableError(Code.ORGANISATION_UNKNOWN, "writer of an audit entry")
    if record.topic.partition(".")[0] != writer.country:
        raise UntrustedError(Code.WRONG_COUNTRY, "writer of an audit entry")
    return writer
