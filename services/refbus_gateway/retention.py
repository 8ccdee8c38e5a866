"""What came in has a day by which it must be erased: the person set it with the consent. Here it is remembered."""

from __future__ import annotations

from dataclasses import dataclass

from refbus.core.consent import ConsentState
from refbus.core.ids import ConsentId, OrgId
from refbus_gateway.gateway import Gateway
from refbus_gateway.store import cases, consents, referrals
from refbus_gateway.store.cases import Case
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


def due(gateway: Gateway, tx: Transaction) -> list[EraseDue]:
    """Return the received cases that must be erased within the country's days of warning, the most urgent first."""
    directory, now_ms = gateway.newest_directory(), gateway.now_ms()
    policy = directory.policies.get(gateway.country) if directory else None
    warn_ms = now_ms + (policy.pace.consent_warning_days * _DAY_MS if policy else 0)
    found = []
    for case in cases.every(tx):
        numbers = [] if case.own or not case.live else referrals.of_case(tx, case)
        by_ms = erase_by(tx, case) if numbers else None
        if by_ms is not None and by_ms <= warn_ms:
            found.append(EraseDue(case.id, numbers[0].id, numbers[0].org, by_ms, by_ms <= now_ms))
    return sorted(found, key=lambda each: each.erase_by_ms)


def erase_by(tx: Transaction, case: Case) -> int | None:
    """Return the day (ms UTC) by which a received case must be erased: the earliest of its consents' newest answers."""
    newest: dict[ConsentId, tuple[int, int]] = {}
    for kept in consents.of_case(tx, case):
        record = kept.signed.record
        if record.state is ConsentState.GIVEN:
            told = (record.version, record.retain_until_ms)
            newest[record.consent_id] = max(newest.get(record.consent_id, told), told)
    return min((retain_until_ms for _, retain_until_ms in newest.values()), default=None)
