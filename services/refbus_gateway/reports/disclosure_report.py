"""Who received what of a case, when, why, on which consent, with proof, and what became of it. Works after erasure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from refbus.core.vocabulary import EventType
from refbus.each import each
from refbus_gateway.store import disclosures, outbox
from refbus_gateway.store.cases import Case, Unread
from refbus_gateway.store.consents import WithdrawalRow
from refbus_gateway.store.disclosures import Disclosure, SubjectNotice
from refbus_gateway.store.outbox import OutboxRow, Receipt
from refbus_gateway.store.referrals import EventStatus
from refbus_gateway.store.session import Transaction


class Became(StrEnum):
    """What became of one disclosure on its way, as far as signed receipts say."""

    STOPPED_HERE = "STOPPED_HERE"
    WAITING = "WAITING"
    ON_THE_WAY = "ON_THE_WAY"
    DELIVERED = "DELIVERED"


@dataclass(frozen=True, slots=True)
class Entry:
    """One disclosure with its proof. `envelopes` are SHA-256 of the sealed bytes, in hex, the oldest first.

    `withdrawal` is the newest word about a withdrawal towards this organisation after it, None without one.
    """

    disclosure: Disclosure
    became: Became
    envelopes: tuple[str, ...]
    receipts: tuple[Receipt, ...]
    withdrawal: WithdrawalRow | None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that left this organisation about one case, oldest first, and when the person was told.

    `untold`: how many disclosures the person has not been told of, in person or by telephone.
    """

    case: int
    erased_ms: int | None
    entries: tuple[Entry, ...]
    told: tuple[SubjectNotice, ...]
    untold: int


def report(tx: Transaction, case: Case) -> Report:
    """Return the report of a case, own or received, erased or not."""
    withdrawals = disclosures.withdrawals_of(tx, case)
    entries = (_entry(tx, found, withdrawals.get(found.org_hash, [])) for found in disclosures.of_case(tx, case))
    told = tuple(disclosures.notices_of(tx, case))
    return Report(case.id, case.destroyed_ms, tuple(entries), told, disclosures.untold(tx).get(case.id, 0))


def untold(tx: Transaction, unread: Unread | None = None, *, every: bool) -> dict[int, int]:
    """Return, by case, how many disclosures the person has not been told of: `every` one, or those in an emergency.

    A country's law may demand the first; the second is always due, as soon as it is safe. A case whose disclosures
    cannot be read hides no other; its number and why go into `unread`.
    """
    counts = disclosures.untold(tx)
    if every:
        return counts
    kept = [] if unread is None else unread
    rows = disclosures.since_told(tx, counts)

    def emergencies(case: int) -> tuple[int, int]:
        left = disclosures.opened(tx, rows.get(case, ()))
        return case, sum(one.event_type is EventType.EMERGENCY_INVOKED for one in left)

    found = each(counts, emergencies, lambda case, error: kept.append((case, error.code)))
    return {case: count for case, count in found if count}


def _entry(tx: Transaction, disclosure: Disclosure, withdrawals: list[WithdrawalRow]) -> Entry:
    rows = outbox.of_event(tx, disclosure.event_row)
    later = [row for row in withdrawals if row.created_ms >= disclosure.at_ms]
    said = [row for row in later if row.acknowledged_ms is not None] or later
    return Entry(
        disclosure,
        _became(disclosure, rows),
        tuple(row.sha256.hex() for row in rows),
        tuple(receipt for row in rows for receipt in outbox.receipts(tx, row.id)),
        said[-1] if said else None,
    )


def _became(disclosure: Disclosure, rows: list[OutboxRow]) -> Became:
    if disclosure.status is EventStatus.REFUSED:
        return Became.STOPPED_HERE
    if disclosure.status is EventStatus.SENT:
        return Became.DELIVERED
    return Became.ON_THE_WAY if any(row.attempts for row in rows) else Became.WAITING
