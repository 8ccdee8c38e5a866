"""What a damaged or other store of the same home still says no to, taken over into the store that goes on.

For each case that both have: erased, denied recipients, records that refuse or withdraw, nos that were not signed yet,
and withdrawals that others know of. What cannot be read, a row or a page of the file, keeps nothing else from being
read, of the same case neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.exc import SQLAlchemyError

from refbus.core.consent.record import ConsentState
from refbus.core.ids import OrgId
from refbus.each import alone, each
from refbus.errors import Code, RefbusError, SetupError, StoreError
from refbus.said import Said, said
from refbus_gateway.home import confirmation
from refbus_gateway.store import cases, consents, schema, tellings
from refbus_gateway.store.cases import Case
from refbus_gateway.store.consents import Kept
from refbus_gateway.store.session import Store, Transaction
from refbus_gateway.store.tellings import Kind, Telling


@dataclass(slots=True)
class _Nos:
    """What can be read of one case in the old store. `answered`: who has answered a withdrawal that is not there."""

    denied: list[str] = field(default_factory=list)
    records: list[Kept] = field(default_factory=list)
    unsigned: list[Telling] = field(default_factory=list)
    answered: list[OrgId] = field(default_factory=list)


def carry(old: Store, store: Store, me: OrgId, now_ms: int) -> Said:
    """Take every no of `old` over; say how many of its cases `store` has not, and of how many something is unread.

    Raises StoreError.
    """
    unread: set[int] = set()
    missing: list[int] = []
    with _reading(old) as before:
        last = before.connection.execute(select(func.max(schema.cases.c.id))).scalar() or 0

        def take(number: int) -> None:
            row = _row(before, number)
            if row is None:
                return
            erased = row.erasing_ms is not None or row.wrapped_key is None
            nos = _Nos() if erased else _read(before, number, lambda *_: unread.add(number))
            with store.write() as tx:
                here = _same_case(tx, row.case_hash)
                if here is None:
                    missing.append(number)
                elif here.key is not None and erased:
                    cases.order_erasure(tx, here, now_ms)  # the next round finishes it, with word to the others
                elif here.key is not None:
                    with alone(number, lambda *_: unread.add(number), inside=tx.savepoint):
                        _deny(tx, here, nos)
                    _write(tx, here, nos, me, now_ms)

        each(range(1, last + 1), take, lambda number, _: unread.add(number))
    return said(
        "of the store that was here, %(missing)s cases are not in this one, %(failed)s are read in part",
        missing=len(missing),
        failed=len(unread),
    )


@contextmanager
def _reading(old: Store) -> Iterator[Transaction]:
    """Give a reading transaction; that it cannot end well in a damaged file takes nothing back. Raises StoreError."""
    with ExitStack() as stack:
        yield stack.enter_context(old.read())
        ending = stack.pop_all()
    with suppress(StoreError):
        ending.close()


@contextmanager
def _of_the_old() -> Iterator[None]:
    """Tell what the file of the old store makes the database raise from trouble with the store that goes on."""
    try:
        yield
    except SQLAlchemyError:
        raise SetupError(Code.HOME_DAMAGED, said("the store that was here")) from None


def _row(before: Transaction, number: int) -> Row[Any] | None:
    with _of_the_old():
        return before.connection.execute(select(schema.cases).where(schema.cases.c.id == number)).first()


def _read(before: Transaction, number: int, failed: Callable[[int, RefbusError], object]) -> _Nos:
    """Return what says no in a case, each kind for itself."""
    with _of_the_old():
        case = cases.get(before, number)
    found = _Nos()
    with alone(number, failed), _of_the_old():
        found.records = consents.readable(before, case)
        if len(found.records) < consents.count(before, case):
            raise SetupError(Code.HOME_DAMAGED, said("a record of a consent"))
    with alone(number, failed), _of_the_old():
        found.denied = cases.body_of(before, case).get("denied_recipients", []) if case.own else []
    with alone(number, failed), _of_the_old():
        found.unsigned = tellings.of_case(before, case)
    with alone(number, failed), _of_the_old():
        parties = cases.readable_parties(before, case, lambda error: failed(number, error))
        found.answered = [party.org for party in parties if confirmation.has_answered_no(before, case, party.org)]
    return found


def _same_case(tx: Transaction, case_hash: bytes) -> Case | None:
    number = tx.connection.execute(select(schema.cases.c.id).where(schema.cases.c.case_hash == case_hash)).scalar()
    return None if number is None else cases.get(tx, number)


def _deny(tx: Transaction, here: Case, nos: _Nos) -> None:
    if here.live and nos.denied:
        body = cases.body_of(tx, here)
        denied = sorted({*body.get("denied_recipients", []), *nos.denied})
        cases.replace_body(tx, here, {**body, "denied_recipients": denied})


def _write(tx: Transaction, here: Case, nos: _Nos, me: OrgId, now_ms: int) -> None:
    for kept in nos.records:
        record = kept.signed.record
        if record.state is not ConsentState.GIVEN:
            consents.keep(tx, here, kept.raw, now_ms)
        if record.state is ConsentState.WITHDRAWN and kept.signed.signer == me:  # told again, in the old courses
            other = record.party if record.collected_by == me else record.collected_by
            tellings.add(tx, here, other, Kind.WITHDRAWN, now_ms=now_ms, signed=kept.raw)
    for told in nos.unsigned:
        if told.kind is not Kind.VERSION and not told.signed:
            tellings.add(tx, here, told.org, told.kind, now_ms=now_ms)
    for org in nos.answered:
        confirmation.note_no(tx, here, org, now_ms)
