"""Opening what came in: consent is decided again at that moment, the sender hears of it, the audit record too.

The caller has synchronised first (`sync.require_synchronised`): a withdrawal can wait behind a referral.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refbus.audit.record import AuditOutcome, Stage
from refbus.core.consent.age import rules_of
from refbus.core.courses.course import BEGINS, CourseView
from refbus.core.ids import country_of
from refbus.core.vocabulary import EventType
from refbus.errors import Code, ConsentError
from refbus.wire.payload import UnknownCode, unknown_codes
from refbus_gateway.audit import entries
from refbus_gateway.audit.entries import Decided
from refbus_gateway.cases import onward
from refbus_gateway.courses import referral_steps
from refbus_gateway.forms.plausible import broken
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import answers
from refbus_gateway.rules import age_check, course_state, legality, permission
from refbus_gateway.store import cases, referrals
from refbus_gateway.store.referrals import Event, Referral
from refbus_gateway.store.session import Transaction
from refbus_gateway.words import payloads
from refbus_gateway.words.payloads import Sections, Times


@dataclass(frozen=True, slots=True)
class Doubt:
    """Facts that do not go together: the name of the rule, and what is wrong, in English."""

    rule: str
    heading: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One event as a person may see it. `sections` is empty, with the reasons, where consent no longer permits it.

    `times` are those of the sections, in ms UTC; `doubts`: what of it does not go together, as of when it was said.
    """

    event: Event
    sections: Sections
    times: Times
    unknown: tuple[UnknownCode, ...]
    hidden: tuple[Code, ...]
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """A referral with all its events. `withdrawn`: a withdrawal waits for an answer of ours.

    `passed_on`: cases here that were made from it, which its withdrawal does not reach by itself.
    """

    referral: Referral
    view: CourseView
    events: tuple[Shown, ...]
    withdrawn: bool
    passed_on: tuple[int, ...] = ()

    @property
    def seen(self) -> list[Event]:
        """The events that may be seen now."""
        return [each.event for each in self.events if not each.hidden]


def open_referral(gateway: Gateway, tx: Transaction, number: int, language: str, *, codes: bool = True) -> Opened:
    """Return a referral as a person may see it now, and note that it was opened.

    `codes`: as `payloads.render` says. Raises RuleError REFERRAL_UNKNOWN, KEY_DESTROYED; UncheckableError when the
    directory is not usable.
    """
    referral = referrals.get(tx, number)
    cases.get(tx, referral.case_id).require_live()
    events = referrals.events_of(tx, referral)
    shown = tuple(_show(gateway, tx, referral, event, language, codes=codes) for event in events)
    view = course_state.view_of(tx, referral)
    withdrawn = bool(referral_steps.waiting_withdrawals(tx, referral))
    passed_on = onward.made_from(tx, referral) if withdrawn else []
    return Opened(referral, view, shown, withdrawn, tuple(passed_on))


def seen_words(gateway: Gateway, tx: Transaction, number: int, language: str, *, codes: bool = True) -> Opened:
    """Return a referral with what somebody here looked at before, as it may be seen now: nothing is opened by it.

    Raises RuleError REFERRAL_UNKNOWN, KEY_DESTROYED; UncheckableError when the directory is not usable.
    """
    referral = referrals.get(tx, number)
    cases.get(tx, referral.case_id).require_live()
    known = [event for event in referrals.events_of(tx, referral) if event.outgoing or event.seen_ms is not None]
    shown = tuple(_show(gateway, tx, referral, event, language, codes=codes) for event in known)
    withdrawn = bool(referral_steps.waiting_withdrawals(tx, referral))
    return Opened(referral, course_state.view_of(tx, referral), shown, withdrawn)


def own_words(gateway: Gateway, tx: Transaction, number: int, language: str, *, codes: bool = True) -> Opened:
    """Return a referral with what was said here alone: what came in is hidden, and nothing is noted as opened.

    Raises RuleError REFERRAL_UNKNOWN, KEY_DESTROYED.
    """
    referral = referrals.get(tx, number)
    cases.get(tx, referral.case_id).require_live()
    shown = tuple(
        _show(gateway, tx, referral, event, language, codes=codes)
        if event.outgoing
        else Shown(event, {}, {}, (), (Code.NOT_SYNCHRONISED,))
        for event in referrals.events_of(tx, referral)
    )
    withdrawn = bool(referral_steps.waiting_withdrawals(tx, referral))
    return Opened(referral, course_state.view_of(tx, referral), shown, withdrawn)


def _show(gateway: Gateway, tx: Transaction, referral: Referral, event: Event, language: str, *, codes: bool) -> Shown:
    hidden = () if event.outgoing else _hidden(gateway, tx, referral, event)
    if not event.outgoing and referrals.mark_seen(tx, event.id, gateway.now_ms()):
        _note_opened(gateway, tx, referral, event, hidden)
    if hidden:
        return Shown(event, {}, {}, (), hidden)
    payload = course_state.payload_of(event)
    return Shown(
        event,
        payloads.render(event.block.event_type, payload, language, codes=codes),
        payloads.times(event.block.event_type, payload),
        () if event.outgoing else unknown_codes(event.block.event_type, payload),
        (),
        () if event.outgoing else _doubts(gateway, event, payload),
    )


def _doubts(gateway: Gateway, event: Event, payload: Mapping[str, Any]) -> tuple[Doubt, ...]:
    """Return what of an event does not go together, by the day and the rules of its sender's country."""
    policies = gateway.directory().policies
    rules = rules_of(policies.get(country_of(event.block.sender)))
    return tuple(Doubt(each.name, each.heading) for each in broken(payload, rules, event.block.occurred_at_ms))


def _hidden(gateway: Gateway, tx: Transaction, referral: Referral, event: Event) -> tuple[Code, ...]:
    """Decide on consent now, on everything known: the fourth time for this event."""
    case = cases.get(tx, referral.case_id)
    try:
        if event.block.event_type is EventType.EMERGENCY_INVOKED:
            legality.require_basis(gateway, tx, case, event.block)
        elif permission.needs_permit(event.block):
            permission.require_permit(gateway, tx, case, event.block)
            age_check.require_true_age(event.block, course_state.payload_of(event), gateway.directory())
    except ConsentError as error:
        return error.reasons
    return ()


def _note_opened(gateway: Gateway, tx: Transaction, referral: Referral, event: Event, hidden: tuple[Code, ...]) -> None:
    case = cases.get(tx, referral.case_id)
    outcome = AuditOutcome.REFUSED if hidden else AuditOutcome.DONE
    block = event.block
    on = entries.consent_of(block)
    decided = Decided(Stage.OPENED, outcome, hidden, block.event_type, block.event_id, consent=on, event_row=event.id)
    entries.record(gateway, tx, case, decided)
    if block.event_type in BEGINS and not hidden:
        answers.opened(gateway, tx, referral, event)
