"""What lists are found by: columns beside cases and referrals, derived from what is sealed, so a page reads a page.

A change of what they come from empties them in the same transaction (`forget_*`); `reports.lookups` fills them again.
An empty one hides nothing: each search here returns such rows too, and its caller looks at what it opened. States and
turns are keyed hashes; days are kept as a span of 30 days, so that no birthday stands in a column.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    exists,
    func,
    null,
    or_,
    select,
    union,
    union_all,
    update,
)

from refbus.core.units import DAY_MS
from refbus.database.prepared import Prepared
from refbus_gateway.store import terms
from refbus_gateway.store.schema import GONE, assignments, cases, events, notices, outbox, referrals, withdrawals
from refbus_gateway.store.session import Transaction, slices

MONTH_MS: Final = 30 * DAY_MS
NEVER: Final = 2**31 - 1
"""The span of a case of which nothing ends."""
_LIVE: Final = and_(cases.c.wrapped_key.is_not(None), cases.c.erasing_ms.is_(None))
_GONE: Final = select(cases.c.id).where(GONE)
"""The cases that are not live, in the words of the index that has them alone: fewer than the others, as a rule."""
_TO_ANSWER: Final = select(withdrawals.c.case_id).where(
    withdrawals.c.outgoing.is_(False), or_(withdrawals.c.answer.is_(None), withdrawals.c.answer == "STOPPED")
)


_NUMBER: Final[BindParameter[int]] = bindparam("number")
_FORGET_REFERRAL: Final = Prepared(update(referrals).where(referrals.c.id == _NUMBER).values(state_hash=null()))
_FORGET_OF_EVENT: Final = Prepared(
    update(referrals)
    .where(referrals.c.id == select(events.c.referral_id).where(events.c.id == _NUMBER).scalar_subquery())
    .values(state_hash=null())
)
_FORGET_CASE: Final = Prepared(update(cases).where(cases.c.id == _NUMBER).values(ends_month=null(), nickname=null()))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which referrals of live cases are looked for; what is None or False narrows nothing.

    `overdue_ms`: an answer was due before it. `unseen`: something came that nobody here looked at. `no_stop`: no
    withdrawal of their case waits for an answer. `of_cases`: of these cases alone. `of_cases_of`: of the cases of the
    person with this id. `but`: not in these states when it
    is this turn.
    """

    own: bool | None = None
    states: frozenset[str] | None = None
    turn: str | None = None
    overdue_ms: int | None = None
    unseen: bool = False
    no_stop: bool = False
    of_cases: Collection[int] | None = None
    of_cases_of: str | None = None
    but: tuple[frozenset[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is kept of a referral. `due_ms`: ms UTC."""

    state: str
    turn: str
    due_ms: int | None
    unseen: int


def forget_referral(tx: Transaction, number: int) -> None:
    """Note that a referral has changed."""
    _FORGET_REFERRAL.once(tx.connection, {"number": number})


def forget_by_hash(tx: Transaction, referral_hash: bytes) -> None:
    """Note that the referral with this keyed hash has changed, if there is one."""
    tx.connection.execute(update(referrals).where(referrals.c.referral_hash == referral_hash).values(state_hash=None))


def forget_of_event(tx: Transaction, event_row: int) -> None:
    """Note that the referral of an event has changed."""
    _FORGET_OF_EVENT.once(tx.connection, {"number": event_row})


def forget_case(tx: Transaction, number: int) -> None:
    """Note that the file or a consent of a case has changed."""
    _FORGET_CASE.once(tx.connection, {"number": number})


def erase(tx: Transaction, case_id: int) -> None:
    """Keep nothing of a case whose content is erased."""
    forget_case(tx, case_id)
    terms.forget_case(tx, case_id)
    empty = {"state_hash": None, "turn_hash": None, "due_ms": None, "unseen": 0}
    tx.connection.execute(update(referrals).where(referrals.c.case_id == case_id).values(**empty))


def stale_referrals(tx: Transaction) -> list[int]:
    """Return the numbers of the referrals of live cases that have changed."""
    query = select(referrals.c.id).join(cases, cases.c.id == referrals.c.case_id)
    return list(tx.connection.execute(query.where(referrals.c.state_hash.is_(None), _LIVE)).scalars())


def stale_cases(tx: Transaction) -> list[int]:
    """Return the numbers of the live cases that have changed."""
    changed = (cases.c.own.in_([True, False]), cases.c.ends_month.is_(None))  # both: the index begins with it
    return list(tx.connection.execute(select(cases.c.id).where(*changed, _LIVE)).scalars())


def keep_referral(tx: Transaction, number: int, found: Standing) -> None:
    """Keep where a referral stands."""
    values = {
        "state_hash": _state(tx, found.state),
        "turn_hash": _turn(tx, found.turn),
        "due_ms": found.due_ms,
        "unseen": found.unseen,
    }
    tx.connection.execute(update(referrals).where(referrals.c.id == number).values(**values))


def keep_case(tx: Transaction, number: int, ends_ms: int | None, nickname: bytes | None) -> None:
    """Keep when something of a case ends first (ms UTC), and its sealed nickname."""
    month = NEVER if ends_ms is None else ends_ms // MONTH_MS
    tx.connection.execute(update(cases).where(cases.c.id == number).values(ends_month=month, nickname=nickname))


def find(
    tx: Transaction, wanted: Wanted, most: int | None, skip: int = 0, *, soonest: bool = False
) -> tuple[list[int], int]:
    """Return so many numbers behind the first `skip`, and how many there are: the newest first, or the `soonest` due.

    `most`: None for all of them.
    What has changed and was not looked at since is among them, whatever it is now.
    """
    narrowed = select(referrals).where(referrals.c.case_id.not_in(_GONE), *_where(tx, wanted))
    order = func.coalesce(referrals.c.due_ms, referrals.c.created_ms) if soonest else referrals.c.id.desc()
    page = narrowed.with_only_columns(referrals.c.id).order_by(order, referrals.c.id).limit(most).offset(skip)
    counted = narrowed.with_only_columns(func.count())
    return list(tx.connection.execute(page).scalars()), int(tx.connection.execute(counted).scalar_one())


def count_states(tx: Transaction, states: Iterable[str]) -> dict[tuple[str, bool], int]:
    """Return how many referrals of live cases are in each of these states, by whether they were requested here.

    Those that have changed and were not looked at since are left out.
    """
    named = {_state(tx, state): state for state in states}
    counted = select(referrals.c.state_hash, referrals.c.own, func.count()).join(
        cases, cases.c.id == referrals.c.case_id
    )
    counted = counted.where(_LIVE, referrals.c.state_hash.in_(named)).group_by(referrals.c.state_hash, referrals.c.own)
    return {(named[state], bool(own)): int(number) for state, own, number in tx.connection.execute(counted)}


def _where(tx: Transaction, wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return the conditions, all of which must hold."""
    derived: list[ColumnElement[bool]] = []
    if wanted.states is not None:
        derived.append(referrals.c.state_hash.in_([_state(tx, each) for each in sorted(wanted.states)]))
    if wanted.turn is not None:
        derived.append(referrals.c.turn_hash == _turn(tx, wanted.turn))
    if wanted.overdue_ms is not None:
        derived.append(referrals.c.due_ms < wanted.overdue_ms)
    derived += [referrals.c.unseen > 0] if wanted.unseen else []
    if wanted.but is not None:
        states, turn = wanted.but
        hashes = [_state(tx, each) for each in sorted(states)]
        derived.append(or_(referrals.c.turn_hash != _turn(tx, turn), referrals.c.state_hash.not_in(hashes)))
    if not derived:
        return _plain(wanted)
    # Each side on its own with all conditions: an "or" would be looked for among all that are own.
    sides = (referrals.c.state_hash.is_(None), and_(*derived))
    return [referrals.c.id.in_(union_all(*(select(referrals.c.id).where(side, *_plain(wanted)) for side in sides)))]


def _plain(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return the conditions on what never has to be derived."""
    found: list[ColumnElement[bool]] = []
    if wanted.own is not None:
        found.append(referrals.c.own == wanted.own)
    if wanted.no_stop:
        found.append(referrals.c.case_id.not_in(_TO_ANSWER))
    if wanted.of_cases is not None:
        found.append(referrals.c.case_id.in_(list(wanted.of_cases)))
    if wanted.of_cases_of is not None:
        theirs = select(assignments.c.case_id).where(assignments.c.person_id == wanted.of_cases_of)
        found.append(referrals.c.case_id.in_(theirs))
    return found


def to_answer(tx: Transaction) -> set[int]:
    """Return the numbers of the cases with an incoming withdrawal that nobody here has finished with."""
    return set(tx.connection.execute(_TO_ANSWER).scalars())


def troubled(tx: Transaction, over: str, outcomes: Sequence[str], most: int) -> tuple[list[int], int]:
    """Return so many of the newest referrals whose newest word may not have arrived, and how many there are.

    `over`: the turn of those that are over and left out. `outcomes`: what the other office says of what it did not
    take in (INTAKE).
    """
    later, newer = events.alias(), outbox.alias()
    newest = ~exists().where(later.c.referral_id == events.c.referral_id, later.c.outgoing, later.c.id > events.c.id)
    last_row = ~exists().where(newer.c.event_id == outbox.c.event_id, newer.c.id > outbox.c.id)
    rows = select(events.c.referral_id).join(outbox, outbox.c.event_id == events.c.id)
    of_gates = rows.where(outbox.c.state.in_(("HELD", "REFUSED")), last_row, newest)
    said = rows.join(notices, notices.c.outbox_id == outbox.c.id)
    of_office = said.where(notices.c.kind == "INTAKE", notices.c.outcome.in_(outcomes), last_row, newest)
    refused = select(events.c.referral_id).where(events.c.status == "REFUSED", events.c.outgoing, newest)
    some = union(of_gates, of_office, refused).subquery()
    found = select(referrals).join(cases, cases.c.id == referrals.c.case_id)
    found = found.where(_LIVE, referrals.c.id.in_(select(some.c.referral_id)))
    found = found.where(or_(referrals.c.state_hash.is_(None), referrals.c.turn_hash != _turn(tx, over)))
    page = found.with_only_columns(referrals.c.id).order_by(referrals.c.id.desc()).limit(most)
    counted = found.with_only_columns(func.count())
    return list(tx.connection.execute(page).scalars()), int(tx.connection.execute(counted).scalar_one())


def ending(tx: Transaction, by_ms: int, *, own: bool, most: int | None = None) -> list[int]:
    """Return the live cases of which something may end by a time (ms UTC), the soonest first; None: all of them."""
    query = select(cases.c.id).where(_LIVE, _ends_by(by_ms, own=own))
    return list(tx.connection.execute(query.order_by(cases.c.ends_month, cases.c.id).limit(most)).scalars())


def count_ending(tx: Transaction, by_ms: int, *, own: bool) -> int:
    """Return how many live cases `ending` returns."""
    query: Select[Any] = select(func.count()).select_from(cases).where(_LIVE, _ends_by(by_ms, own=own))
    return int(tx.connection.execute(query).scalar_one())


def _ends_by(by_ms: int, *, own: bool) -> ColumnElement[bool]:
    sides = (cases.c.ends_month.is_(None), cases.c.ends_month <= by_ms // MONTH_MS)  # each on its own, as in `_where`
    return cases.c.id.in_(union_all(*(select(cases.c.id).where(cases.c.own == own, side) for side in sides)))


def nicknames(tx: Transaction) -> dict[int, tuple[bytes, bytes, bytes]]:
    """Return the sealed nickname, the keyed hash and the wrapped key of each live case that has a nickname."""
    query = select(cases.c.id, cases.c.nickname, cases.c.case_hash, cases.c.wrapped_key)
    rows = tx.connection.execute(query.where(cases.c.nickname.is_not(None), _LIVE))
    return {number: (sealed, case_hash, wrapped) for number, sealed, case_hash, wrapped in rows}


def case_hashes(tx: Transaction, numbers: Iterable[int]) -> dict[int, bytes]:
    """Return the keyed hash of each of these cases."""
    queries = (select(cases.c.id, cases.c.case_hash).where(cases.c.id.in_(some)) for some in slices(numbers))
    return {row.id: row.case_hash for query in queries for row in tx.connection.execute(query)}


def _state(tx: Transaction, state: str) -> bytes:
    return tx.vault.hash("state", state.encode())


def _turn(tx: Transaction, turn: str) -> bytes:
    return tx.vault.hash("turn", turn.encode())
