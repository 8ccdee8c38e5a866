"""Taking a case out of the store: what is left in its rows, and the end of its key.

`reduce` is for a case about which others still owe an answer. It gets a new key, and under it only what the machinery
of withdrawals needs: how the case is named towards each organisation, the routing facts of its events without consent
or content, events of a closed form (CONTROL_EVENTS), and the newest version of each consent, which says WITHDRAWN.
Everything else goes with the old key. `destroy` leaves random ids, keyed hashes, codes and times.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, delete, func, select, update

from refbus.core.vocabulary import CONTROL_EVENTS
from refbus.each import alone, each
from refbus.wire.message import decode_block, encode_block
from refbus_gateway.store import assignments, lookups, outbox
from refbus_gateway.store import referrals as referral_rows
from refbus_gateway.store.cases import Case, hash_of
from refbus_gateway.store.outbox import RowState
from refbus_gateway.store.referrals import EventStatus
from refbus_gateway.store.schema import cases, consents, counterparts, events, referrals, statements, tellings
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.vault import join, split

_NOTHING: Final = b""


def stop_sending(tx: Transaction, case: Case) -> None:
    """Let no envelope with content go out any more, and keep no bytes of one; closed forms still go.

    An event that cannot be read may have content: it does not go either.
    """
    numbers = tx.connection.execute(select(events.c.id).where(_of(events, case), events.c.outgoing)).scalars().all()
    closed = set(each(numbers, lambda number: _if_closed(tx, number), lambda *_: None))
    for number in set(numbers) - closed:
        stop_event(tx, number)


def _if_closed(tx: Transaction, number: int) -> int | None:
    """Return the number of an event of a closed form, None for any other. Raises RefbusError if unreadable."""
    return number if referral_rows.event(tx, number).block.event_type in CONTROL_EVENTS else None


def reduce(tx: Transaction, case: Case) -> None:
    """Keep of a case only what answers of others need, under a new key; the old key is gone afterwards."""
    old, case_hash = case.open_key(), hash_of(tx, case)
    key, wrapped = tx.vault.new_case_key(case_hash)
    _drop_old_consents(tx, case)
    for table, name, place in _SEALED:
        for row in tx.connection.execute(select(table).where(_of(table, case))).all():
            context, body = place + row._mapping[name], _NOTHING
            with alone(row, lambda *_: None, stops=() if table in _MAY_GO else (Exception,)):
                content = old.open(context, row.body)
                body = key.seal(context, _routing_only(content) if table is events else content)
            tx.connection.execute(update(table).where(table.c.id == row.id).values(body=body))
    _close_statements(tx, case)
    lookups.erase(tx, case.id)
    assignments.forget_note(tx, case.id)
    _set(tx, case, wrapped_key=wrapped, body=None)


def destroy(tx: Transaction, case: Case, now_ms: int) -> None:
    """Destroy the case key, and what was sealed under it. Ids, hashes and times stay."""
    for table, _, _ in _SEALED:
        tx.connection.execute(update(table).where(_of(table, case)).values(body=_NOTHING))
    assignments.forget_note(tx, case.id)
    _close_statements(tx, case)
    tx.connection.execute(update(referrals).where(referrals.c.case_id == case.id).values(request_hash=None))
    lookups.erase(tx, case.id)
    _set(tx, case, wrapped_key=None, body=None, destroyed_ms=now_ms, erasing_ms=func.coalesce(_ORDERED, now_ms))


_ORDERED: Final = cases.c.erasing_ms
_SEALED: Final = (
    (counterparts, counterparts.c.handle_hash, b"counterpart/"),
    (referrals, referrals.c.referral_hash, b"referral/"),
    (events, events.c.event_hash, b"event/"),
    (consents, consents.c.record_hash, b"consent/"),
    (tellings, tellings.c.name, b"telling/"),
)
"""Tables whose `body` is sealed under the key of a case, and what it is bound to there."""
_MAY_GO: Final = (events, consents, tellings)
"""Tables of which a row that cannot be read is emptied: it keeps nothing else from being erased."""


def _of(table: Table, case: Case) -> ColumnElement[bool]:
    if table is events:
        return events.c.referral_id.in_(select(referrals.c.id).where(referrals.c.case_id == case.id))
    return table.c.case_id == case.id


def stop_event(tx: Transaction, number: int) -> bool:
    """End the envelopes of an event: what never left was not sent; of what may have left, only receipts count.

    Return whether it certainly never left.
    """
    rows = outbox.of_event(tx, number)
    waits = [row for row in rows if row.state not in outbox.ENDED]
    if outbox.never_left(rows):
        for row in waits:
            outbox.set_state(tx, row.id, RowState.REFUSED)
        referral_rows.set_status(tx, number, EventStatus.REFUSED)
        return True
    for row in waits:
        outbox.silence(tx, row.id)
    return False


def _routing_only(content: bytes) -> bytes:
    """Return an event as it is kept: its routing facts; whole only when its form is closed."""
    encoded, payload = split(content, 2)
    block = decode_block(encoded)
    if block.event_type in CONTROL_EVENTS:
        return join(encoded, payload)
    bare = dataclasses.replace(
        block, consent_record=None, legal_basis_record=None, data_categories=(), travel_document=None
    )
    return join(encode_block(bare), _NOTHING)


def _drop_old_consents(tx: Transaction, case: Case) -> None:
    """Keep of each consent the highest version and what was kept last: the other side may have made up a number."""
    later = consents.alias("later")
    same = later.c.consent_hash == consents.c.consent_hash
    newest = select(func.max(later.c.version)).where(same).scalar_subquery()
    last = select(func.max(later.c.id)).where(same).scalar_subquery()
    old = (consents.c.case_id == case.id, consents.c.version < newest, consents.c.id < last)
    tx.connection.execute(delete(consents).where(*old))


def _close_statements(tx: Transaction, case: Case) -> None:
    own = (statements.c.case_id == case.id, statements.c.kept.is_(False))
    tx.connection.execute(update(statements).where(*own).values(body=_NOTHING))


def _set(tx: Transaction, case: Case, **values: Any) -> None:
    tx.forget_case_row(case.id)
    tx.connection.execute(update(cases).where(cases.c.id == case.id).values(**values))
