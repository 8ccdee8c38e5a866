"""The ledger of what left this organisation about a case, and when the person was told. Both outlive the case.

A row is written in the transaction that queues the event. What it says (who, what kinds of data, why, on which
consent) is sealed under the store key and not under the case's, so that a person can be told even after erasure who
received what; no content, no name and no pseudonym of the person is in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, insert, select, update

from refbus.core.courses.course import BEGINS
from refbus.core.ids import OrgId
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import DataCategory, EventType, Purpose
from refbus.crypto.framing import sha256
from refbus.wire.consent import decode_signed
from refbus_gateway.store.cases import Case
from refbus_gateway.store.consents import WithdrawalRow, withdrawal_of_row
from refbus_gateway.store.referrals import Event, EventStatus
from refbus_gateway.store.schema import (
    counterparts,
    disclosures,
    events,
    outbox,
    referrals,
    subject_notices,
    withdrawals,
)
from refbus_gateway.store.session import Transaction, inserting, slices
from refbus_gateway.store.vault import member_of

_NEW: Final = inserting(disclosures, "case_id", "event_id", "org_hash", "at_ms", "body")


class How(StrEnum):
    """How a person was told who received their data; or that telling would put them in danger now."""

    IN_PERSON = "IN_PERSON"
    PHONE = "PHONE"
    DEFERRED_UNSAFE = "DEFERRED_UNSAFE"


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One event that carried data about a person to an organisation. Times in ms UTC, hashes in hex.

    `consent` is the id and version of the record that it travelled on, None for a disclosure in an emergency.
    """

    event_row: int
    org_hash: bytes
    at_ms: int
    status: EventStatus
    org: OrgId
    event_type: EventType
    event_id: str
    purpose: Purpose
    categories: tuple[DataCategory, ...]
    consent: tuple[str, int] | None
    consent_sha256: str | None
    retain_until_ms: int | None


@dataclass(frozen=True, slots=True)
class SubjectNotice:
    """The person was told, or could not be told safely."""

    how: How
    at_ms: int


def note(tx: Transaction, case: Case, event: Event) -> None:
    """Write down an event of ours that carries data about a person, or that begins a course; others change nothing."""
    block = event.block
    if not block.data_categories and block.event_type not in BEGINS:
        return
    row = {
        "case_id": case.id,
        "event_id": event.id,
        "org_hash": hash_of(tx, case, block.recipient),
        "at_ms": event.at_ms,
        "body": tx.vault.seal(_context(event.id), json.dumps(_body(block), sort_keys=True).encode()),
    }
    _NEW.once(tx.connection, row)


def correct(tx: Transaction, event: Event) -> None:
    """Write down what an event carries now that was changed before it left."""
    body = tx.vault.seal(_context(event.id), json.dumps(_body(event.block), sort_keys=True).encode())
    tx.connection.execute(update(disclosures).where(disclosures.c.event_id == event.id).values(body=body))


def of_case(tx: Transaction, case: Case) -> list[Disclosure]:
    """Return what left about a case, oldest first; of an erased case too."""
    query = select(disclosures, events.c.status).join(events, events.c.id == disclosures.c.event_id)
    rows = tx.connection.execute(query.where(disclosures.c.case_id == case.id).order_by(disclosures.c.id))
    return [_disclosure(tx, row) for row in rows]


def since_told(tx: Transaction, numbers: Iterable[int]) -> dict[int, list[Row[Any]]]:
    """Return the rows of what left about each of these cases, and was not taken back, since the person was told last.

    Still sealed (`opened`); by the number of the case, oldest first.
    """
    found: dict[int, list[Row[Any]]] = {}
    for some in slices(numbers):
        query = select(disclosures, events.c.status).join(events, events.c.id == disclosures.c.event_id)
        query = query.where(disclosures.c.case_id.in_(some), *_untold()).order_by(disclosures.c.id)
        for row in tx.connection.execute(query):
            found.setdefault(row.case_id, []).append(row)
    return found


def opened(tx: Transaction, rows: Iterable[Row[Any]]) -> list[Disclosure]:
    """Return the disclosures in rows. Raises StoreError for what is damaged."""
    return [_disclosure(tx, row) for row in rows]


def reached(tx: Transaction, case: Case, org: OrgId) -> bool:
    """Whether something of a case left to an organisation, or may have left; no row is opened for it."""
    query = select(disclosures.c.id).join(events, events.c.id == disclosures.c.event_id)
    mine = (disclosures.c.case_id == case.id, disclosures.c.org_hash == hash_of(tx, case, org))
    found = query.where(*mine, events.c.status != EventStatus.REFUSED)
    return tx.connection.execute(found).first() is not None


def may_reach(tx: Transaction, case: Case, org: OrgId) -> bool:
    """Whether something of a case left to an organisation, or may have: also what a gate refused and may let on yet."""
    if reached(tx, case, org):
        return True
    query = select(disclosures.c.id).join(outbox, outbox.c.event_id == disclosures.c.event_id)
    mine = (disclosures.c.case_id == case.id, disclosures.c.org_hash == hash_of(tx, case, org))
    return tx.connection.execute(query.where(*mine, outbox.c.handed_ms.is_not(None))).first() is not None


def hash_of(tx: Transaction, case: Case, org: OrgId) -> bytes:
    """Return the `org_hash` of an organisation in a case."""
    return tx.vault.hash("org", str(case.id).encode(), org.encode())


def withdrawals_of(tx: Transaction, case: Case) -> dict[bytes, list[WithdrawalRow]]:
    """Return the withdrawals that went out about a case, by the `org_hash` of their recipient, oldest first."""
    query = (
        select(withdrawals, counterparts.c.org_hash)
        .join(events, events.c.id == withdrawals.c.event_id)
        .join(referrals, referrals.c.id == events.c.referral_id)
        .join(counterparts, counterparts.c.id == referrals.c.counterpart_id)
        .where(withdrawals.c.case_id == case.id, withdrawals.c.outgoing)
        .order_by(withdrawals.c.id)
    )
    found: dict[bytes, list[WithdrawalRow]] = {}
    for row in tx.connection.execute(query):
        found.setdefault(row.org_hash, []).append(withdrawal_of_row(row))
    return found


def add_notice(tx: Transaction, case: Case, how: How, now_ms: int) -> None:
    """Write down that the person was told."""
    tx.connection.execute(insert(subject_notices).values(case_id=case.id, how=how, at_ms=now_ms))


def notices_of(tx: Transaction, case: Case) -> list[SubjectNotice]:
    """Return when the person was told, oldest first."""
    query = select(subject_notices).where(subject_notices.c.case_id == case.id).order_by(subject_notices.c.id)
    return [SubjectNotice(member_of(How, row.how), row.at_ms) for row in tx.connection.execute(query)]


def untold(tx: Transaction) -> dict[int, int]:
    """Return, by the number of a case, how many disclosures the person has not been told of; only cases with some."""
    query = (
        select(disclosures.c.case_id, func.count())
        .join(events, events.c.id == disclosures.c.event_id)
        .where(*_untold())
        .group_by(disclosures.c.case_id)
    )
    return {row[0]: row[1] for row in tx.connection.execute(query)}


def _untold() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return what makes a disclosure one that the person was not told of: it was not taken back, and is newer."""
    told = (
        select(func.max(subject_notices.c.at_ms))
        .where(subject_notices.c.case_id == disclosures.c.case_id, subject_notices.c.how != How.DEFERRED_UNSAFE)
        .scalar_subquery()
    )
    return events.c.status != EventStatus.REFUSED, disclosures.c.at_ms > func.coalesce(told, -1)


def _body(block: RoutingBlock) -> dict[str, Any]:
    body: dict[str, Any] = {
        "org": block.recipient,
        "event_type": block.event_type,
        "event_id": block.event_id.hex(),
        "purpose": block.purpose,
        "categories": list(block.data_categories),
    }
    if block.consent_record is not None and block.legal_basis_record is None:
        signed = decode_signed(block.consent_record)
        body["consent"] = [signed.record.consent_id.hex(), signed.record.version]
        body["consent_sha256"] = sha256(signed.record_bytes).hex()
        body["retain_until_ms"] = signed.record.retain_until_ms
    return body


def _disclosure(tx: Transaction, row: Row[Any]) -> Disclosure:
    body = json.loads(tx.vault.open(_context(row.event_id), row.body))
    consent = body.get("consent")
    return Disclosure(
        event_row=row.event_id,
        org_hash=row.org_hash,
        at_ms=row.at_ms,
        status=member_of(EventStatus, row.status),
        org=OrgId(body["org"]),
        event_type=EventType(body["event_type"]),
        event_id=body["event_id"],
        purpose=Purpose(body["purpose"]),
        categories=tuple(DataCategory(each) for each in body["categories"]),
        consent=None if consent is None else (consent[0], consent[1]),
        consent_sha256=body.get("consent_sha256"),
        retain_until_ms=body.get("retain_until_ms"),
    )


def _context(event_row: int) -> bytes:
    return b"disclosure/" + event_row.to_bytes(8, "big")
