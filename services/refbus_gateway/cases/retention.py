"""Content has a day by which it must be erased: the person set it with the consent. Here it is remembered.

Of what came in by whoever has it; of what was sent by its sender, who hears that the day has passed there. Nothing is
erased by itself: a law or a person's wish may stand against it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from refbus.core.consent.record import ConsentState
from refbus.core.documents import read_json
from refbus.core.ids import ConsentId, OrgId
from refbus.core.times import day_text
from refbus.core.units import DAY_MS
from refbus.each import each
from refbus.errors import Code
from refbus.said import Said, said
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import alarms, cases, consents, lookups, referrals
from refbus_gateway.store.cases import Case, Unread
from refbus_gateway.store.session import Transaction

AGAIN_MS: Final = 7 * DAY_MS
"""A reminder that a person cleared comes again after so long, while the content is still there."""
_REMINDED: Final = "erase-reminded/"


@dataclass(frozen=True, slots=True)
class EraseDue:
    """A received case whose day comes soon or has passed. `referral`: a number under which it can be erased."""

    case: int
    referral: int
    org: OrgId
    erase_by_ms: int
    over: bool


def due(gateway: Gateway, tx: Transaction, unread: Unread | None = None, most: int | None = None) -> list[EraseDue]:
    """Return the received cases that must be erased within the country's days of warning, the most urgent first.

    `most`: of so many cases, those that end first. A case that cannot be read hides no other; its number and why go
    into `unread`.
    """
    directory, now_ms = gateway.newest_directory(), gateway.now_ms()
    policy = directory.policies.get(gateway.country) if directory else None
    warn_ms = now_ms + (policy.pace.consent_warning_days * DAY_MS if policy else 0)

    def of_case(case: Case) -> EraseDue | None:
        numbers = referrals.of_case(tx, case)
        by_ms = erase_by(tx, case) if numbers else None
        if by_ms is None or by_ms > warn_ms:
            return None
        return EraseDue(case.id, numbers[0].id, numbers[0].org, by_ms, by_ms <= now_ms)

    kept = [] if unread is None else unread
    received = cases.of_numbers(tx, lookups.ending(tx, warn_ms, own=False, most=most), kept)
    found = each(received, of_case, lambda case, error: kept.append((case.id, error.code)))
    return sorted(filter(None, found), key=lambda one: one.erase_by_ms)


def erase_by(tx: Transaction, case: Case) -> int | None:
    """Return the day (ms UTC) by which a received case must be erased: the earliest of its consents' newest answers."""
    newest: dict[ConsentId, tuple[int, int]] = {}
    for kept in consents.of_case(tx, case):
        record = kept.signed.record
        if record.state is ConsentState.GIVEN:
            told = (record.version, record.retain_until_ms)
            newest[record.consent_id] = max(newest.get(record.consent_id, told), told)
    return min((retain_until_ms for _, retain_until_ms in newest.values()), default=None)


def remind(gateway: Gateway) -> None:
    """Raise an alarm for each case whose day has passed, with its number and the command to erase it.

    It stands until a person clears it, comes again after AGAIN_MS, and goes when the case is erased or its consent
    renewed. Raises StoreError.
    """
    now_ms = gateway.now_ms()
    with gateway.store.write() as tx:
        over = dict(each(cases.every(tx), lambda case: (case.id, _overdue(gateway, tx, case, now_ms)), lambda *_: None))
        for number, detail in over.items():
            _remind_of(tx, number, detail, now_ms)


def _overdue(gateway: Gateway, tx: Transaction, case: Case, now_ms: int) -> Said | None:
    """Return what is told of a case whose day has passed, None for every other one."""
    if not case.live:
        return None
    numbers, by_ms = referrals.of_case(tx, case), erase_by(tx, case)
    if not numbers or by_ms is None or by_ms > now_ms:
        return None
    day = day_text(by_ms, gateway.utc_offset_min())
    if case.own:
        asked = consents.withdrawals_of_case(tx, case.id, outgoing=True)
        if asked and all(row.answer == "ERASED" for row in asked):
            return None
        return said(
            "case %(case)s: who received it had to erase it by %(day)s: refbus erase %(case)s asks them, and erases",
            case=case.id,
            day=day,
        )
    return said(
        "case %(case)s: had to be erased by %(day)s: refbus erase --referral %(referral)s",
        case=case.id,
        day=day,
        referral=numbers[0].id,
    )


def _remind_of(tx: Transaction, number: int, detail: Said | None, now_ms: int) -> None:
    name = f"{_REMINDED}{number}"
    kept = tx.get(name)
    told_ms, told = read_json(kept.decode()) if kept else (0, None)
    if told is not None and told != detail:
        alarms.withdraw_alarm(tx, Code.ERASE_DUE, told, now_ms)
    if detail is None:
        tx.drop(name)
    elif told != detail or abs(now_ms - told_ms) >= AGAIN_MS:  # by a clock that may have been set back
        alarms.raise_alarm(tx, Code.ERASE_DUE, detail, now_ms)
        tx.put(name, json.dumps([now_ms, detail]).encode())
