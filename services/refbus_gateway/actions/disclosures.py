"""Asking who received what of a case, and noting that the person was told."""

from __future__ import annotations

from dataclasses import dataclass

from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory, EventType, Purpose
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.reports import disclosure_report
from refbus_gateway.reports.disclosure_report import Became, Entry, Report
from refbus_gateway.store import cases, disclosures
from refbus_gateway.store.disclosures import How, SubjectNotice

__all__ = [
    "CaseDisclosures",
    "Disclosure",
    "How",
    "PersonTold",
    "ReceiptShown",
    "note_told",
    "report",
    "values",
]


@dataclass(frozen=True, slots=True)
class ReceiptShown:
    """What a gate, or the recipient itself, said about one envelope. Times in ms UTC."""

    gate: str
    kind: str
    outcome: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One event that carried data about a person, with its proof and what became of it; times in ms UTC, hashes in hex.

    Without a consent it was a disclosure in an emergency. `withdrawn_ms` and what follows: of the newest word about a
    withdrawal towards this organisation after it, None without one.
    """

    organisation: OrgId
    at_ms: int
    type: EventType
    purpose: Purpose
    categories: tuple[DataCategory, ...]
    consent_id: str | None
    consent_version: int | None
    consent_sha256: str | None
    retain_until_ms: int | None
    event_id: str
    envelopes_sha256: tuple[str, ...]
    receipts: tuple[ReceiptShown, ...]
    became: Became
    withdrawn_ms: int | None
    answer: str | None
    answer_reason: str | None
    answered_ms: int | None


@dataclass(frozen=True, slots=True)
class CaseDisclosures:
    """Everything that left this organisation about one case, the oldest first, and when the person was told of it.

    `untold`: how many the person has not been told of, in person or by telephone.
    """

    case: int
    erased_ms: int | None
    untold: int
    told: tuple[SubjectNotice, ...]
    disclosures: tuple[Disclosure, ...]


__all__ = ["How", "PersonTold", "Report", "note_told", "report"]


@dataclass(frozen=True, slots=True)
class PersonTold:
    """That the person was told, or cannot be told safely now, and how many disclosures are still to be told."""

    case: int
    how: How
    untold: int


def report(desk: Desk, actor: Actor, number: int) -> Report:
    """Return who received what of a case, when and why; works after erasure. Raises RuleError CASE_UNKNOWN."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        return disclosure_report.report(tx, cases.get(tx, number))


def values(found: Report) -> CaseDisclosures:
    """Return a report as flat values: codes instead of words."""
    return CaseDisclosures(
        found.case, found.erased_ms, found.untold, found.told, tuple(_shown(each) for each in found.entries)
    )


def note_told(desk: Desk, actor: Actor, number: int, how: How) -> PersonTold:
    """Note that the person was told who received their data, or that it is not safe. Raises RuleError CASE_UNKNOWN."""
    actor.require(Permission.WRITE_CASES)
    with desk.write() as tx:
        case = cases.get(tx, number)
        disclosures.add_notice(tx, case, how, desk.gateway.now_ms())
        left = disclosure_report.report(tx, case).untold
    return PersonTold(number, how, left)


def _shown(entry: Entry) -> Disclosure:
    told, word = entry.disclosure, entry.withdrawal
    consent_id, consent_version = told.consent or (None, None)
    return Disclosure(
        told.org,
        told.at_ms,
        told.event_type,
        told.purpose,
        told.categories,
        consent_id,
        consent_version,
        told.consent_sha256,
        told.retain_until_ms,
        told.event_id,
        entry.envelopes,
        tuple(ReceiptShown(each.gate, each.kind, each.outcome, each.at_ms) for each in entry.receipts),
        entry.became,
        word.created_ms if word else None,
        word.answer if word else None,
        word.reason if word else None,
        word.acknowledged_ms if word else None,
    )
