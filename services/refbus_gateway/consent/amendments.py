"""Consent over time: the person says less, more, or longer; a guardian, the child, the person now of age speaks.

Each is a newly signed version that follows the one before. What it changes is computed from the two; a command that
was meant for something else is refused. The program by itself only ever takes something away.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from refbus.core.consent.change import ConsentChange, ends, narrowed
from refbus.core.consent.record import ConsentRecord, ConsentState
from refbus.core.consent.rules import minor_until
from refbus.core.ids import OrgId
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import DataCategory, Purpose
from refbus.each import each
from refbus.errors import Code, ConsentError, RuleError
from refbus.said import said
from refbus_gateway.consent import versions
from refbus_gateway.consent.versions import Version
from refbus_gateway.forms.consentfile import ConsentForm
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import cases, lookups
from refbus_gateway.store.cases import Case, Unread
from refbus_gateway.store.consents import Kept
from refbus_gateway.store.session import Transaction

CHANGES: Final = {
    "amend": frozenset({ConsentChange.NARROWED, ConsentChange.WIDENED}),
    "renew": frozenset({ConsentChange.RENEWED}),
    "guardian": frozenset({ConsentChange.GUARDIAN_APPOINTED, ConsentChange.GUARDIAN_REPLACED}),
    "assent": frozenset({ConsentChange.ASSENT_RECORDED}),
    "majority": frozenset({ConsentChange.MAJORITY_REACHED}),
}
"""What each command of `refbus consent` is for."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A consent that ends soon or has ended, by its own terms. `majority`: because the person comes of age."""

    case: int
    org: OrgId
    ends_ms: int
    majority: bool
    over: bool


def amend(gateway: Gateway, tx: Transaction, case: Case, form: ConsentForm, command: str) -> Version:
    """Sign and keep a changed answer; it counts here at once, and the organisation is told.

    Raises RuleError CONSENT_CHANGE_DIFFERS when the form changes something else than `command` is for, nothing then
    being kept; CONSENT_FORM_OLD; ConsentError NO_CONSENT, WITHDRAWN; as `consents.grant` does.
    """
    _standing(gateway, tx, case, form.organisation)
    return versions.grant(gateway, case, tx, form.organisation, form, only=CHANGES[command])


def stop(
    gateway: Gateway,
    tx: Transaction,
    case: Case,
    org: OrgId,
    categories: Collection[DataCategory],
    *,
    counting: bool = False,
) -> Version:
    """Take categories out of what `org` may receive, from now on, because the person said so.

    `counting`: the person is not to be counted in published numbers any more. Raises ConsentError NO_CONSENT,
    WITHDRAWN; RuleError CONSENT_CHANGE_DIFFERS when none of it was permitted.
    """
    ended = [Purpose.STATISTICS_NON_IDENTIFYING] if counting else []
    last = _standing(gateway, tx, case, org)
    record = dataclasses.replace(narrowed(last.signed.record, categories, ended), event_time_ms=gateway.now_ms())
    if record.provisions == last.signed.record.provisions:
        raise RuleError(Code.CONSENT_CHANGE_DIFFERS, said("none of these was permitted"))
    return versions.follow(gateway, tx, case, last, record)


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
        newest = filter(None, (versions.newest(gateway, tx, case, org) for org in orgs))
        return [_ending(gateway, case, kept.signed.record) for kept in newest if _ends_by(kept, warn_ms)]

    kept = [] if unread is None else unread
    numbers = [only.id] if only else lookups.ending(tx, warn_ms, own=True, most=most)
    own = [case for case in cases.of_numbers(tx, numbers, kept) if case.own and case.live]
    found = each(own, of_case, lambda case, error: kept.append((case.id, error.code)))
    return sorted((ending for endings_of in found for ending in endings_of), key=lambda ending: ending.ends_ms)


def first_end(gateway: Gateway, tx: Transaction, case: Case) -> int | None:
    """Return when the first standing yes of a case ends (ms UTC), None for none. Raises RefbusError."""
    newest = filter(None, (versions.newest(gateway, tx, case, party.org) for party in cases.counterparts_of(tx, case)))
    given = [kept.signed.record for kept in newest if kept.signed.record.state is ConsentState.GIVEN]
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


def _standing(gateway: Gateway, tx: Transaction, case: Case, org: OrgId) -> Kept:
    """Return the newest version, which has to be a yes: a no is followed by a new consent, not by a change."""
    last = versions.newest(gateway, tx, case, org)
    if last is None:
        raise ConsentError((Code.NO_CONSENT,), said("take down first what the person agrees to: refbus consent grant"))
    state = last.signed.record.state
    if state is not ConsentState.GIVEN:
        code = Code.WITHDRAWN if state is ConsentState.WITHDRAWN else Code.REFUSED
        raise ConsentError((code,), said("if the person says yes again: refbus consent grant"))
    return last
