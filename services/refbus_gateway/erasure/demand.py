"""The whole of an erasure: word to everyone who has something of the case, erasing it here, and what they answered.

Word goes out as a withdrawal, which is repeated every day until it is answered: there is no second way to say it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from refbus.core.ids import OrgId
from refbus.each import each
from refbus.errors import Code, RefbusError
from refbus.said import said
from refbus_gateway.cases import casework, onward
from refbus_gateway.consent import withdrawals
from refbus_gateway.courses import referral_steps
from refbus_gateway.erasure import removal
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.reports import disclosure_report
from refbus_gateway.rules import permission
from refbus_gateway.store import alarms, cases, disclosures, referrals, tellings
from refbus_gateway.store import consents as consent_rows
from refbus_gateway.store.cases import Case, Unread
from refbus_gateway.store.consents import WithdrawalRow
from refbus_gateway.store.session import Transaction

_NOTHING_MORE = frozenset({None, "ERASED", "RETAINED_LEGAL"})
"""Newest answers after which asking once more makes no sense: none yet, nothing left, or kept by a law."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of our word to one organisation. Times in UTC ms; without `told_ms` it was not told at all.

    `code`: why it could not be told yet; it is tried again.
    """

    org: OrgId
    told_ms: int | None
    answer: str | None
    reason: str | None
    answered_ms: int | None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the erasure of a case is. Times in UTC ms; `destroyed_ms` once nothing of it is left here.

    `content`: its content is still to be taken out, which is tried again; nothing of it is shown or sent.
    """

    case: int
    own: bool
    ordered_ms: int | None
    destroyed_ms: int | None
    content: bool
    asked: tuple[Asked, ...]


def erase(gateway: Gateway, number: int) -> None:
    """Erase a case. Any number of times: what was done is not done again, and what was stopped half-way goes on.

    That it is erased, and every no, is written down first and counts from then on. Then each organisation is told, and
    the content is taken out, in steps of their own: what cannot be done now is tried again. Raises RuleError
    CASE_UNKNOWN, StoreError.
    """
    with gateway.store.write() as tx:
        case, noted = cases.get(tx, number), dict[OrgId, int]()
        if case.key is not None:
            cases.order_erasure(tx, case, gateway.now_ms())
            orgs = list(_to_tell(gateway, tx, case))
            noted = withdrawals.note_no(gateway, tx, case, None, orgs)
            for org in set(orgs) - set(noted):
                _tell_a_person(gateway, tx, org, Code.NO_CONSENT)
    each(_demands(gateway, number), lambda row: _answer(gateway, row), lambda _, error: _alarm(gateway, number, error))
    for done in withdrawals.tell_noted(gateway, number, noted):
        if done.code is not None:
            with gateway.store.write() as tx:
                _tell_a_person(gateway, tx, done.org, done.code)
    removal.settle(gateway)


def plan(gateway: Gateway, tx: Transaction, case: Case) -> tuple[tuple[OrgId, ...], tuple[int, ...]]:
    """Return who will be told when this case is erased, and which other cases here have the same content."""
    if not case.live:
        return (), ()
    told = tuple(org for org in _to_tell(gateway, tx, case) if disclosures.reached(tx, case, org))
    return told, _others(gateway, tx, case)


def progress(tx: Transaction, case: Case) -> Progress:
    """Return how far the erasure of a case is; works when nothing of it is left.

    Of a received case nobody is asked: who sent it keeps its own. Only word that is on its way is told.
    """
    newest: dict[OrgId, WithdrawalRow | None] = {}
    for entry in disclosure_report.report(tx, case).entries if case.own else ():
        if entry.became is not disclosure_report.Became.STOPPED_HERE:
            newest[entry.disclosure.org] = entry.withdrawal or newest.get(entry.disclosure.org)
    open_rows = {row.org: row.code for row in tellings.of_case(tx, case)}
    asked = tuple(_asked(org, newest.get(org), open_rows.get(org)) for org in sorted({*newest, *open_rows}))
    return Progress(case.id, case.own, case.erasing_ms, case.destroyed_ms, cases.has_content(tx, case), asked)


def all_progress(tx: Transaction, unread: Unread | None = None) -> list[Progress]:
    """Return how far every erasure is that was ordered here, oldest case first.

    A case that cannot be read hides no other; its number and why go into `unread`.
    """
    kept = [] if unread is None else unread
    return each(
        cases.gone(tx, kept), lambda case: progress(tx, case), lambda case, error: kept.append((case.id, error.code))
    )


def _demands(gateway: Gateway, number: int) -> list[WithdrawalRow]:
    """Return what others demanded of us about this case; also where something else was answered before."""
    with gateway.store.read() as tx:
        rows = consent_rows.withdrawals_of_case(tx, number, outgoing=False)
        found = [row for row in rows if row.answer != "ERASED"]
        return found if cases.get(tx, number).key is not None else []


def _answer(gateway: Gateway, row: WithdrawalRow) -> None:
    with gateway.store.write() as tx:
        referral_steps.answer_withdrawals(gateway, tx, [row], "ERASED", None)


def _alarm(gateway: Gateway, number: int, error: RefbusError) -> None:
    with gateway.store.write() as tx:
        told = said("case %(case)s: a demand was not answered", case=number)
        alarms.raise_alarm(tx, error.code, told, gateway.now_ms())


def _tell_a_person(gateway: Gateway, tx: Transaction, org: OrgId, code: Code) -> None:
    told = said("%(organisation)s was not told to erase: call them", organisation=org)
    alarms.raise_alarm(tx, code, told, gateway.now_ms())


def _to_tell(gateway: Gateway, tx: Transaction, case: Case) -> Iterator[OrgId]:
    """Yield who has, or may have, something of an own case and has not been told to the end."""
    told = disclosures.withdrawals_of(tx, case)
    for party in cases.readable_parties(tx, case, lambda _: None) if case.own else ():
        rows = told.get(disclosures.hash_of(tx, case, party.org), [])
        known = disclosures.reached(tx, case, party.org) or permission.between(tx, case, gateway.me, party.org)
        if known and (not rows or {row.answer for row in rows[-1:]} - _NOTHING_MORE):
            yield party.org


def _others(gateway: Gateway, tx: Transaction, case: Case) -> tuple[int, ...]:
    if case.own:
        return tuple(casework.copies_of(gateway, tx, case))
    made = (number for referral in referrals.of_case(tx, case) for number in onward.made_from(tx, referral))
    return tuple(sorted(made))


def _asked(org: OrgId, row: WithdrawalRow | None, code: str | None) -> Asked:
    if row is None:
        return Asked(org, None, None, None, None, code)
    return Asked(org, row.created_ms, row.answer, row.reason, row.acknowledged_ms, code)
