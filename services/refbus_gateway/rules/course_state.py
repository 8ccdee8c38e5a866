"""How a course stands: the view that its stored events give, with the rules of `refbus.core.courses.course`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from refbus.core.courses.course import BEGINS, CourseView, may_emit, rule_in, state_of
from refbus.core.courses.facts import EventFact
from refbus.core.courses.machine import Role
from refbus.core.vocabulary import CONTROL_EVENTS, TECHNICAL_EVENTS, EventType
from refbus.errors import Code, RuleError
from refbus.said import said
from refbus.wire.payload import decode_payload
from refbus_gateway.store import referrals
from refbus_gateway.store.referrals import Event, EventStatus, Referral
from refbus_gateway.store.session import Transaction

_BY_OTHER_WAYS: Final = TECHNICAL_EVENTS | {
    EventType.CONSENT_GRANTED,
    EventType.CONSENT_AMENDED,
    EventType.CONSENT_WITHDRAWN,
    EventType.WITHDRAWAL_ACKNOWLEDGED,
    EventType.COMPANIONS_CHANGED,
}
"""What programs say by themselves, and what is said with a consent."""
_AFTER: Final = {EventType.APPOINTMENT_MISSED: EventType.APPOINTMENT_BOOKED}
"""What makes no sense before something else was said."""


def view_of(tx: Transaction, referral: Referral) -> CourseView:
    """Return where a referral stands. Events that a gate refused are not part of it."""
    return view_from(referrals.events_of(tx, referral), referrals.expiry_of(tx, referral.referral_id))


def view_from(events: Iterable[Event], expiry: Iterable[EventFact]) -> CourseView:
    """Return the view that these events of a course give, with the expiry that a timer stated."""
    facts = [fact_of(event) for event in events if event.status is not EventStatus.REFUSED]
    return state_of([*facts, *expiry])


def fact_of(event: Event) -> EventFact:
    """Return what the rules need to know of an event."""
    block = event.block
    return EventFact(
        block.event_id,
        block.event_type,
        block.sender,
        block.recipient,
        block.previous,
        block.occurred_at_ms,
        reason_of(payload_of(event)) if event.payload else None,  # without content: its case is being erased
        block.priority,
        block.respond_by_ms,
    )


def payload_of(event: Event) -> dict[str, Any]:
    """Return the payload of a stored event, decoded. Raises RuleError KEY_DESTROYED when its content was erased."""
    if not event.payload:
        raise RuleError(Code.KEY_DESTROYED, said("event %(number)s", number=event.id))
    return decode_payload(event.payload)[1]


def reason_of(payload: dict[str, Any]) -> str | None:
    """Return the code of the reason in a payload, if it has one."""
    reason = payload.get("reason")
    return reason["code"] if isinstance(reason, dict) else reason


def role_in(referral: Referral) -> Role:
    """Return what this organisation is in a referral."""
    return Role.SOURCE if referral.own else Role.TARGET


def require_allowed(view: CourseView, referral: Referral, event_type: EventType, *, has_reason: bool) -> None:
    """Raise RuleError ROLE_NOT_ALLOWED, STATE_NOT_ALLOWED or REASON_REQUIRED unless we may send this event now."""
    problems = may_emit(view, role_in(referral), event_type, has_reason=has_reason)
    if problems:
        raise RuleError(problems[0], said("%(event)s while %(state)s", event=event_type, state=view.status))


def possible(view: CourseView, referral: Referral, events: Iterable[Event]) -> tuple[EventType, ...]:
    """Return what people here may say in a course now; a guard or the consent for a field may still refuse it.

    While consent is withdrawn that is only what discloses nothing. What takes effect when both have said it, and we
    said already, is left out.
    """
    role, said = role_in(referral), {event.block.event_type for event in events}

    def is_possible(kind: EventType) -> bool:
        rule = rule_in(view, kind)
        twice = rule is not None and rule.both and role in view.first_word
        quiet = not view.suspended or kind in CONTROL_EVENTS
        return quiet and not twice and _AFTER.get(kind, kind) in {kind, *said} and not may_emit(view, role, kind)

    return tuple(kind for kind in EventType if kind not in _BY_OTHER_WAYS and is_possible(kind))


def beginning_of(events: Iterable[Event]) -> Event | None:
    """Return the event that a course began with: the request, the wish to return, the emergency."""
    return next((event for event in events if event.block.event_type in BEGINS), None)
