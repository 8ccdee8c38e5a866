"""Referrals and their events, both directions. An event is kept once per (sender, event id), whatever arrives again."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as altered
from enum import StrEnum
from typing import Any, Final, cast

from sqlalchemy import BindParameter, Row, Select, bindparam, func, select, update

from refbus.core.courses.deadlines import expired_fact
from refbus.core.courses.facts import EventFact
from refbus.core.ids import EventId, OrgId, ReferralId
from refbus.core.message import RoutingBlock
from refbus.crypto.secretbox import StateKey
from refbus.database.prepared import Prepared
from refbus.each import each
from refbus.errors import Code, RowError, RuleError
from refbus.wire.message import decode_block, encode_block
from refbus_gateway.store import cases, lookups
from refbus_gateway.store.cases import Unread
from refbus_gateway.store.schema import cases as _cases
from refbus_gateway.store.schema import events, referrals
from refbus_gateway.store.session import Transaction, changing, inserting, slices
from refbus_gateway.store.vault import join, member_of, split

_NUMBER: Final[BindParameter[int]] = bindparam("number")
_WANTED: Final[BindParameter[bytes]] = bindparam("wanted")
_BY_NUMBER: Final = Prepared(select(referrals).where(referrals.c.id == _NUMBER))
_BY_ID: Final = Prepared(select(referrals).where(referrals.c.referral_hash == _WANTED))
_CASE: Final = Prepared(select(referrals.c.case_id).where(referrals.c.id == _NUMBER))
_EVENT: Final = Prepared(select(events).where(events.c.id == _NUMBER))
_EVENT_ROW: Final = Prepared(select(events.c.id).where(events.c.event_hash == _WANTED))
_EVENTS: Final = Prepared(select(events).where(events.c.referral_id == _NUMBER).order_by(events.c.id))
_NEW: Final = inserting(referrals, "referral_hash", "case_id", "counterpart_id", "own", "created_ms", "body")
_ASKED: Final = changing(referrals, "request_hash")
_OF_CASE = select(referrals).where(referrals.c.case_id == _NUMBER)
_ALL_OF_CASE: Final = Prepared(_OF_CASE.order_by(referrals.c.id))
_OF_REQUEST: Final = Prepared(_OF_CASE.where(referrals.c.request_hash == _WANTED))
_REPLACE: Final = changing(events, "body", "content_hash")
_MOVE: Final = changing(events, "status")
_NEW_EVENT: Final = inserting(
    events, "event_hash", "content_hash", "referral_id", "outgoing", "status", "at_ms", "body"
)


class EventStatus(StrEnum):
    """Where an event stands in the eyes of this gateway. REFUSED ones are not part of the course of the referral."""

    QUEUED = "QUEUED"  # ours, not yet taken by the other country's gate
    SENT = "SENT"  # ours, taken
    REFUSED = "REFUSED"  # ours, refused by a gate
    VERIFIED = "VERIFIED"  # theirs, everything checked
    PARKED = "PARKED"  # theirs, checked, but with a code that a person must judge


@dataclass(frozen=True, slots=True)
class Referral:
    """A referral row. `own`: requested by this organisation."""

    id: int
    case_id: int
    own: bool
    created_ms: int
    referral_id: ReferralId
    org: OrgId


@dataclass(frozen=True, slots=True)
class Event:
    """An event row, opened."""

    id: int
    referral: int
    outgoing: bool
    status: EventStatus
    at_ms: int
    seen_ms: int | None
    block: RoutingBlock = field(repr=False)
    payload: bytes = field(repr=False)


def create(tx: Transaction, party: cases.Counterpart, referral_id: ReferralId, *, own: bool, now_ms: int) -> Referral:
    """Add a referral between this organisation and `party`."""
    key, referral_hash = cases.get(tx, party.case_id).open_key(), tx.vault.hash("referral", referral_id)
    row = {
        "referral_hash": referral_hash,
        "case_id": party.case_id,
        "counterpart_id": party.id,
        "own": own,
        "created_ms": now_ms,
        "body": key.seal(b"referral/" + referral_hash, join(referral_id, party.org.encode())),
    }
    row_id = int(_NEW.once(tx.connection, row).lastrowid)
    return Referral(row_id, party.case_id, own, now_ms, referral_id, party.org)


def find(tx: Transaction, referral_id: ReferralId) -> Referral | None:
    """Return the referral with this id. Raises RuleError KEY_DESTROYED when its case was erased."""
    row = _BY_ID.once(tx.connection, {"wanted": tx.vault.hash("referral", referral_id)}).first()
    return None if row is None else _referral(tx, row)


def case_number(tx: Transaction, referral_id: ReferralId) -> int | None:
    """Return the number of the case of the referral with this id, whatever became of it; None when there is none."""
    wanted = tx.vault.hash("referral", referral_id)
    return tx.connection.execute(select(referrals.c.case_id).where(referrals.c.referral_hash == wanted)).scalar()


def get(tx: Transaction, number: int) -> Referral:
    """Return the referral with this local number. Raises RuleError REFERRAL_UNKNOWN, KEY_DESTROYED."""
    row = tx.once("referral", number, "", lambda: _BY_NUMBER.once(tx.connection, {"number": number}).first())
    if row is None:
        raise RuleError(Code.REFERRAL_UNKNOWN, str(number))
    return _referral(tx, row)


def of_case(tx: Transaction, case: cases.Case) -> list[Referral]:
    """Return the referrals of a case, oldest first."""
    return [_opened(case.open_key(), row) for row in _ALL_OF_CASE.once(tx.connection, {"number": case.id})]


def number_of_case(tx: Transaction, number: int) -> int | None:
    """Return the number of the case of a referral, None for an unknown one, whatever can be read of either."""
    return cast("int | None", _CASE.once(tx.connection, {"number": number}).scalar())


def case_of(tx: Transaction, number: int) -> cases.Case:
    """Return the case of the referral with this local number, an erased one too. Raises RuleError REFERRAL_UNKNOWN."""
    found = tx.once("case of referral", number, "", lambda: number_of_case(tx, number))
    if found is None:
        raise RuleError(Code.REFERRAL_UNKNOWN, str(number))
    return cases.get(tx, found)


def note_request(tx: Transaction, referral: Referral, request_hash: bytes) -> None:
    """Remember what a referral asked of whom, as a keyed hash."""
    _ASKED.once(tx.connection, {"its_id": referral.id, "request_hash": request_hash})


def of_request(tx: Transaction, case: cases.Case, request_hash: bytes) -> list[Referral]:
    """Return the referrals of a case that asked this."""
    rows = _OF_REQUEST.once(tx.connection, {"number": case.id, "wanted": request_hash})
    return [_opened(case.open_key(), row) for row in rows]


def every(tx: Transaction, unread_cases: Unread | None = None, unread: Unread | None = None) -> list[Referral]:
    """Return the referrals of all cases that were not erased and are not being erased, oldest case first.

    What cannot be read hides no other: cases go into `unread_cases`, referrals into `unread`.
    """
    live = {case.id for case in cases.every(tx, unread_cases) if case.live}
    rows = tx.connection.execute(select(referrals).order_by(referrals.c.case_id, referrals.c.id)).all()
    mine = [row for row in rows if row.case_id in live]
    kept = [] if unread is None else unread
    return each(mine, lambda row: _referral(tx, row), lambda row, error: kept.append((row.id, error.code)))


def newest(
    tx: Transaction,
    *,
    own: bool | None,
    most: int | None,
    skip: int,
    unread_cases: Unread,
    unread: Unread,
    numbers: Collection[int] | None = None,
) -> list[tuple[Referral, StateKey]]:
    """Return so many of the newest referrals of live cases behind the `skip` newest, with the case keys; None: all.

    By case, oldest first. `own`: only those requested here, or only received ones; `numbers`: only these. What cannot
    be read hides no other: cases go into `unread_cases`, referrals into `unread`.
    """
    query = _live(select(referrals, _cases.c.case_hash, _cases.c.wrapped_key), own=own)
    query = query if numbers is None else query.where(referrals.c.id.in_(list(numbers)))
    query = query.order_by(referrals.c.id.desc()).limit(most).offset(skip)
    rows = sorted(tx.connection.execute(query), key=lambda row: (row.case_id, row.id))
    keys = dict(
        each(
            {row.case_id: row for row in rows}.values(),
            lambda row: (row.case_id, tx.case_key(row.case_hash, row.wrapped_key)),
            lambda row, error: unread_cases.append((row.case_id, error.code)),
        )
    )
    return each(
        [row for row in rows if row.case_id in keys],
        lambda row: (_opened(keys[row.case_id], row), keys[row.case_id]),
        lambda row, error: unread.append((row.id, error.code)),
    )


def count(tx: Transaction, *, own: bool | None) -> int:
    """Return how many referrals of live cases there are."""
    return int(tx.connection.execute(_live(select(func.count()).select_from(referrals), own=own)).scalar_one())


def numbers_by_case(tx: Transaction, found: Iterable[int], *, own: bool | None = None) -> dict[int, list[int]]:
    """Return the numbers of the referrals of these cases, by the number of the case; nothing of them is opened."""
    numbers: dict[int, list[int]] = {}
    for some in slices(found):
        query = select(referrals.c.id, referrals.c.case_id).where(referrals.c.case_id.in_(some))
        query = query if own is None else query.where(referrals.c.own == own)
        for row in tx.connection.execute(query.order_by(referrals.c.id)):
            numbers.setdefault(row.case_id, []).append(row.id)
    return numbers


def rows_of(tx: Transaction, found: Iterable[Referral]) -> dict[int, list[Row[Any]]]:
    """Return the rows of the events of each of these referrals, still sealed, in the order in which they came."""
    rows: dict[int, list[Row[Any]]] = {referral.id: [] for referral in found}
    for some in slices(rows):
        query = select(events).where(events.c.referral_id.in_(some)).order_by(events.c.id)
        for row in tx.connection.execute(query):
            rows[row.referral_id].append(row)
    return rows


def opened(rows: Iterable[Row[Any]], key: StateKey, referral: Referral) -> list[Event]:
    """Return the events in rows of a referral, with the key of its case. Raises StoreError for what is damaged."""
    return [_opened_event(key, row, referral) for row in rows]


def add_event(
    tx: Transaction, referral: Referral, block: RoutingBlock, payload: bytes, *, status: EventStatus, now_ms: int
) -> Event:
    """Add an event. The caller has asked `event_row_id` first: a second one with these ids violates a unique key."""
    outgoing = status in {EventStatus.QUEUED, EventStatus.SENT, EventStatus.REFUSED}
    key = cases.get(tx, referral.case_id).open_key()
    event_hash = _event_hash(tx, block.sender, block.event_id)
    row = {
        "event_hash": event_hash,
        "content_hash": _content_hash(tx, block, payload),
        "referral_id": referral.id,
        "outgoing": outgoing,
        "status": status,
        "at_ms": now_ms,
        "body": key.seal(b"event/" + event_hash, join(encode_block(block), payload)),
    }
    row_id = int(_NEW_EVENT.once(tx.connection, row).lastrowid)
    lookups.forget_referral(tx, referral.id)
    return Event(row_id, referral.id, outgoing, status, now_ms, None, block, payload)


def same_content(tx: Transaction, row_id: int, block: RoutingBlock, payload: bytes) -> bool:
    """Whether a stored event has this type, referral and payload; works for erased cases too."""
    kept = tx.connection.execute(select(events.c.content_hash).where(events.c.id == row_id)).scalar_one()
    return bool(kept == _content_hash(tx, block, payload))


def event_row_id(tx: Transaction, sender: OrgId, event_id: EventId) -> int | None:
    """Return the row of an event by its ids; works for erased cases too."""
    return cast("int | None", _EVENT_ROW.once(tx.connection, {"wanted": _event_hash(tx, sender, event_id)}).scalar())


def newest_event(tx: Transaction) -> int:
    """Return the row of the newest event, 0 when there is none."""
    return tx.connection.execute(select(func.max(events.c.id))).scalar() or 0


def said_since(tx: Transaction, since_ms: int, after: int, most: int) -> list[int]:
    """Return the rows of so many events of ours since a time (UTC ms, by our clock then), behind row `after`."""
    ours = (events.c.outgoing, events.c.at_ms >= since_ms, events.c.id > after)
    query = select(events.c.id).where(*ours).order_by(events.c.id).limit(most)
    return list(tx.connection.execute(query).scalars())


def is_readable(tx: Transaction, row_id: int) -> bool:
    """Whether an event is of a case that is neither erased nor being erased; nothing is opened."""
    query = select(events.c.id).join(referrals, referrals.c.id == events.c.referral_id)
    query = query.join(_cases, _cases.c.id == referrals.c.case_id).where(events.c.id == row_id)
    live = (_cases.c.wrapped_key.is_not(None), _cases.c.erasing_ms.is_(None))
    return tx.connection.execute(query.where(*live)).first() is not None


def same_counterpart(tx: Transaction, first: int, second: int) -> bool:
    """Whether two events are exchanged with one organisation about one case; works for erased cases too."""
    query = select(referrals.c.counterpart_id).join(events, events.c.referral_id == referrals.c.id)
    found = {tx.connection.execute(query.where(events.c.id == one)).scalar_one_or_none() for one in (first, second)}
    return len(found) == 1 and None not in found


def event(tx: Transaction, row_id: int) -> Event:
    """Return an event by its row. Raises RuleError KEY_DESTROYED."""
    row = _EVENT.once(tx.connection, {"number": row_id}).first()
    if row is None:  # whatever pointed here is damaged
        raise RowError
    return _event(tx, row, get(tx, row.referral_id))


def events_of(tx: Transaction, referral: Referral) -> list[Event]:
    """Return all events of a referral in the order in which they came to this store."""
    rows = _EVENTS.once(tx.connection, {"number": referral.id}).all()
    return opened(rows, cases.get(tx, referral.case_id).open_key(), referral) if rows else []


def replace(tx: Transaction, old: Event, block: RoutingBlock, payload: bytes) -> Event:
    """Keep the routing block of a fresh envelope for an event of ours; its ids are the same as before.

    So is the payload of one that may have left: an event id stands for one content.
    """
    event_hash = _event_hash(tx, block.sender, block.event_id)
    key = cases.get(tx, get(tx, old.referral).case_id).open_key()
    body = key.seal(b"event/" + event_hash, join(encode_block(block), payload))
    kept = {"body": body, "content_hash": _content_hash(tx, block, payload)}
    _REPLACE.once(tx.connection, {"its_id": old.id, **kept})
    lookups.forget_referral(tx, old.referral)
    return altered(old, block=block, payload=payload)


def set_status(tx: Transaction, row_id: int, status: EventStatus) -> None:
    """Move an event to another status."""
    _MOVE.once(tx.connection, {"its_id": row_id, "status": status})
    lookups.forget_of_event(tx, row_id)


def status_of(tx: Transaction, row_id: int) -> EventStatus:
    """Return where an event stands; works for erased cases too."""
    return member_of(
        EventStatus, tx.connection.execute(select(events.c.status).where(events.c.id == row_id)).scalar_one()
    )


def mark_seen(tx: Transaction, row_id: int, now_ms: int) -> bool:
    """Note that a person has opened an incoming event; True the first time."""
    change = update(events).where(events.c.id == row_id, events.c.seen_ms.is_(None)).values(seen_ms=now_ms)
    first = tx.connection.execute(change).rowcount == 1
    if first:
        lookups.forget_of_event(tx, row_id)
    return first


def keep_expiry(tx: Transaction, referral_id: ReferralId, due_ms: int, gate: OrgId) -> None:
    """Keep that a gate's timer has ended a course: due at a time in ms UTC, as that gate stated."""
    tx.put(_expiry_name(referral_id), json.dumps([due_ms, gate]).encode())
    lookups.forget_by_hash(tx, tx.vault.hash("referral", referral_id))


def expiry_of(tx: Transaction, referral_id: ReferralId) -> list[EventFact]:
    """Return the expiry of a referral that a gate has stated, or nothing."""
    return _expiry(referral_id, tx.get(_expiry_name(referral_id)))


def expiries_of(tx: Transaction, found: Sequence[Referral]) -> dict[int, list[EventFact]]:
    """Return what `expiry_of` returns of each of these referrals, by number."""
    names = {referral.id: _expiry_name(referral.referral_id) for referral in found}
    kept = tx.get_all(names.values())
    return {referral.id: _expiry(referral.referral_id, kept.get(names[referral.id])) for referral in found}


def _expiry(referral_id: ReferralId, kept: bytes | None) -> list[EventFact]:
    if kept is None:
        return []
    due_ms, gate = json.loads(kept)
    return [expired_fact(referral_id, due_ms, OrgId(gate))]


def forget_expiry(tx: Transaction, referral_id: ReferralId) -> None:
    """Forget the expiry of a referral whose case is erased: it is kept under the id of the referral."""
    tx.drop(_expiry_name(referral_id))


def _expiry_name(referral_id: ReferralId) -> str:
    return f"expired/{referral_id.hex()}"


def _referral(tx: Transaction, row: Row[Any]) -> Referral:
    return _opened(cases.get(tx, row.case_id).open_key(), row)


def _opened(key: StateKey, row: Row[Any]) -> Referral:
    referral_id, org = split(key.open(b"referral/" + row.referral_hash, row.body), 2)
    return Referral(row.id, row.case_id, bool(row.own), row.created_ms, ReferralId(referral_id), OrgId(org.decode()))


def _event(tx: Transaction, row: Row[Any], referral: Referral) -> Event:
    return _opened_event(cases.get(tx, referral.case_id).open_key(), row, referral)


def _opened_event(key: StateKey, row: Row[Any], referral: Referral) -> Event:
    block, payload = split(key.open(b"event/" + row.event_hash, row.body), 2)
    status = member_of(EventStatus, row.status)
    return Event(row.id, referral.id, bool(row.outgoing), status, row.at_ms, row.seen_ms, decode_block(block), payload)


def _live(query: Select[Any], *, own: bool | None) -> Select[Any]:
    """Return the query over referrals, of cases that were not erased and are not being erased."""
    query = query.join(_cases, _cases.c.id == referrals.c.case_id)
    query = query.where(_cases.c.wrapped_key.is_not(None), _cases.c.erasing_ms.is_(None))
    return query if own is None else query.where(referrals.c.own == own)


def _event_hash(tx: Transaction, sender: OrgId, event_id: EventId) -> bytes:
    return tx.vault.hash("event", sender.encode(), event_id)


def _content_hash(tx: Transaction, block: RoutingBlock, payload: bytes) -> bytes:
    return tx.vault.hash("content", block.event_type.encode(), block.referral_id, payload)
