"""Which consents of own cases end soon, or have ended, by their own terms. It looks, and signs and tells nothing."""

from __future__ import annotations

from dataclasses import dataclass

from refbus.core.consent.change import ends
from refbus.core.consent.record import ConsentRecord, ConsentState
from refbus.core.consent.rules import minor_until
from refbus.core.ids import OrgId
from refbus.core.units import DAY_MS
from refbus.each import each
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules import permission
from refbus_gateway.store import cases, lookups
from refbus_gateway.store.cases import Case, Unread
from refbus_gateway.store.consents import Kept
from refbus_gateway.store.session import Transaction


@dataclass(frozen=True, slots=True)
class Ending:
    """A consent that ends soon or has ended, by its own terms. `majority`: because the person comes of age."""

    case: int
    org: OrgId
    ends_ms: int
    majority: bool
    over: bool


def endings(
    gateway: Gateway,
    tx: Transaction,
    only: Case | None = None,
    unread: Unread | None = None,
    most: int | None = None,
) -> list[Ending]:
    """Return the consents of own cases that end within the country's days of warning, soonest first.

    One that has ended is among them until the person was asked again. Without a directory only those that have ended.
    `most`: of so many cases, those that end first. A case that cannot be read hides no other; its number and why go
    into `unread`.
    """
    warn_ms = warned_by_ms(gateway)

    def of_case(case: Case) -> list[Ending]:
        orgs = (party.org for party in cases.counterparts_of(tx, case))
        last = filter(None, (newest(gateway, tx, case, org) for org in orgs))
        return [_ending(gateway, case, kept.signed.record) for kept in last if _ends_by(kept, warn_ms)]

    kept = [] if unread is None else unread
    numbers = [only.id] if only else lookups.ending(tx, warn_ms, own=True, most=most)
    own = [case for case in cases.of_numbers(tx, numbers, kept) if case.own and case.live]
    found = each(own, of_case, lambda case, error: kept.append((case.id, error.code)))
    return sorted((ending for endings_of in found for ending in endings_of), key=lambda ending: ending.ends_ms)


def first_end(gateway: Gateway, tx: Transaction, case: Case) -> int | None:
    """Return when the first standing yes of a case ends (ms UTC), None for none. Raises RefbusError."""
    last = filter(None, (newest(gateway, tx, case, party.org) for party in cases.counterparts_of(tx, case)))
    given = [kept.signed.record for kept in last if kept.signed.record.state is ConsentState.GIVEN]
    return min((ends(record) for record in given), default=None)


def warned_by_ms(gateway: Gateway) -> int:
    """Return until when (ms UTC) what ends is told of beforehand: the country's days of warning from now."""
    directory = gateway.newest_directory()
    policy = directory.policies.get(gateway.country) if directory else None
    return gateway.now_ms() + (policy.pace.consent_warning_days * DAY_MS if policy else 0)


def _ends_by(kept: Kept, time_ms: int) -> bool:
    return kept.signed.record.state is ConsentState.GIVEN and ends(kept.signed.record) <= time_ms


def _ending(gateway: Gateway, case: Case, record: ConsentRecord) -> Ending:
    ends_ms = ends(record)
    return Ending(case.id, record.party, ends_ms, minor_until(record) == ends_ms, ends_ms <= gateway.now_ms())


def newest(gateway: Gateway, tx: Transaction, case: Case, org: OrgId) -> Kept | None:
    """Return the newest version of the consent towards `org` that was taken down here last."""
    chain = [kept for kept in permission.between(tx, case, gateway.me, org) if _ours(gateway, kept)]
    last = max((kept for kept in chain if kept.signed.signer == gateway.me), key=_number, default=None)
    if last is not None:
        chain = [kept for kept in chain if kept.signed.record.consent_id == last.signed.record.consent_id]
    return max(chain, key=lambda kept: kept.signed.record.version, default=None)


def _ours(gateway: Gateway, kept: Kept) -> bool:
    return kept.signed.record.collected_by == gateway.me


def _number(kept: Kept) -> int:
    return kept.number
