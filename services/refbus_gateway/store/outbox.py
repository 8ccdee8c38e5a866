"""Rows of the durable outbox and the gates' notices about them. A row exists before anything is sent.

An event's row holds the exact bytes of one envelope. They are produced again until the gate's signed receipt is here;
a fresh envelope of the same event replaces the row. An audit entry's row is done once the broker has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import BindParameter, Row, Select, bindparam, case, func, insert, null, or_, select, update

from refbus.core.ids import KeyId
from refbus.core.units import HOUR_MS
from refbus.database.prepared import Prepared
from refbus.wire.transport import GateNotice
from refbus_gateway.store import sendable
from refbus_gateway.store.schema import notices, outbox
from refbus_gateway.store.sendable import ROWS
from refbus_gateway.store.session import Transaction, changing, inserting, slices
from refbus_gateway.store.vault import member_of, require_numbers


class RowState(StrEnum):
    """How far one envelope (or audit entry) has come, as far as signed receipts say."""

    READY = "READY"  # to be produced, and again until a receipt is here
    STALE = "STALE"  # this envelope cannot arrive; a fresh one of the same event is to be made
    HELD = "HELD"  # a gate keeps it and will decide
    FORWARDED = "FORWARDED"  # our gate passed it to the border
    TAKEN = "TAKEN"  # the other country's gate has it; the end for an event
    REFUSED = "REFUSED"  # a gate refused it; the end
    REPLACED = "REPLACED"  # a fresh envelope of the same event took its place; the end
    DONE = "DONE"  # the broker has the audit entry; the end


ENDED = frozenset({RowState.TAKEN, RowState.REFUSED, RowState.REPLACED, RowState.DONE})
_COLUMNS = "event_id confirmed topic value sha256 state attempts created_ms next_ms expires_at_hour"
_NEW: Final = inserting(outbox, *_COLUMNS.split(), "recipient_kid", "signer_kid")
_STANDS_FOR: Final = changing(outbox, *_COLUMNS.split(), "recipient_kid", "signer_kid")
_MOVE: Final = changing(outbox, "state")
_END: Final = Prepared(
    update(outbox).where(outbox.c.id == bindparam("its_id")).values(state=bindparam("state"), value=null())
)
_HAND_OVER: Final = Prepared(
    update(outbox)
    .where(outbox.c.id == bindparam("its_id"), outbox.c.state == bindparam("ready"), outbox.c.handed_ms.is_(None))
    .values(handed_ms=bindparam("now"))
)
_WANTED: Final[BindParameter[Any]] = bindparam("wanted")
_BY_ID: Final = Prepared(ROWS.where(outbox.c.id == _WANTED))
_BY_SHA256: Final = Prepared(ROWS.where(outbox.c.sha256 == _WANTED))
_OF_EVENT: Final = Prepared(ROWS.where(outbox.c.event_id == _WANTED).order_by(outbox.c.id))
_READY: Final = outbox.c.state == RowState.READY
_OPEN: Final = outbox.c.state.in_([bindparam("ready", RowState.READY), bindparam("forwarded", RowState.FORWARDED)])
_RAN_OUT: Final = Prepared(select(outbox.c.id).where(_OPEN, outbox.c.expires_at_hour <= bindparam("hour")))
_MADE_BEFORE: Final = Prepared(select(outbox.c.id).where(_READY, outbox.c.created_ms < bindparam("start")))
_MADE_FROM: Final = Prepared(select(outbox.c.id).where(_READY, outbox.c.created_ms >= bindparam("stop")))
_NOT_TAKEN: Final = Prepared(select(func.count()).select_from(outbox).where(_READY, outbox.c.attempts == 0))
_SAME: Final = ("outbox_id", "gate", "decision_id", "kind", "outcome")
_NOTED: Final = Prepared(select(notices.c.id).where(*(notices.c[name] == bindparam(name) for name in _SAME)))
_NOTE: Final = inserting(notices, *_SAME, "codes", "at_ms", "received_ms", "receipt")
_RECEIPTS: Final = Prepared(select(notices).where(notices.c.outbox_id == _WANTED).order_by(notices.c.id))
INTAKE: Final = "INTAKE"
"""Kind of a receipt that the recipient's own gateway signed, not a gate: what it did with an event."""
RECIPIENT: Final = "recipient"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One row. Times in ms UTC; `referral`, `expires_at_hour` and both key ids only for envelopes."""

    id: int
    event_id: int | None
    referral: int | None
    confirmed: bool
    topic: str
    value: bytes | None = field(repr=False)
    sha256: bytes
    state: RowState
    attempts: int
    created_ms: int
    next_ms: int
    produced_ms: int | None
    expires_at_hour: int | None
    recipient_kid: KeyId | None
    signer_kid: KeyId | None
    handed_ms: int | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a gate, or the recipient itself (INTAKE), said about one envelope of ours, its signature verified.

    `receipt` is what the other country's gate signed (HopReceipt in Avro, verified too), b"" when it brought none.
    """

    outbox_id: int
    gate: str
    kind: str
    outcome: str
    codes: tuple[str, ...]
    at_ms: int
    receipt: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class EnvelopeFacts:
    """What later decisions need to know of sealed bytes that cannot be opened again here.

    `owed`: the row that has stood for them, and becomes theirs.
    """

    expires_at_hour: int
    recipient_kid: KeyId
    signer_kid: KeyId
    owed: int | None = None


def add(
    tx: Transaction,
    topic: str,
    value: bytes,
    *,
    now_ms: int,
    due_ms: int | None = None,
    event_row: int | None = None,
    facts: EnvelopeFacts | None = None,
) -> int:
    """Add a row that is due at `due_ms` (None: at once) and return its id.

    One with `facts` is an envelope, which a gate must confirm.
    """
    row = {
        "event_id": event_row,
        "confirmed": facts is not None,
        "topic": topic,
        "value": value,
        "sha256": hashlib.sha256(value).digest(),
        "state": RowState.READY,
        "attempts": 0,
        "created_ms": now_ms,
        "next_ms": now_ms if due_ms is None else due_ms,
        "expires_at_hour": facts.expires_at_hour if facts else None,
        "recipient_kid": facts.recipient_kid if facts else None,
        "signer_kid": facts.signer_kid if facts else None,
    }
    if facts is None or facts.owed is None:
        return int(_NEW.once(tx.connection, row).lastrowid)
    _STANDS_FOR.once(tx.connection, {"its_id": facts.owed, **row})
    return facts.owed


FAR_MS = 2 * HOUR_MS
"""No row is put off for longer than an hour: one that is by two is due."""
FAR_STALE_MS = 12 * HOUR_MS
"""No fresh envelope is put off for longer than six hours: one that is by twelve is due."""


def due(
    tx: Transaction, now_ms: int, limit: int = 200, *, nos_only: bool = False, early: bool = False
) -> list[OutboxRow]:
    """Return the rows to produce now: withdrawals first, then the others, in the order in which they were made.

    `early`: also those that were never produced and are not due yet.

    An event of a referral is not among them while the broker has not taken an earlier one, due or not; a withdrawal
    waits for none. `nos_only`: only withdrawals. A row that is put off further than any is counts as due: a clock was
    wrong.
    """
    asked = sendable.due(RowState.READY, RowState.STALE, nos_only=nos_only, early=early)
    found = asked.once(tx.connection, {"now": now_ms, "far": now_ms + FAR_MS, "most": limit})
    return [_row(row) for row in found]


def hasten(tx: Transaction, referral: int, now_ms: int) -> None:
    """Let what waits of a referral leave now: a person's word comes behind it, and nothing overtakes."""
    sendable.hasten(RowState.READY).once(tx.connection, {"referral": referral, "now": now_ms})


def get(tx: Transaction, row_id: int) -> OutboxRow | None:
    """Return a row by its number."""
    row = _BY_ID.once(tx.connection, {"wanted": row_id}).first()
    return None if row is None else _row(row)


def perishable(tx: Transaction, hour: int, young_ms: range, revoked: Collection[KeyId]) -> list[OutboxRow]:
    """Return the envelopes that time or keys may have made useless, in the order of making.

    Those that ran out by `hour` (UTC hours), on the way or before a gate confirmed them; of the latter also those made
    outside `young_ms` (one from the future says nothing of its age), and those with a key that is `revoked`. Each kind
    is found in an index: the many others that are open stay unread.
    """
    bounds = {"hour": hour, "start": young_ms.start, "stop": young_ms.stop}
    found = {row.id for kind in (_RAN_OUT, _MADE_BEFORE, _MADE_FROM) for row in kind.once(tx.connection, bounds)}
    if revoked:
        keys = or_(outbox.c.recipient_kid.in_(revoked), outbox.c.signer_kid.in_(revoked))
        found.update(tx.connection.execute(select(outbox.c.id).where(_READY, keys)).scalars())
    rows = (_rows(tx, ROWS.where(outbox.c.id.in_(some), outbox.c.confirmed)) for some in slices(found))
    return sorted((row for each in rows for row in each), key=lambda row: row.id)


def stale(tx: Transaction, now_ms: int) -> list[OutboxRow]:
    """Return the envelopes that are to be replaced by fresh ones now, in the order in which they were made.

    One that is put off further than any is counts as due, as in `due`: a clock was wrong.
    """
    return [
        _row(row)
        for row in sendable.stale(RowState.STALE).once(tx.connection, {"now": now_ms, "far": now_ms + FAR_STALE_MS})
    ]


def open_events(tx: Transaction) -> list[OutboxRow]:
    """Return the envelopes of events that no gate has confirmed, in the order in which they were made."""
    open_states = outbox.c.state.in_([RowState.READY, RowState.STALE])
    query = ROWS.where(outbox.c.confirmed, outbox.c.event_id.is_not(None), open_states)
    return _rows(tx, query.order_by(outbox.c.id))


def of_event(tx: Transaction, event_row: int) -> list[OutboxRow]:
    """Return all rows of an event, the newest last."""
    return [_row(row) for row in _OF_EVENT.once(tx.connection, {"wanted": event_row})]


def never_left(rows: Collection[OutboxRow]) -> bool:
    """Whether an event with these rows (`of_event`) waits here and certainly never left.

    Only such an event may get another content: a gate keeps the identity of every event that it opened, also of one
    that it refused, and its operators may let that one through yet.
    """
    return all(row.handed_ms is None for row in rows) and any(row.state not in ENDED for row in rows)


@dataclass(frozen=True, slots=True)
class Said:
    """The rows of some events and what was said about them, read at once; opened one by one (`said_of`)."""

    rows: Mapping[int, Sequence[Row[Any]]]
    notices: Mapping[int, Sequence[Row[Any]]]

    def of_event(self, event_row: int) -> list[OutboxRow]:
        """Return all rows of an event, the newest last. Raises StoreError."""
        return [_row(row) for row in self.rows.get(event_row, ())]

    def receipts(self, row_id: int) -> list[Receipt]:
        """Return what was said about a row, in the order of arrival."""
        return [_receipt(row) for row in self.notices.get(row_id, ())]


def said_of(tx: Transaction, event_rows: Iterable[int]) -> Said:
    """Return the rows of these events, and what was said about each."""
    rows: dict[int, list[Row[Any]]] = {}
    found: dict[int, list[Row[Any]]] = {}
    for some in slices(event_rows):
        for row in tx.connection.execute(ROWS.where(outbox.c.event_id.in_(some)).order_by(outbox.c.id)):
            rows.setdefault(row.event_id, []).append(row)
    for some in slices(row.id for of_one in rows.values() for row in of_one):
        query = select(notices).where(notices.c.outbox_id.in_(some)).order_by(notices.c.id)
        for row in tx.connection.execute(query):
            found.setdefault(row.outbox_id, []).append(row)
    return Said(rows, found)


def by_sha256(tx: Transaction, sha256: bytes) -> OutboxRow | None:
    """Return the row whose bytes have this SHA-256 (32 bytes)."""
    row = _BY_SHA256.once(tx.connection, {"wanted": sha256}).first()
    return None if row is None else _row(row)


def waiting(tx: Transaction) -> int:
    """Return how many rows the broker has not taken yet."""
    return int(_NOT_TAKEN.once(tx.connection, {}).scalar_one())


def unconfirmed(tx: Transaction) -> int:
    """Return how many envelopes no gate has confirmed yet."""
    query = select(func.count()).select_from(outbox).where(outbox.c.state == RowState.READY, outbox.c.confirmed)
    return int(tx.connection.execute(query).scalar_one())


def oldest_ready_ms(tx: Transaction) -> int | None:
    """Return when the oldest row still without a receipt was made."""
    return tx.connection.execute(select(func.min(outbox.c.created_ms)).where(outbox.c.state == RowState.READY)).scalar()


def hand_over(tx: Transaction, row_ids: Collection[int], now_ms: int) -> bool:
    """Note, before the broker's client gets them, that these rows may be on their way from now on.

    Returns whether all were still to be sent as they are: none was taken back, changed or handed over meanwhile.
    """
    noted = {"now": now_ms, "ready": RowState.READY}
    return sum(_HAND_OVER.once(tx.connection, {"its_id": each, **noted}).rowcount for each in row_ids) == len(row_ids)


def produced(tx: Transaction, row: OutboxRow, *, now_ms: int, next_ms: int) -> None:
    """Note that the broker has the bytes. An envelope comes up again at `next_ms` unless a receipt ends that."""
    done = RowState.READY if row.confirmed else RowState.DONE
    noted = {"its_id": row.id, "becomes": done, "now": now_ms, "next": next_ms}
    sendable.produced(RowState.READY, keeps=row.confirmed).once(tx.connection, noted)


def postpone(tx: Transaction, row_id: int, next_ms: int) -> None:
    """Try this row again at `next_ms`: the broker did not take it."""
    tx.connection.execute(update(outbox).where(outbox.c.id == row_id).values(next_ms=next_ms))


def set_state(tx: Transaction, row_id: int, state: RowState) -> None:
    """Move a row; at an end its bytes go."""
    (_END if state in ENDED else _MOVE).once(tx.connection, {"its_id": row_id, "state": state})


def silence(tx: Transaction, row_id: int) -> None:
    """Drop the bytes of an envelope that may have left: it is not sent again, and what gates say of it still counts."""
    sends = case((outbox.c.state.in_([RowState.READY, RowState.STALE]), RowState.HELD), else_=outbox.c.state)
    tx.connection.execute(update(outbox).where(outbox.c.id == row_id).values(value=None, state=sends))


def note(tx: Transaction, row_id: int, notice: GateNotice, now_ms: int) -> bool:
    """Keep a verified notice about a row; False when it was here already."""
    row = {
        "outbox_id": row_id,
        "gate": notice.from_gate,
        "kind": notice.kind,
        "outcome": notice.outcome,
        "codes": " ".join(notice.codes),
        "at_ms": notice.at_ms,
        "decision_id": notice.decision_id,
        "received_ms": now_ms,
        "receipt": notice.receipt or None,
    }
    if _NOTED.once(tx.connection, row).first() is not None:
        return False
    _NOTE.once(tx.connection, row)
    return True


def note_intake(tx: Transaction, row_id: int, answer: bytes, said: tuple[str, str], now_ms: int) -> None:
    """Keep what the recipient said it did with an event: result and code. `answer` is the event that says it."""
    tx.connection.execute(
        insert(notices).values(
            outbox_id=row_id,
            gate=RECIPIENT,
            kind=INTAKE,
            outcome=said[0],
            codes=said[1],
            at_ms=now_ms,
            decision_id=answer,
            received_ms=now_ms,
        )
    )


def receipts(tx: Transaction, row_id: int) -> list[Receipt]:
    """Return what the gates said about a row, in the order of arrival."""
    return [_receipt(row) for row in _RECEIPTS.once(tx.connection, {"wanted": row_id})]


def _receipt(r: Row[Any]) -> Receipt:
    return Receipt(r.outbox_id, r.gate, r.kind, r.outcome, tuple(r.codes.split()), r.at_ms, r.receipt or b"")


def _rows(tx: Transaction, query: Select[Any]) -> list[OutboxRow]:
    return [_row(row) for row in tx.connection.execute(query)]


def _row(row: Row[Any]) -> OutboxRow:
    require_numbers(row.attempts, row.created_ms, row.next_ms, row.produced_ms, row.expires_at_hour)
    return OutboxRow(
        row.id,
        row.event_id,
        row.referral_id,
        bool(row.confirmed),
        row.topic,
        row.value,
        row.sha256,
        member_of(RowState, row.state),
        row.attempts,
        row.created_ms,
        row.next_ms,
        row.produced_ms,
        row.expires_at_hour,
        row.recipient_kid,
        row.signer_kid,
        row.handed_ms,
    )
