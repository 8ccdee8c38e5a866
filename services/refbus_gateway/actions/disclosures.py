"""Asking who received what of a case, and noting that the person was told."""

from __future__ import annotations

from dataclasses import dataclass

from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.reports import disclosure_report
from refbus_gateway.reports.disclosure_report import Report
from refbus_gateway.store import cases, disclosures
from refbus_gateway.store.disclosures import How

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


def note_told(desk: Desk, actor: Actor, number: int, how: How) -> PersonTold:
    """Note that the person was told who received their data, or that it is not safe. Raises RuleError CASE_UNKNOWN."""
    actor.require(Permission.WRITE_CASES)
    with desk.write() as tx:
        case = cases.get(tx, number)
        disclosures.add_notice(tx, case, how, desk.gateway.now_ms())
        left = disclosure_report.report(tx, case).untold
    return PersonTold(number, how, left)
