"""The home's own log: which person did what, when, about which case or referral. Numbers and names of actions only.

Each row has a MAC under the store key over the row and the MAC before it; `meta` has the ends of the chain under one
more. A row that was changed, taken out or cut off without the key shows. Rows older than KEEP_MS go, and the oldest
beyond MOST.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Row, Select, delete, func, insert, select

from refbus.core.documents import read_json
from refbus.core.units import DAY_MS
from refbus.errors import MalformedError, RowError
from refbus_gateway.store.schema import doings
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.vault import join

KEEP_MS: Final = 730 * DAY_MS
"""How long a row is kept: two years."""
MOST: Final = 200_000
"""Most rows."""
_HEAD: Final = "doings-ends"
_MAC_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Doing:
    """That somebody asked for something. `about`: the number of the case or referral, None for none."""

    person: str
    role: str
    action: str
    about: int | None


@dataclass(frozen=True, slots=True)
class Logged:
    """A row of the log, ms UTC."""

    id: int
    at_ms: int
    doing: Doing


def append(tx: Transaction, some: Sequence[Doing], now_ms: int, *, may_forget: bool) -> None:
    """Add rows at the end of the chain; what is too old goes, if the clock is not in doubt (`may_forget`)."""
    sealed = _is_sealed(tx)
    first, last = _ends(tx)
    for each in some:
        last = _mac(tx, last, now_ms, each)
        body = tx.vault.seal(b"doing/" + last, json.dumps(asdict(each)).encode())
        person = tx.vault.hash("doing-person", each.person.encode())
        tx.connection.execute(insert(doings).values(at_ms=now_ms, person=person, body=body, mac=last))
    if may_forget:
        first = _prune(tx, first, now_ms)
    _keep_ends(tx, first, last, sealed=sealed)


def listed(tx: Transaction, most: int, skip: int = 0, person: str | None = None) -> list[Logged]:
    """Return so many of the newest rows behind the `skip` newest, of one person or of all; a damaged one is left out.

    `is_whole` says that there is one.
    """
    query = select(doings).order_by(doings.c.id.desc()).limit(most).offset(skip)
    if person is not None:
        query = query.where(doings.c.person == tx.vault.hash("doing-person", person.encode()))
    found = list[Logged]()
    for row in tx.connection.execute(query):
        with suppress(RowError):
            found.append(Logged(row.id, row.at_ms, _doing(tx, row)))
    return found


def count(tx: Transaction) -> int:
    """Return how many rows there are."""
    return int(tx.connection.execute(select(func.count()).select_from(doings)).scalar_one())


def is_whole(tx: Transaction) -> bool:
    """Whether no row was changed, added or taken away without the key of this store."""
    ends = tx.get(_HEAD)
    if ends is None:
        return count(tx) == 0
    first, last = _ends(tx)
    if not _is_sealed(tx):
        return False
    return _follow(tx, first, select(doings)) == last


def _follow(tx: Transaction, before: bytes, rows: Select[Any]) -> bytes | None:
    """Return the MAC at the end of these rows, which follow `before`; None when the chain is broken."""
    for row in tx.connection.execute(rows.order_by(doings.c.id)):
        try:
            before = _mac(tx, before, row.at_ms, _doing(tx, row))
        except RowError:
            return None
        if not hmac.compare_digest(before, row.mac):
            return None
    return before


def _prune(tx: Transaction, first: bytes, now_ms: int) -> bytes:
    """Remove what is too old or too much, as far as nobody changed it; return the MAC before the oldest row."""
    newest = tx.connection.execute(select(func.max(doings.c.id))).scalar() or 0
    gone = (doings.c.at_ms < now_ms - KEEP_MS) | (doings.c.id <= newest - MOST)
    # The chain stays one piece: whatever stands before a row that goes, goes too.
    last_gone = tx.connection.execute(select(doings).where(gone).order_by(doings.c.id.desc()).limit(1)).first()
    if last_gone is None:
        return first
    going = doings.c.id <= last_gone.id
    end = _follow(tx, first, select(doings).where(going))
    if end is None:
        return first
    tx.connection.execute(delete(doings).where(going))
    return end


def _ends(tx: Transaction) -> tuple[bytes, bytes]:
    kept = tx.get(_HEAD) or bytes(2 * _MAC_BYTES)
    return kept[:_MAC_BYTES], kept[_MAC_BYTES : 2 * _MAC_BYTES]


def _is_sealed(tx: Transaction) -> bool:
    """Whether the ends of the chain are what this store kept; before the first row there are none."""
    ends = tx.get(_HEAD)
    return ends is None or hmac.compare_digest(ends[2 * _MAC_BYTES :], tx.vault.hash(_HEAD, *_ends(tx)))


def _keep_ends(tx: Transaction, first: bytes, last: bytes, *, sealed: bool) -> None:
    """Keep the ends. Ends that somebody changed are never sealed again: what comes after would hide it."""
    tx.put(_HEAD, first + last + (tx.vault.hash(_HEAD, first, last) if sealed else bytes(_MAC_BYTES)))


def _doing(tx: Transaction, row: Row[Any]) -> Doing:
    try:
        return Doing(**read_json(tx.vault.open(b"doing/" + row.mac, row.body).decode()))
    except (TypeError, ValueError, MalformedError):
        raise RowError from None


def _mac(tx: Transaction, before: bytes, at_ms: int, each: Doing) -> bytes:
    about = b"" if each.about is None else str(each.about).encode()
    words = (each.person.encode(), each.role.encode(), each.action.encode(), about)
    return tx.vault.hash("doing", before, str(at_ms).encode(), join(*words))
