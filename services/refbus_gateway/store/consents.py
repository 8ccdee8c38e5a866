"""Signed consent records as received or made, and who still owes an answer to a withdrawal."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import func, insert, select, update

from refbus.core.consent import SignedConsent
from refbus.core.ids import ConsentId
from refbus.wire.consent import decode_signed
from refbus_gateway.store.cases import Case
from refbus_gateway.store.schema import consents, withdrawals
from refbus_gateway.store.session import Transaction


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored record: its local number, and its exact signed bytes with what they say."""

    number: int
    raw: bytes
    signed: SignedConsent


@dataclass(frozen=True, slots=True)
class WithdrawalRow:
    """One withdrawal towards, or from, one organisation. `answer` once it was acknowledged."""

    id: int
    case_id: int
    event_row: int
    outgoing: bool
    created_ms: int
    acknowledged_ms: int | None
    answer: str | None


def keep(tx: Transaction, case: Case, raw: bytes, now_ms: int) -> None:
    """Keep the exact bytes of a signed record; a second time changes nothing. Raises MalformedError."""
    signed = decode_signed(raw)
    consent_hash = tx.vault.hash("consent", signed.record.consent_id)
    record_hash = tx.vault.hash("record", hashlib.sha256(raw).digest())
    if tx.connection.execute(select(consents.c.id).where(consents.c.record_hash == record_hash)).first():
        return
    tx.connection.execute(
        insert(consents).values(
            case_id=case.id,
            consent_hash=consent_hash,
            record_hash=record_hash,
            version=signed.record.version,
            received_ms=now_ms,
            body=case.open_key().seal(b"consent/" + record_hash, raw),
        )
    )


def of_case(tx: Transaction, case: Case) -> list[Kept]:
    """Return every record of a case, oldest first."""
    rows = tx.connection.execute(select(consents).where(consents.c.case_id == case.id).order_by(consents.c.id))
    key = case.open_key()
    raws = [(row.id, key.open(b"consent/" + row.record_hash, row.body)) for row in rows]
    return [Kept(number, raw, decode_signed(raw)) for number, raw in raws]


def case_number_of(tx: Transaction, consent_id: ConsentId) -> int | None:
    """Return the number of the case that this consent belongs to."""
    wanted = tx.vault.hash("consent", consent_id)
    return tx.connection.execute(select(consents.c.case_id).where(consents.c.consent_hash == wanted)).scalar()


def add_withdrawal(
    tx: Transaction, case: Case, consent_id: ConsentId, event_row: int, *, outgoing: bool, now_ms: int
) -> None:
    """Add a withdrawal that has to be acknowledged, by them (`outgoing`) or by a person here."""
    tx.connection.execute(
        insert(withdrawals).values(
            case_id=case.id,
            event_id=event_row,
            consent_hash=tx.vault.hash("consent", consent_id),
            outgoing=outgoing,
            created_ms=now_ms,
        )
    )


def withdrawal_rows(tx: Transaction, *, outgoing: bool, case_id: int | None = None) -> list[WithdrawalRow]:
    """Return the withdrawals in one direction, acknowledged or not, oldest first."""
    query = select(withdrawals).where(withdrawals.c.outgoing == outgoing)
    if case_id is not None:
        query = query.where(withdrawals.c.case_id == case_id)
    rows = tx.connection.execute(query.order_by(withdrawals.c.id))
    return [
        WithdrawalRow(r.id, r.case_id, r.event_id, r.outgoing, r.created_ms, r.acknowledged_ms, r.answer) for r in rows
    ]


def acknowledge(tx: Transaction, row_id: int, answer: str, now_ms: int) -> None:
    """Note the answer to a withdrawal."""
    change = update(withdrawals).where(withdrawals.c.id == row_id)
    tx.connection.execute(change.values(acknowledged_ms=now_ms, answer=answer))


def oldest_unanswered_ms(tx: Transaction, *, outgoing: bool) -> int | None:
    """Return when the oldest withdrawal without an answer was made or received."""
    query = select(func.min(withdrawals.c.created_ms))
    query = query.where(withdrawals.c.outgoing == outgoing, withdrawals.c.acknowledged_ms.is_(None))
    return tx.connection.execute(query).scalar()
