"""Consent over time: the person says less, more, or longer; a guardian, the child, the person now of age speaks.

Each is a newly signed version that follows the one before. What it changes is computed from the two; a command that
was meant for something else is refused. The program by itself only ever takes something away.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Final

from refbus.core.consent.change import ConsentChange, narrowed
from refbus.core.consent.record import ConsentState
from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory, Purpose
from refbus.errors import Code, ConsentError, RuleError
from refbus.said import said
from refbus_gateway.consent import endings, versions
from refbus_gateway.consent.versions import Version
from refbus_gateway.forms.consentfile import ConsentForm
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store.cases import Case
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


def _standing(gateway: Gateway, tx: Transaction, case: Case, org: OrgId) -> Kept:
    """Return the newest version, which has to be a yes: a no is followed by a new consent, not by a change."""
    last = endings.newest(gateway, tx, case, org)
    if last is None:
        raise ConsentError((Code.NO_CONSENT,), said("take down first what the person agrees to: refbus consent grant"))
    state = last.signed.record.state
    if state is not ConsentState.GIVEN:
        code = Code.WITHDRAWN if state is ConsentState.WITHDRAWN else Code.REFUSED
        raise ConsentError((code,), said("if the person says yes again: refbus consent grant"))
    return last
