"""What a damaged or other store of the same home still says no to, taken over into the store that goes on.

For each case that both have: erased, denied recipients, records that refuse or withdraw, and nos that were not signed
yet. One case that cannot be read keeps no other from being read.
"""

from __future__ import annotations

from sqlalchemy import select

from refbus.core.consent.record import ConsentState
from refbus.core.ids import OrgId
from refbus.each import each
from refbus.errors import RefbusError
from refbus_gateway.store import cases, consents, schema, tellings
from refbus_gateway.store.cases import Case
from refbus_gateway.store.session import Store, Transaction
from refbus_gateway.store.tellings import Kind


def carry(old: Store, store: Store, me: OrgId, now_ms: int) -> tuple[int, int]:
    """Take every no of `old` over; return how many of its cases `store` has not, and how many could not be read.

    Raises StoreError.
    """
    failed: list[RefbusError] = []
    missing: list[int] = []
    with old.read() as before:
        numbers = [row.id for row in before.connection.execute(select(schema.cases.c.id)).all()]

        def take(number: int) -> None:
            case = cases.get(before, number)
            with store.write() as tx:
                here = _same_case(before, tx, case)
                if here is None:
                    missing.append(number)
                elif here.key is not None:
                    _carry_case(before, tx, (case, here), me, now_ms)

        each(numbers, take, lambda _, error: failed.append(error))
    return len(missing), len(failed)


def _same_case(before: Transaction, tx: Transaction, case: Case) -> Case | None:
    name = schema.cases.c.case_hash == cases.hash_of(before, case)
    number = tx.connection.execute(select(schema.cases.c.id).where(name)).scalar()
    return None if number is None else cases.get(tx, number)


def _carry_case(before: Transaction, tx: Transaction, both: tuple[Case, Case], me: OrgId, now_ms: int) -> None:
    case, here = both
    if case.erasing_ms is not None or case.key is None:
        cases.order_erasure(tx, here, now_ms)  # the next round finishes it, with word to the others
        return
    if case.own and here.live:
        body, denied = cases.body_of(tx, here), cases.body_of(before, case).get("denied_recipients", [])
        cases.replace_body(tx, here, {**body, "denied_recipients": sorted({*body["denied_recipients"], *denied})})
    for kept in consents.of_case(before, case):
        record = kept.signed.record
        if record.state is not ConsentState.GIVEN:
            consents.keep(tx, here, kept.raw, now_ms)
        if record.state is ConsentState.WITHDRAWN and kept.signed.signer == me:  # told again, in the old courses
            other = record.party if record.collected_by == me else record.collected_by
            tellings.add(tx, here, other, Kind.WITHDRAWN, now_ms=now_ms, signed=kept.raw)
    for told in tellings.of_case(before, case):
        if told.kind is not Kind.VERSION and not told.signed:
            tellings.add(tx, here, told.org, told.kind, now_ms=now_ms)
