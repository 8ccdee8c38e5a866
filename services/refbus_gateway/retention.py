"""What came in has a day by which it must be erased: the person set it with the consent. Here it is remembered."""

from __future__ import annotations

from dataclasses import dataclass

from refbus.core.consent import ConsentState
from refbus.core.ids import ConsentId, OrgId
from refbus.each import each
from refbus_gateway.gateway import Gateway
from refbus_gateway.store import cases, consents, referrals
from refbus_gateway.store.cases import Case, Unread
from refbus_gateway.store.session import Transaction

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class EraseDue:
    """A received case whose day comes soon or has passed. `referral`: a number under which it can be erased."""

    case: int
    referral: int
    org: OrgId
    erase_by_ms: int
    over: bool


def due(gateway: Gateway, tx: Transaction, unread: Unread | None = None) -> list[EraseDue]:
    """Return the received cases that must be erased within the country's days of warning, the most urgent first.

    A case that cannot be read hides no other; its number and why go into `unread`.
    """
    directory, now_ms = gateway.newest_directory(), gateway.now_ms()
    policy = directory.policies.get(gateway.country) if directory else None
    warn_ms = now_ms + (policy.pace.consent_warning_days * _DAY_MS if policy else 0)

    def of_case(case: Case) -> EraseDue | None:
        numbers = referrals.of_case(tx, case)
        by_ms = erase_by(tx, case) if numbers else None
        if by_ms is None or by_ms > warn_ms:
            return None
        return EraseDue(case.id, numbers[0].id, numbers[0].org, by_ms, by_ms <= now_ms)

    kept = [] if unread is None else unread
    received = [case for case in cases.every(tx, kept) if case.live and not case.own]
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
