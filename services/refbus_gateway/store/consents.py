"""Signed consent records as received or made, and who still owes an answer to a withdrawal."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, bindparam, func, insert, select, update

from refbus.core.consent.record import SignedConsent
from refbus.core.ids import ConsentId
from refbus.database.prepared import Prepared
from refbus.each import each
from refbus.wire.consent import decode_signed
from refbus_gateway.store import links, lookups
from refbus_gateway.store.cases import Case
from refbus_gateway.store.schema import consents, withdrawals
from refbus_gateway.store.session import Transaction, inserting

_NEW: Final = inserting(consents, "case_id", "consent_hash", "record_hash", "version", "received_ms", "body")
_BY_RECORD: Final = Prepared(select(consents.c.id).where(consents.c.record_hash == bindparam("wanted")))
_OF_ANOTHER: Final = Prepared(
    select(consents.c.id).where(
        consents.c.consent_hash == bindparam("wanted"), consents.c.case_id != bindparam("number")
    )
)
_OF_CASE: Final = Prepared(select(consents).where(consents.c.case_id == bindparam("number")).order_by(consents.c.id))
_WITHDRAWN: Final = select(withdrawals).order_by(withdrawals.c.id)
_ONE_WAY: Final = _WITHDRAWN.where(withdrawals.c.outgoing == bindparam("outgoing"))
_ALL_WITHDRAWN: Final = Prepared(_ONE_WAY)
_UNANSWERED: Final = Prepared(_ONE_WAY.where(withdrawals.c.acknowledged_ms.is_(None)))
_WITHDRAWN_OF_CASE: Final = Prepared(_ONE_WAY.where(withdrawals.c.case_id == bindparam("number")))


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
    reason: str | None


def keep(tx: Transaction, case: Case, raw: bytes, now_ms: int) -> None:
    """Keep the exact bytes of a signed record; a second time changes nothing. Raises MalformedError."""
    signed = decode_signed(raw)
    consent_hash = tx.vault.hash("consent", signed.record.consent_id)
    record_hash = tx.vault.hash("record", hashlib.sha256(raw).digest())
    if _BY_RECORD.once(tx.connection, {"wanted": record_hash}).first() is not None:
        return
    row = {
        "case_id": case.id,
        "consent_hash": consent_hash,
        "record_hash": record_hash,
        "version": signed.record.version,
        "received_ms": now_ms,
        "body": case.open_key().seal(b"consent/" + record_hash, raw),
    }
    _NEW.once(tx.connection, row)
    lookups.forget_case(tx, case.id)
    if case.own:
        links.note_word(tx, case.id)


def of_case(tx: Transaction, case: Case) -> list[Kept]:
    """Return every record of a case, oldest first. Raises RefbusError when one cannot be read: it may be a no."""
    return [_kept(case, row) for row in _rows(tx, case)]


def count(tx: Transaction, case: Case) -> int:
    """Return how many records of a case are kept, whether they can be read or not."""
    query = select(func.count()).select_from(consents).where(consents.c.case_id == case.id)
    return int(tx.connection.execute(query).scalar_one())


def readable(tx: Transaction, case: Case) -> list[Kept]:
    """Return the records of a case that can be read: enough to say no with, and never to permit anything."""
    return each(_rows(tx, case), lambda row: _kept(case, row), lambda *_: None)


def _rows(tx: Transaction, case: Case) -> Sequence[Row[Any]]:
    return _OF_CASE.once(tx.connection, {"number": case.id}).all()


def _kept(case: Case, row: Row[Any]) -> Kept:
    raw = case.open_key().open(b"consent/" + row.record_hash, row.body)
    return Kept(row.id, raw, decode_signed(raw))


def cases_of(tx: Transaction, consent_id: ConsentId) -> list[int]:
    """Return the numbers of the cases of which a record of this consent is kept, erased ones too, oldest first."""
    same = consents.c.consent_hash == tx.vault.hash("consent", consent_id)
    query = select(consents.c.case_id).where(same).group_by(consents.c.case_id).order_by(func.min(consents.c.id))
    return list(tx.connection.execute(query).scalars())


def serves_another(tx: Transaction, consent_id: ConsentId, case: Case) -> bool:
    """Return whether a record of this consent is kept of another case, erased or not."""
    wanted = {"wanted": tx.vault.hash("consent", consent_id), "number": case.id}
    return _OF_ANOTHER.once(tx.connection, wanted).first() is not None


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


def withdrawal_rows(tx: Transaction, *, outgoing: bool) -> list[WithdrawalRow]:
    """Return the withdrawals in one direction, acknowledged or not, oldest first: more and more of them."""
    return _withdrawals(tx, _ALL_WITHDRAWN, outgoing=outgoing)


def unacknowledged(tx: Transaction, *, outgoing: bool) -> list[WithdrawalRow]:
    """Return the withdrawals in one direction that nobody has answered, oldest first."""
    return _withdrawals(tx, _UNANSWERED, outgoing=outgoing)


def withdrawals_of_case(tx: Transaction, case_id: int, *, outgoing: bool) -> list[WithdrawalRow]:
    """Return the withdrawals of one case in one direction, acknowledged or not, oldest first."""
    return _withdrawals(tx, _WITHDRAWN_OF_CASE, outgoing=outgoing, number=case_id)


def _withdrawals(tx: Transaction, which: Prepared, **wanted: int) -> list[WithdrawalRow]:
    return [withdrawal_of_row(row) for row in which.once(tx.connection, wanted)]


def of_consent(tx: Transaction, consent_id: ConsentId, *, case_id: int, outgoing: bool) -> list[WithdrawalRow]:
    """Return the withdrawals of one consent in one direction."""
    query = select(withdrawals).where(
        withdrawals.c.consent_hash == tx.vault.hash("consent", consent_id),
        withdrawals.c.case_id == case_id,
        withdrawals.c.outgoing == outgoing,
    )
    return [withdrawal_of_row(row) for row in tx.connection.execute(query)]


def answer_to(tx: Transaction, event_row: int) -> tuple[str, str | None] | None:
    """Return what was answered to the withdrawal that this event told of: the result and the reason for keeping."""
    row = tx.connection.execute(select(withdrawals).where(withdrawals.c.event_id == event_row)).first()
    return None if row is None or row.answer is None else (row.answer, row.reason)


def is_withdrawal(tx: Transaction, event_row: int) -> bool:
    """Whether this event tells of a withdrawal."""
    query = select(withdrawals.c.id).where(withdrawals.c.event_id == event_row)
    return tx.connection.execute(query).first() is not None


def acknowledge(tx: Transaction, row_id: int, answer: str, reason: str | None, now_ms: int) -> None:
    """Note the answer to a withdrawal: the result, and why data is kept if any is."""
    change = update(withdrawals).where(withdrawals.c.id == row_id)
    tx.connection.execute(change.values(acknowledged_ms=now_ms, answer=answer, reason=reason))


def oldest_unanswered_ms(tx: Transaction, *, outgoing: bool) -> int | None:
    """Return when the oldest withdrawal without an answer was made or received."""
    query = select(func.min(withdrawals.c.created_ms))
    query = query.where(withdrawals.c.outgoing == outgoing, withdrawals.c.acknowledged_ms.is_(None))
    return tx.connection.execute(query).scalar()


def count_unanswered(tx: Transaction) -> int:
    """Return how many consents were withdrawn towards a recipient that has not answered, in however many courses."""
    query = select(func.count(func.distinct(withdrawals.c.consent_hash)))
    query = query.where(withdrawals.c.outgoing, withdrawals.c.acknowledged_ms.is_(None))
    return int(tx.connection.execute(query).scalar_one())


def withdrawal_of_row(row: Row[Any]) -> WithdrawalRow:
    """Return a row of the table as it is used."""
    return WithdrawalRow(
        row.id,
        row.case_id,
        row.event_id,
        bool(row.outgoing),
        row.created_ms,
        row.acknowledged_ms,
        row.answer,
        row.reason,
    )
