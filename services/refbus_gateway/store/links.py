"""Which own cases belong together. Each case of a link has its half, sealed under the key of that case.

A half names the other case; the keyed hash of that number finds it from the other side, so that a link goes when either
case goes. A half whose body is empty has ended, and its hash is a random value: its case still has to take back what it
told, of nobody knows whom. `stale`: what recipients of the case were told of this link may no longer be so.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, insert, or_, select, text, update

from refbus.core.documents import read_json
from refbus.crypto.secretbox import StateKey
from refbus.database.prepared import AnyOf, Prepared
from refbus.each import each
from refbus.errors import RefbusError
from refbus_gateway.store.schema import events, links, referrals
from refbus_gateway.store.session import Transaction

MOST: Final = 40
"""Most links of one case."""
_ENDED: Final = b""
_OF_STALE: Final = AnyOf(
    select(events.c.id)
    .join(referrals, referrals.c.id == events.c.referral_id)
    .where(referrals.c.own, referrals.c.case_id.in_(select(links.c.case_id).where(text("stale")))),
    events.c.id,
)
_STALE: Final = Prepared(select(links.c.case_id).where(text("stale")).distinct())
_OF_CASE: Final = Prepared(
    select(links).where(links.c.case_id == bindparam("number"), links.c.body != _ENDED).order_by(links.c.id)
)


@dataclass(frozen=True, slots=True)
class Link:
    """One case as another one sees it: `relation` is what `other` is to `case`.

    `travels`: both travel together; `secret`: 32 random bytes that both halves share.
    """

    case: int
    other: int
    relation: str
    travels: bool
    secret: bytes = field(repr=False)


def put(tx: Transaction, key: StateKey, link: Link) -> None:
    """Keep one half of a link in place of an earlier one, under the key of its case; what was told may be wrong now."""
    other_hash = _hash(tx, link.other)
    half = (links.c.case_id == link.case, links.c.other_hash == other_hash)
    kept = {"other": link.other, "relation": link.relation, "travels": link.travels, "secret": link.secret.hex()}
    tx.connection.execute(delete(links).where(*half))
    body = key.seal(_context(other_hash), json.dumps(kept).encode())
    tx.connection.execute(insert(links).values(case_id=link.case, other_hash=other_hash, stale=True, body=body))


def of_case(
    tx: Transaction, number: int, key: StateKey, failed: Callable[[RefbusError], object] = lambda _: None
) -> list[Link]:
    """Return the links of a case, oldest first. One that cannot be read is left out: it tells nobody anything.

    `failed` hears of each of those.
    """
    rows = _OF_CASE.once(tx.connection, {"number": number}).all()
    return each(rows, lambda row: _link(key, row), lambda _, error: failed(error))


def end(tx: Transaction, one: int, other: int) -> bool:
    """End a link between two cases, from both sides; return whether there was one."""
    return _end(tx, or_(_half(tx, one, other), _half(tx, other, one))) > 0


def forget_case(tx: Transaction, number: int) -> None:
    """Keep nothing of the links of a case that goes. The other cases have still to take back what they told."""
    tx.connection.execute(delete(links).where(links.c.case_id == number))
    _end(tx, links.c.other_hash == _hash(tx, number))


def note_word(tx: Transaction, number: int) -> None:
    """Note that the person of a case said something: what others told of it may no longer be so.

    What could not be taken back for want of a yes of this person is tried again too.
    """
    either = or_(links.c.other_hash == _hash(tx, number), links.c.case_id == number)
    tx.connection.execute(update(links).where(either, links.c.stale.is_(False)).values(stale=True))


def stale_cases(tx: Transaction) -> list[int]:
    """Return the numbers of the cases that have to look at what they told."""
    return sorted(row.case_id for row in _STALE.once(tx.connection, {}))


def events_of_stale(tx: Transaction, event_rows: Collection[int]) -> list[int]:
    """Return which of these events are of own courses of cases that have to look at what they told."""
    return [row.id for row in _OF_STALE.rows(tx.connection, event_rows)]


def told(tx: Transaction, number: int) -> None:
    """Note that what a case told is right again."""
    tx.connection.execute(delete(links).where(links.c.case_id == number, links.c.body == _ENDED))
    tx.connection.execute(update(links).where(links.c.case_id == number).values(stale=False))


def rest(tx: Transaction, number: int) -> None:
    """Note that a case can take nothing back until its person says something; one mark is kept that some have ended."""
    ended = (links.c.case_id == number, links.c.body == _ENDED)
    first = select(func.min(links.c.id)).where(*ended).scalar_subquery()
    tx.connection.execute(delete(links).where(*ended, links.c.id != first))
    tx.connection.execute(update(links).where(links.c.case_id == number).values(stale=False))


def _end(tx: Transaction, halves: ColumnElement[bool]) -> int:
    """End these halves and let each forget whom it named; return how many there were."""
    found = tx.connection.execute(select(links.c.id).where(halves, links.c.body != _ENDED)).scalars().all()
    for row_id in found:
        forgotten = {"body": _ENDED, "stale": True, "other_hash": secrets.token_bytes(32)}
        tx.connection.execute(update(links).where(links.c.id == row_id).values(forgotten))
    return len(found)


def _half(tx: Transaction, one: int, other: int) -> ColumnElement[bool]:
    return (links.c.case_id == one) & (links.c.other_hash == _hash(tx, other))


def _hash(tx: Transaction, number: int) -> bytes:
    return tx.vault.hash("link", str(number).encode())


def _context(other_hash: bytes) -> bytes:
    return b"link/" + other_hash


def _link(key: StateKey, row: Row[Any]) -> Link:
    kept = read_json(key.open(_context(row.other_hash), row.body).decode())
    return Link(row.case_id, kept["other"], kept["relation"], kept["travels"], bytes.fromhex(kept["secret"]))
