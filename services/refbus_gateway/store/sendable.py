"""The statements that find what is to be sent now, and next: they are asked often, so each is made once."""

from __future__ import annotations

from functools import cache
from typing import Final

from sqlalchemy import BindParameter, ColumnElement, bindparam, case, func, null, select, update

from refbus.core.ids import KeyId
from refbus.database.prepared import Prepared
from refbus_gateway.store.schema import events, outbox, withdrawals

NO_KEY: Final = KeyId(bytes(16))
"""In the place of the keys of an event that is not sealed yet."""
ROWS = select(outbox, events.c.referral_id).select_from(outbox.outerjoin(events, outbox.c.event_id == events.c.id))
"""Rows of the outbox, each with the referral of its event."""


@cache
def due(ready: str, stale: str, *, nos_only: bool, early: bool) -> Prepared:
    """Return the statement for rows in the state `ready` that are due at `now`, or put off to later than `far`.

    Withdrawals come first. An event of a referral is not among them while the broker has not taken an earlier one,
    also one that is `stale` because it has no envelope yet. Parameters: `now` and `far` (UTC ms), `most` rows.
    """
    most: BindParameter[int] = bindparam("most")
    come = (outbox.c.next_ms <= bindparam("now")) | (outbox.c.next_ms > bindparam("far"))
    query = ROWS.where(outbox.c.state == ready, (come | (outbox.c.attempts == 0)) if early else come)
    no = _is_withdrawal()
    query = query.where(no) if nos_only else query.where(no | ~_earlier_untaken(ready, stale))
    return Prepared(query.order_by(no.desc(), outbox.c.id).limit(most))


@cache
def next_due(ready: str) -> Prepared:
    """Return the statement for the first moment after `after` (UTC ms) at which a row in the state `ready` is due."""
    query = select(func.min(outbox.c.next_ms)).where(outbox.c.state == ready, outbox.c.next_ms > bindparam("after"))
    return Prepared(query)


@cache
def stale(state: str) -> Prepared:
    """Return the statement for rows in this state that are due at `now`, or put off to later than `far` (UTC ms)."""
    come = (outbox.c.next_ms <= bindparam("now")) | (outbox.c.next_ms > bindparam("far"))
    return Prepared(ROWS.where(outbox.c.state == state, come).order_by(outbox.c.id))


@cache
def hasten(ready: str) -> Prepared:
    """Return the statement that makes what was never sent of a `referral` due at `now` (UTC ms), if it is later."""
    of_referral = select(events.c.id).where(events.c.referral_id == bindparam("referral"))
    waits = (outbox.c.event_id.in_(of_referral), outbox.c.state == ready, outbox.c.attempts == 0)
    later = update(outbox).where(*waits, outbox.c.next_ms > bindparam("now"))
    return Prepared(later.values(next_ms=bindparam("now")))


@cache
def produced(ready: str, *, keeps: bool) -> Prepared:
    """Return the statement that notes of the row `its_id` that the broker has it, at `now` (UTC ms).

    One in the state `ready` `becomes` another, and comes up again at `next`; its bytes go unless it `keeps` them. Of
    what was stopped or replaced meanwhile only the moment is noted: it left all the same.
    """
    is_ready = outbox.c.state == ready
    values = {
        "state": case((is_ready, bindparam("becomes")), else_=outbox.c.state),
        "value": outbox.c.value if keeps else case((is_ready, null()), else_=outbox.c.value),
        "attempts": outbox.c.attempts + 1,
        "produced_ms": func.coalesce(outbox.c.produced_ms, bindparam("now")),
        "next_ms": case((is_ready, bindparam("next")), else_=outbox.c.next_ms),
    }
    return Prepared(update(outbox).where(outbox.c.id == bindparam("its_id")).values(values))


def _is_withdrawal() -> ColumnElement[bool]:
    """Whether a row carries a withdrawal of ours."""
    told = select(withdrawals.c.id).where(withdrawals.c.event_id == outbox.c.event_id, withdrawals.c.outgoing)
    return told.correlate(outbox).exists()


def _earlier_untaken(ready: str, stale: str) -> ColumnElement[bool]:
    """Whether the referral of a row has an earlier event that never reached the broker, or has no envelope yet.

    By the order of the events: the fresh envelope of an early event is a late row.
    """
    earlier, waits = events.alias("earlier"), outbox.alias("waits")
    both = select(waits.c.id).select_from(waits.join(earlier, waits.c.event_id == earlier.c.id))
    found = both.where(
        earlier.c.referral_id == events.c.referral_id,
        earlier.c.id < events.c.id,
        (waits.c.state == ready) | ((waits.c.state == stale) & (waits.c.recipient_kid == NO_KEY)),
        waits.c.attempts == 0,
    )
    return found.correlate(events).exists()
