"""The table of a referral: who may say what, in which state, and what it leads to (domain.md 4.2).

`course` reads it. Custody of the case moves with CaseTransferAccepted only, and changes no state.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from refbus.core.courses.facts import SystemEvent
from refbus.core.courses.machine import CourseKind, Machine, Meaning, Role, Rule, Saying, by_both, with_common
from refbus.core.vocabulary import EventType


class State(StrEnum):
    """Where a referral stands. Withdrawal of consent is shown over a state that is not closed, see `Status`."""

    DRAFT = "DRAFT"
    REQUESTED = "REQUESTED"
    DELIVERED = "DELIVERED"
    UNDER_REVIEW = "UNDER_REVIEW"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    REDIRECTED = "REDIRECTED"
    IN_PROGRESS = "IN_PROGRESS"
    ON_HOLD = "ON_HOLD"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    ENTERED_IN_ERROR = "ENTERED_IN_ERROR"


UNDECIDED = frozenset({State.REQUESTED, State.DELIVERED, State.UNDER_REVIEW})
"""Sent, and not yet answered."""
HELPING = frozenset({State.ACCEPTED, State.IN_PROGRESS, State.ON_HOLD})
"""Accepted, and not yet ended."""
OPEN = UNDECIDED | HELPING
"""Not final."""
REOPENABLE = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})
"""Closed states that source and target can reopen together."""
CONSENT_SUSPENDED = "CONSENT_SUSPENDED"
"""The label shown instead of an open state while consent is withdrawn."""
_ANY = frozenset(State)
_SENT = _ANY - {State.DRAFT}
_ANSWERABLE = UNDECIDED | {State.EXPIRED}  # a late answer still helps the person

_S, _T, _E = Role.SOURCE, Role.TARGET, EventType
_PRIMERO = "Primero referral; FHIR ServiceRequest"
_MEETING = "nrm.bg 1.4"

TABLE: Mapping[Saying, Rule] = with_common(
    {
        _E.REFERRAL_REQUESTED: Rule({_S: frozenset({State.DRAFT})}, State.REQUESTED, source=_PRIMERO),
        _E.REFERRAL_DELIVERED: Rule(
            {_T: _SENT}, State.DELIVERED, frozenset({State.REQUESTED}), source="360X; technical receipt"
        ),
        _E.REFERRAL_OPENED: Rule(
            {_T: _SENT},
            State.UNDER_REVIEW,
            frozenset({State.REQUESTED, State.DELIVERED}),
            source="360X; decrypt receipt",
        ),
        _E.REFERRAL_ACCEPTED: Rule({_T: _ANSWERABLE}, State.ACCEPTED, source=_PRIMERO),
        _E.REFERRAL_REJECTED: Rule({_T: _ANSWERABLE}, State.REJECTED, reason=True, source=_PRIMERO),
        _E.REFERRAL_REDIRECTED: Rule({_T: _ANSWERABLE}, State.REDIRECTED, source="Gravity; nrm.bg 1.4"),
        _E.INFORMATION_REQUESTED: Rule({_T: OPEN}, source="Gravity"),
        _E.INFORMATION_PROVIDED: Rule({_S: OPEN}, source="Gravity"),
        _E.COMPANIONS_CHANGED: Rule({_S: _SENT}, source="ADR 74"),
        _E.APPOINTMENT_BOOKED: Rule({_T: HELPING}, source=_MEETING),
        _E.APPOINTMENT_MISSED: Rule({_T: HELPING}, source=_MEETING),
        _E.REFERRAL_IN_PROGRESS: Rule({_T: frozenset({State.ACCEPTED})}, State.IN_PROGRESS, source=_PRIMERO),
        _E.REFERRAL_ON_HOLD: Rule({_T: frozenset({State.IN_PROGRESS})}, State.ON_HOLD, reason=True, source="FHIR Task"),
        _E.REFERRAL_RESUMED: Rule({_T: frozenset({State.ON_HOLD})}, State.IN_PROGRESS, source="FHIR Task"),
        _E.REFERRAL_FEEDBACK: Rule({_T: HELPING}, source="Gravity"),
        _E.REFERRAL_COMPLETED: Rule({_T: HELPING}, State.COMPLETED, source=_PRIMERO),
        _E.REFERRAL_FAILED: Rule({_T: HELPING}, State.FAILED, reason=True, source="FHIR Task"),
        _E.REFERRAL_CANCELLED: Rule({_S: UNDECIDED, _T: OPEN}, State.CANCELLED, OPEN, reason=True, source=_PRIMERO),
        _E.REFERRAL_REOPENED: Rule(
            by_both(REOPENABLE),
            State.IN_PROGRESS,
            REOPENABLE,
            reason=True,
            both=True,
            source="four eyes",
        ),
        _E.ENTERED_IN_ERROR: Rule({_S: _SENT}, State.ENTERED_IN_ERROR, _SENT, reason=True, source="FHIR status"),
        _E.TRANSFER_PROPOSED: Rule({_S: HELPING}, source="Primero transfer"),
        _E.TRANSFER_ACCEPTED: Rule({_T: HELPING}, source="Primero transfer"),
        _E.TRANSFER_REJECTED: Rule({_T: HELPING}, reason=True, source="Primero transfer"),
        SystemEvent.REFERRAL_EXPIRED: Rule({Role.SYSTEM: UNDECIDED}, State.EXPIRED, source="default clocks"),
    },
    State.DRAFT,
)
"""The whole state machine. A new event type is a new line."""

STATES: Mapping[StrEnum, Meaning] = {
    State.DRAFT: Meaning("nothing was said yet", _PRIMERO),
    State.REQUESTED: Meaning("asked, and no sign of the recipient yet", _PRIMERO),
    State.DELIVERED: Meaning("arrived and verified at the recipient", "360X; technical receipt"),
    State.UNDER_REVIEW: Meaning("a person has opened it", "360X; decrypt receipt"),
    State.ACCEPTED: Meaning("the recipient will help", _PRIMERO),
    State.REJECTED: Meaning("the recipient will not help, with the reason", _PRIMERO),
    State.REDIRECTED: Meaning(
        "another organisation is named, for which the person must be asked anew", "Gravity; nrm.bg 1.4"
    ),
    State.IN_PROGRESS: Meaning("help is given", _PRIMERO),
    State.ON_HOLD: Meaning("help is interrupted, with the reason", "FHIR Task"),
    State.COMPLETED: Meaning("help has ended, with its outcome", _PRIMERO),
    State.FAILED: Meaning("help could not be given, with the reason", "FHIR Task"),
    State.CANCELLED: Meaning("taken back, with the reason", _PRIMERO),
    State.EXPIRED: Meaning("nobody answered in time; a late answer still counts", "domain.md 4.2"),
    State.ENTERED_IN_ERROR: Meaning("should never have been there", "FHIR status"),
}
"""What each state means."""

_STOPS = frozenset({_E.REFERRAL_CANCELLED, _E.ENTERED_IN_ERROR})

MACHINE = Machine(
    kind=CourseKind.REFERRAL,
    begins=_E.REFERRAL_REQUESTED,
    draft=State.DRAFT,
    table=TABLE,
    states=STATES,
    final=_ANY - OPEN - {State.DRAFT},
    stops=_STOPS,
    stands=_STOPS,
    hidden=OPEN,
    overlay=CONSENT_SUSPENDED,
)
