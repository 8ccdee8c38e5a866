"""The whole of an erasure: word to everyone who has something of the case, erasing it here, and what they answered.

Word goes out as a withdrawal, which is repeated every day until it is answered: there is no second way to say it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from refbus.core.ids import OrgId
from refbus.errors import Code, ConsentError, UncheckableError
from refbus_gateway import acting, casework, consenting, consents, disclosing, erasing, onward
from refbus_gateway.gateway import Gateway
from refbus_gateway.store import cases, disclosures, inbox, referrals
from refbus_gateway.store import consents as consent_rows
from refbus_gateway.store.cases import Case
from refbus_gateway.store.consents import WithdrawalRow
from refbus_gateway.store.session import Transaction

_NOTHING_MORE = frozenset({None, "ERASED", "RETAINED_LEGAL"})
"""Newest answers after which asking once more makes no sense: none yet, nothing left, or kept by a law."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of our word to one organisation. Times in UTC ms; without `told_ms` it was not told at all."""

    org: OrgId
    told_ms: int | None
    answer: str | None
    reason: str | None
    answered_ms: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the erasure of a case is. Times in UTC ms; `destroyed_ms` once nothing of it is left here."""

    case: int
    own: bool
    ordered_ms: int | None
    destroyed_ms: int | None
    asked: tuple[Asked, ...]


def erase(gateway: Gateway, number: int) -> None:
    """Erase a case. Any number of times: what was done is not done again, and what was stopped half-way goes on.

    Raises RuleError CASE_UNKNOWN, UncheckableError while the directory is not usable, StoreError.
    """
    with gateway.store.write() as tx:
        case = cases.get(tx, number)
        if case.key is not None:
            cases.order_erasure(tx, case, gateway.now_ms())
            _answer(gateway, tx, case)
            for org in _to_tell(gateway, tx, case):
                _tell(gateway, tx, case, org)
    erasing.settle(gateway)


def plan(gateway: Gateway, tx: Transaction, case: Case) -> tuple[tuple[OrgId, ...], tuple[int, ...]]:
    """Return who will be told when this case is erased, and which other cases here have the same content."""
    if not case.live:
        return (), ()
    received = disclosures.recipients(tx, case)
    return tuple(org for org in _to_tell(gateway, tx, case) if org in received), _others(tx, case)


def progress(tx: Transaction, case: Case) -> Progress:
    """Return how far the erasure of a case is; works when nothing of it is left."""
    newest: dict[OrgId, WithdrawalRow | None] = {}
    for entry in disclosing.report(tx, case).entries:
        if entry.became is not disclosing.Became.STOPPED_HERE:
            newest[entry.disclosure.org] = entry.withdrawal or newest.get(entry.disclosure.org)
    asked = tuple(_asked(org, row) for org, row in sorted(newest.items()))
    return Progress(case.id, case.own, case.erasing_ms, case.destroyed_ms, asked)


def all_progress(tx: Transaction) -> list[Progress]:
    """Return how far every erasure is that was ordered here, oldest case first."""
    return [progress(tx, case) for case in cases.every(tx) if not case.live]


def _answer(gateway: Gateway, tx: Transaction, case: Case) -> None:
    """Answer what others demanded of us about this case; also where something else was answered before."""
    rows = consent_rows.withdrawal_rows(tx, outgoing=False)
    open_rows = [row for row in rows if row.case_id == case.id and row.answer != "ERASED"]
    acting.answer_withdrawals(gateway, tx, open_rows, "ERASED", None)


def _to_tell(gateway: Gateway, tx: Transaction, case: Case) -> Iterator[OrgId]:
    """Yield who has, or may have, something of an own case and has not been told to the end."""
    received = disclosures.recipients(tx, case)
    told = disclosures.withdrawals_of(tx, case)
    for party in cases.counterparts_of(tx, case) if case.own else ():
        rows = told.get(disclosures.hash_of(tx, case, party.org), [])
        known = party.org in received or consenting.between(tx, case, gateway.me, party.org)
        if known and (not rows or {row.answer for row in rows[-1:]} - _NOTHING_MORE):
            yield party.org


def _tell(gateway: Gateway, tx: Transaction, case: Case, org: OrgId) -> None:
    """Withdraw towards one organisation. One that left the directory, or has no key, keeps no other from being told."""
    try:
        with tx.connection.begin_nested():
            consents.withdraw(gateway, tx, case, org)
    except (ConsentError, UncheckableError) as error:
        if error.code not in _ALONE:
            raise
        inbox.raise_alarm(tx, error.code, f"{org} was not told to erase: call them", gateway.now_ms())


_ALONE = frozenset({Code.NO_CONSENT, Code.ORGANISATION_UNKNOWN, Code.KEY_UNKNOWN})


def _others(tx: Transaction, case: Case) -> tuple[int, ...]:
    if case.own:
        return tuple(casework.copies_of(tx, case))
    made = (number for referral in referrals.of_case(tx, case) for number in onward.made_from(tx, referral))
    return tuple(sorted(made))


def _asked(org: OrgId, row: WithdrawalRow | None) -> Asked:
    if row is None:
        return Asked(org, None, None, None, None)
    return Asked(org, row.created_ms, row.answer, row.reason, row.acknowledged_ms)
