"""Cases, and per (case, organisation) the random names that are used between the two."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sqlalchemy import BindParameter, Row, bindparam, func, or_, select, update

from refbus.core.ids import CaseHandle, OrgId, SubjectRef
from refbus.crypto.secretbox import StateKey
from refbus.database.prepared import Prepared
from refbus.each import each
from refbus.errors import Code, RefbusError, RuleError
from refbus.said import said
from refbus_gateway.store import companions, links, lookups
from refbus_gateway.store.schema import cases, counterparts
from refbus_gateway.store.session import Transaction, inserting, slices
from refbus_gateway.store.vault import join, split

Unread: TypeAlias = list[tuple[int, Code]]
"""Numbers of cases, or of referrals, that could not be read, and why: whoever lists the others shows these too."""

_NUMBER: Final[BindParameter[int]] = bindparam("number")
_BY_NUMBER: Final = Prepared(select(cases).where(cases.c.id == _NUMBER))
_PARTY: Final = Prepared(
    select(counterparts).where(counterparts.c.case_id == _NUMBER, counterparts.c.org_hash == bindparam("org"))
)
_NEW: Final = inserting(cases, "case_hash", "own", "wrapped_key", "created_ms", "body")
_NEW_PARTY: Final = inserting(counterparts, "case_id", "org_hash", "handle_hash", "body")
_HAS_KEY: Final = Prepared(select(cases.c.id).where(cases.c.id == _NUMBER, cases.c.wrapped_key.is_not(None)))
_PARTIES: Final = Prepared(select(counterparts).where(counterparts.c.case_id == _NUMBER))
_EVERY: Final = Prepared(select(cases).order_by(cases.c.id))
_BEING_ERASED: Final = Prepared(
    select(cases.c.id).where(cases.c.erasing_ms.is_not(None), cases.c.wrapped_key.is_not(None))
)
_OF_HANDLE: Final = Prepared(select(counterparts.c.case_id).where(counterparts.c.handle_hash == bindparam("handle")))


@dataclass(frozen=True, slots=True)
class Case:
    """A case row. `key` is None once the case was erased.

    `erasing_ms`: since when its content is gone, or is being taken out, while answers of others are waited for.
    """

    id: int
    own: bool
    created_ms: int
    destroyed_ms: int | None
    key: StateKey | None = field(repr=False)
    erasing_ms: int | None = None

    @property
    def live(self) -> bool:
        """Whether there is anything to read: neither erased nor being erased."""
        return self.key is not None and self.erasing_ms is None

    def require_live(self) -> None:
        """Raise RuleError KEY_DESTROYED for a case whose erasure was ordered."""
        if not self.live:
            raise RuleError(Code.KEY_DESTROYED, said("case %(case)s", case=self.id))

    def open_key(self) -> StateKey:
        """Return the case key. Raises RuleError KEY_DESTROYED."""
        if self.key is None:
            raise RuleError(Code.KEY_DESTROYED, said("case %(case)s", case=self.id))
        return self.key


@dataclass(frozen=True, slots=True)
class Counterpart:
    """How this case and its person are named towards one organisation."""

    id: int
    case_id: int
    org: OrgId
    case_handle: CaseHandle
    subject_ref: SubjectRef


def create(tx: Transaction, name: bytes, body: Mapping[str, Any], *, own: bool, now_ms: int) -> Case:
    """Add a case under the secret look-up name `name`; `body` is JSON, sealed under the new case key."""
    case_hash = tx.vault.hash("case", name)
    key, wrapped = tx.vault.new_case_key(case_hash)
    sealed = key.seal(b"case/" + case_hash, _dump(body))
    row = {"case_hash": case_hash, "own": own, "wrapped_key": wrapped, "created_ms": now_ms, "body": sealed}
    row_id = int(_NEW.once(tx.connection, row).lastrowid)
    tx.forget_case_row(row_id)
    return Case(row_id, own, now_ms, None, key)


def find(tx: Transaction, *names: bytes) -> Case | None:
    """Return the case that was created under one of these few names; one that lives before one that was erased."""
    hashes = [tx.vault.hash("case", name) for name in names]
    rows = tx.connection.execute(select(cases).where(cases.c.case_hash.in_(hashes)).order_by(cases.c.id)).all()
    found = sorted(rows, key=lambda row: row.wrapped_key is None or row.erasing_ms is not None)
    return _case(tx, found[0]) if found else None


def get(tx: Transaction, case_id: int) -> Case:
    """Return the case with this number. Raises RuleError CASE_UNKNOWN."""
    row = tx.case_row(case_id, lambda: _BY_NUMBER.once(tx.connection, {"number": case_id}).first())
    if row is None:
        raise RuleError(Code.CASE_UNKNOWN, str(case_id))
    return _case(tx, row)


def every(tx: Transaction, unread: Unread | None = None) -> list[Case]:
    """Return all cases, oldest first, erased ones too. One whose key cannot be opened goes into `unread` instead."""
    rows = _EVERY.once(tx.connection, {})
    kept = [] if unread is None else unread
    return each(rows, lambda row: _case(tx, row), lambda row, error: kept.append((row.id, error.code)))


def newest(tx: Transaction, most: int | None, skip: int, unread: Unread) -> list[Case]:
    """Return so many of the newest cases behind the `skip` newest, oldest first, erased ones too; None: all.

    One whose key cannot be opened goes into `unread` instead.
    """
    rows = tx.connection.execute(select(cases).order_by(cases.c.id.desc()).limit(most).offset(skip)).all()
    return each(rows[::-1], lambda row: _case(tx, row), lambda row, error: unread.append((row.id, error.code)))


def gone(tx: Transaction, unread: Unread) -> list[Case]:
    """Return every case that was erased or is being erased, oldest first; one that cannot be read goes into `unread`.

    A case of which nothing says that it goes is told of where the cases are listed.
    """
    query = select(cases).where(or_(cases.c.wrapped_key.is_(None), cases.c.erasing_ms.is_not(None)))
    rows = tx.connection.execute(query.order_by(cases.c.id)).all()
    return each(rows, lambda row: _case(tx, row), lambda row, error: unread.append((row.id, error.code)))


def count(tx: Transaction) -> int:
    """Return how many cases there are, erased ones too."""
    return int(tx.connection.execute(select(func.count()).select_from(cases)).scalar_one())


def live_hashes(tx: Transaction) -> dict[int, bytes]:
    """Return the keyed hash of each case that is neither erased nor being erased, whatever can be read of it."""
    query = select(cases.c.id, cases.c.case_hash).where(cases.c.wrapped_key.is_not(None), cases.c.erasing_ms.is_(None))
    return {row.id: bytes(row.case_hash) for row in tx.connection.execute(query)}


def without_key(tx: Transaction, number: int) -> Case:
    """Return a case that nothing is to be read of any more; its key is not opened. Raises RuleError CASE_UNKNOWN."""
    row = tx.connection.execute(select(cases).where(cases.c.id == number)).first()
    if row is None:
        raise RuleError(Code.CASE_UNKNOWN, str(number))
    return Case(row.id, row.own, row.created_ms, row.destroyed_ms, None, row.erasing_ms)


def body_of(tx: Transaction, case: Case) -> dict[str, Any]:
    """Return what is kept of a case. Raises RuleError KEY_DESTROYED."""
    case.require_live()
    row = tx.case_row(case.id, lambda: _BY_NUMBER.once(tx.connection, {"number": case.id}).one())
    body: dict[str, Any] = json.loads(case.open_key().open(b"case/" + row.case_hash, row.body))
    return body


def of_numbers(tx: Transaction, numbers: Iterable[int], unread: Unread) -> list[Case]:
    """Return the cases with these numbers, in their order. One whose key cannot be opened goes into `unread`."""
    wanted = list(numbers)
    rows = {
        row.id: row
        for some in slices(wanted)
        for row in tx.connection.execute(select(cases).where(cases.c.id.in_(some)))
    }
    found = [rows[number] for number in wanted if number in rows]
    return each(found, lambda row: _case(tx, row), lambda row, error: unread.append((row.id, error.code)))


def own_bodies(tx: Transaction, numbers: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return what is kept of those of these cases that are own and live, by number; what cannot be read is left out."""
    live = (cases.c.wrapped_key.is_not(None), cases.c.erasing_ms.is_(None))
    rows = [
        row
        for some in slices(numbers)
        for row in tx.connection.execute(select(cases).where(cases.c.id.in_(some), *live))
        if row.own  # judged here: SQLite would look through all own ones
    ]

    def one(row: Row[Any]) -> tuple[int, dict[str, Any]]:
        return row.id, json.loads(_case(tx, row).open_key().open(b"case/" + row.case_hash, row.body))

    return dict(each(rows, one, lambda *_: None))


def has_key(tx: Transaction, number: int) -> bool:
    """Whether a case was not erased, whatever can be read of it."""
    return _HAS_KEY.once(tx.connection, {"number": number}).first() is not None


def being_erased(tx: Transaction) -> list[int]:
    """Return the numbers of the cases whose erasure was ordered and that still have a key, oldest first."""
    return sorted(row.id for row in _BEING_ERASED.once(tx.connection, {}))  # here: the index has these cases alone


def has_content(tx: Transaction, case: Case) -> bool:
    """Whether the content of a case is still in the store."""
    query = select(cases.c.id).where(cases.c.id == case.id, cases.c.body.is_not(None))
    return tx.connection.execute(query).first() is not None


def order_erasure(tx: Transaction, case: Case, now_ms: int) -> None:
    """Note that a case is to be erased; the first time counts. What belongs to it belongs to it no more."""
    links.forget_case(tx, case.id)
    companions.forget_case(tx, case.id)
    fresh = (cases.c.id == case.id, cases.c.erasing_ms.is_(None))
    tx.forget_case_row(case.id)
    tx.connection.execute(update(cases).where(*fresh).values(erasing_ms=now_ms))


def hash_of(tx: Transaction, case: Case) -> bytes:
    """Return the keyed hash that names a case outside of the store (32 bytes)."""
    return bytes(tx.connection.execute(select(cases.c.case_hash).where(cases.c.id == case.id)).scalar_one())


def replace_body(tx: Transaction, case: Case, body: Mapping[str, Any]) -> None:
    """Keep `body` in place of what was there."""
    case_hash = hash_of(tx, case)
    sealed = case.open_key().seal(b"case/" + case_hash, _dump(body))
    tx.forget_case_row(case.id)
    tx.connection.execute(update(cases).where(cases.c.id == case.id).values(body=sealed))
    lookups.forget_case(tx, case.id)


def counterpart(tx: Transaction, case: Case, org: OrgId) -> Counterpart:
    """Return the names used towards `org` in this case; made at random on the first call."""
    return party_with(tx, case, org) or add_counterpart(
        tx, case, org, CaseHandle(secrets.token_bytes(32)), SubjectRef(secrets.token_bytes(32))
    )


def add_counterpart(tx: Transaction, case: Case, org: OrgId, handle: CaseHandle, subject: SubjectRef) -> Counterpart:
    """Add the names that the other side chose, or that were just made."""
    handle_hash = tx.vault.hash("handle", org.encode(), handle)
    row = {
        "case_id": case.id,
        "org_hash": _org_hash(tx, case.id, org),
        "handle_hash": handle_hash,
        "body": case.open_key().seal(b"counterpart/" + handle_hash, join(org.encode(), handle, subject)),
    }
    row_id = int(_NEW_PARTY.once(tx.connection, row).lastrowid)
    return tx.note("counterpart", case.id, org, Counterpart(row_id, case.id, org, handle, subject))


def counterparts_of(tx: Transaction, case: Case) -> list[Counterpart]:
    """Return all organisations that this case was talked about with. Raises RefbusError when one cannot be read."""
    return [_counterpart(case, row) for row in _parties(tx, case)]


def readable_parties(tx: Transaction, case: Case, failed: Callable[[RefbusError], object]) -> list[Counterpart]:
    """Return the organisations of a case that can be read: a no goes to each of them; `failed` hears of the others."""
    return each(_parties(tx, case), lambda row: _counterpart(case, row), lambda _, error: failed(error))


def party_with(tx: Transaction, case: Case, org: OrgId) -> Counterpart | None:
    """Return the names used towards `org` in this case, None when there are none. No other row is opened for it."""

    def read() -> Counterpart | None:
        wanted = {"number": case.id, "org": _org_hash(tx, case.id, org)}
        row = _PARTY.once(tx.connection, wanted).first()
        return None if row is None else _counterpart(case, row)

    return tx.once("counterpart", case.id, org, read)


def parties_of(tx: Transaction, found: Sequence[Case]) -> dict[int, list[OrgId]]:
    """Return the organisations that each of these live cases was talked about with, by the number of the case.

    A case of which one cannot be read is left out.
    """
    rows: dict[int, list[Row[Any]]] = {case.id: [] for case in found}
    for some in slices(rows):
        query = select(counterparts).where(counterparts.c.case_id.in_(some)).order_by(counterparts.c.id)
        for row in tx.connection.execute(query):
            rows[row.case_id].append(row)

    def read(case: Case) -> tuple[int, list[OrgId]]:
        return case.id, [_counterpart(case, row).org for row in rows[case.id]]

    return dict(each(found, read, lambda *_: None))


def case_of_handle(tx: Transaction, org: OrgId, handle: CaseHandle) -> Case | None:
    """Return the case that `org` and this organisation know under `handle`; an erased case has no key."""
    found = number_of_handle(tx, org, handle)
    return None if found is None else get(tx, found)


def number_of_handle(tx: Transaction, org: OrgId, handle: CaseHandle) -> int | None:
    """Return the number of the case that `org` and this organisation know under `handle`, whatever became of it."""
    wanted = tx.vault.hash("handle", org.encode(), handle)
    number: int | None = _OF_HANDLE.once(tx.connection, {"handle": wanted}).scalar()
    return number


def is_with(tx: Transaction, number: int, org: OrgId) -> bool:
    """Whether a case was talked about with `org`, whatever became of it."""
    theirs = (counterparts.c.case_id == number, counterparts.c.org_hash == _org_hash(tx, number, org))
    return tx.connection.execute(select(counterparts.c.id).where(*theirs)).first() is not None


def _org_hash(tx: Transaction, number: int, org: OrgId) -> bytes:
    return tx.vault.hash("org", str(number).encode(), org.encode())


def _case(tx: Transaction, row: Row[Any]) -> Case:
    key = None if row.wrapped_key is None else tx.case_key(row.case_hash, row.wrapped_key)
    return Case(row.id, bool(row.own), row.created_ms, row.destroyed_ms, key, row.erasing_ms)


def _parties(tx: Transaction, case: Case) -> Sequence[Row[Any]]:
    return _PARTIES.once(tx.connection, {"number": case.id})


def _counterpart(case: Case, row: Row[Any]) -> Counterpart:
    org, handle, subject = split(case.open_key().open(b"counterpart/" + row.handle_hash, row.body), 3)
    return Counterpart(row.id, case.id, OrgId(org.decode()), CaseHandle(handle), SubjectRef(subject))


def _dump(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, sort_keys=True).encode()
