"""The table of a return home: who may say what, in which state, and what it leads to (domain.md 4.4).

The offices of both countries prepare side by side, so preparing events may come in any order: they move the state only
forward. What has happened on the road (Departed, Arrived) counts even when a suspension or an abort crossed it: a
person who travels is never shown as waiting at home. Before the journey a withdrawal of consent suspends the return,
and an authorisation does not survive that. `guards` says what must be there before a departure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from refbus.core.courses.machine import CourseKind, Machine, Meaning, Role, Rule, Saying, by_both, with_common
from refbus.core.vocabulary import EventType


class ReturnState(StrEnum):
    """Where a return home stands, in the order of the road."""

    DRAFT = "DRAFT"
    RETURN_WISH_RECORDED = "RETURN_WISH_RECORDED"
    RISK_ASSESSMENT = "RISK_ASSESSMENT"
    IDENTITY_VERIFICATION = "IDENTITY_VERIFICATION"
    FAMILY_TRACING = "FAMILY_TRACING"
    BEST_INTERESTS = "BEST_INTERESTS"
    TRAVEL_DOCUMENTS = "TRAVEL_DOCUMENTS"
    RECEPTION_CONFIRMED = "RECEPTION_CONFIRMED"
    PLAN_AGREED = "PLAN_AGREED"
    DEPARTURE_AUTHORISED = "DEPARTURE_AUTHORISED"
    IN_TRANSIT = "IN_TRANSIT"
    ARRIVED = "ARRIVED"
    HANDED_OVER = "HANDED_OVER"
    REINTEGRATION = "REINTEGRATION"
    MONITORING = "MONITORING"
    CLOSED = "CLOSED"
    SUSPENDED = "SUSPENDED"
    ABORTED = "ABORTED"
    ENTERED_IN_ERROR = "ENTERED_IN_ERROR"


_R = ReturnState
_ROAD = tuple(ReturnState)
PREPARING = frozenset(_ROAD[_ROAD.index(_R.RETURN_WISH_RECORDED) : _ROAD.index(_R.DEPARTURE_AUTHORISED)])
"""From the wish to the agreed plan: both countries work at the same time."""
BEFORE_JOURNEY = PREPARING | {_R.DEPARTURE_AUTHORISED, _R.SUSPENDED}
"""The person has not left."""
AT_HOME = frozenset({_R.ARRIVED, _R.HANDED_OVER, _R.REINTEGRATION, _R.MONITORING})
"""Arrived, and still accompanied."""
FINAL = frozenset({_R.CLOSED, _R.ABORTED, _R.ENTERED_IN_ERROR})
RUNNING = BEFORE_JOURNEY | {_R.IN_TRANSIT} | AT_HOME
"""Begun and not over."""
_ANY = frozenset(ReturnState)

_S, _T, _E = Role.SOURCE, Role.TARGET, EventType


def _before(state: ReturnState) -> frozenset[StrEnum]:
    return frozenset(each for each in PREPARING if _ROAD.index(each) < _ROAD.index(state))


def _prepares(roles: tuple[Role, ...], to: ReturnState, source: str) -> Rule:
    """Return the rule of a step of preparation: said while the person has not left, and only ever a step forward."""
    return Rule(dict.fromkeys(roles, BEFORE_JOURNEY), to, _before(to), source=source)


def _tells(roles: tuple[Role, ...], states: frozenset[StrEnum], source: str) -> Rule:
    return Rule(dict.fromkeys(roles, states), source=source)


_ROAD_STATES = frozenset({_R.IN_TRANSIT})
_LEAVING = PREPARING | {_R.DEPARTURE_AUTHORISED}
_ESCORTED = _ROAD_STATES | AT_HOME | {_R.ABORTED, _R.CLOSED}
_NOT_GONE = BEFORE_JOURNEY | {_R.ABORTED}

TABLE: Mapping[Saying, Rule] = with_common(
    {
        _E.RETURN_WISH_RECORDED: Rule(
            {_S: frozenset({_R.DRAFT})}, _R.RETURN_WISH_RECORDED, source="nrm.bg 3.2: informed decision"
        ),
        _E.RISK_ASSESSED: _prepares((_S, _T), _R.RISK_ASSESSMENT, "IOM TACT: assessed jointly; Palermo 8(2)"),
        _E.NATIONALITY_REQUESTED: _prepares((_S,), _R.IDENTITY_VERIFICATION, "Palermo 8(3)"),
        _E.NATIONALITY_CONFIRMED: _prepares((_T,), _R.IDENTITY_VERIFICATION, "Palermo 8(3)"),
        _E.NATIONALITY_NEGATIVE: _prepares((_T,), _R.IDENTITY_VERIFICATION, "Palermo 8(3)"),
        _E.FAMILY_TRACING_REQUESTED: _prepares((_S,), _R.FAMILY_TRACING, "IOM TACT family assessment form"),
        _E.FAMILY_ASSESSED: _prepares((_T,), _R.FAMILY_TRACING, "IOM TACT family assessment form"),
        _E.BEST_INTERESTS_DETERMINED: _prepares((_S,), _R.BEST_INTERESTS, "CRC 3, 12; ODIHR principle 4"),
        _E.DOCUMENT_REQUESTED: _prepares((_S,), _R.TRAVEL_DOCUMENTS, "Palermo 8(4)"),
        _E.DOCUMENT_ISSUED: _prepares((_S, _T), _R.TRAVEL_DOCUMENTS, "Palermo 8(4)"),
        _E.RECEPTION_CONFIRMED: _prepares((_T,), _R.RECEPTION_CONFIRMED, "nrm.bg 3.2; IOM AVRR post-arrival"),
        _E.PLAN_AGREED: _prepares((_S,), _R.PLAN_AGREED, "nrm.bg 3.2; IOM AVRR pre-departure"),
        _E.INFORMATION_REQUESTED: _tells((_S, _T), RUNNING, "Gravity"),
        _E.INFORMATION_PROVIDED: _tells((_S, _T), RUNNING, "Gravity"),
        _E.COMPANIONS_CHANGED: _tells((_S,), _ANY - {_R.DRAFT}, "ADR 74"),
        _E.DEPARTURE_AUTHORISED: Rule(
            {_S: frozenset({_R.PLAN_AGREED})},
            _R.DEPARTURE_AUTHORISED,
            source="Palermo 8; ODIHR principles 1-4; domain.md 4.4",
        ),
        _E.DEPARTED: Rule(
            {_S: frozenset({_R.DEPARTURE_AUTHORISED})},
            _R.IN_TRANSIT,
            _NOT_GONE,
            source="IOM AVRR travel",
        ),
        _E.CHECKPOINT_REACHED: _tells((_S, _T), _ROAD_STATES, "IOM AVRR travel: transit assistance"),
        _E.TRANSIT_DELAYED: _tells((_S, _T), _ROAD_STATES, "IOM AVRR travel: transit assistance"),
        _E.ESCORT_HANDED_OVER: _tells((_S, _T), _ROAD_STATES | AT_HOME, "Lao flow; CRC 3: hand-over of an escort"),
        _E.ESCORT_TAKEN_OVER: _tells((_S, _T), _ESCORTED, "Lao flow; CRC 3: hand-over of an escort"),
        _E.ARRIVED: Rule(
            {_T: frozenset({_R.DEPARTURE_AUTHORISED, _R.IN_TRANSIT})},
            _R.ARRIVED,
            _NOT_GONE | {_R.IN_TRANSIT},
            source="IOM AVRR post-arrival",
        ),
        _E.HANDOVER_CONFIRMED: Rule(
            by_both(AT_HOME - {_R.HANDED_OVER}),
            _R.HANDED_OVER,
            frozenset({_R.ARRIVED}),
            both=True,
            source="Lao flow; domain.md 4.4: both sign",
        ),
        _E.REINTEGRATION_AGREED: Rule(
            {_T: frozenset({_R.ARRIVED, _R.HANDED_OVER})}, _R.REINTEGRATION, source="IOM AVRR; NEXUS"
        ),
        _E.MONITORING_RECORDED: Rule(
            {_T: frozenset({_R.HANDED_OVER, _R.REINTEGRATION, _R.MONITORING})},
            _R.MONITORING,
            source="IOM AVRR",
        ),
        _E.REPATRIATION_CLOSED: Rule(
            {_T: frozenset({_R.HANDED_OVER, _R.REINTEGRATION, _R.MONITORING})}, _R.CLOSED, source="domain.md 4.4"
        ),
        _E.REPATRIATION_SUSPENDED: Rule(by_both(_LEAVING), _R.SUSPENDED, reason=True, source="ODIHR principles 1, 3"),
        _E.REPATRIATION_RESUMED: Rule(
            {_S: frozenset({_R.SUSPENDED})}, moves=frozenset({_R.SUSPENDED}), resumes=True, source="nrm.bg 3.2"
        ),
        _E.REPATRIATION_ABORTED: Rule(
            by_both(BEFORE_JOURNEY | {_R.IN_TRANSIT}),
            _R.ABORTED,
            BEFORE_JOURNEY | {_R.IN_TRANSIT},
            reason=True,
            source="nrm.bg 3.2: voluntary; ODIHR principle 3",
        ),
        _E.ENTERED_IN_ERROR: Rule({_S: _NOT_GONE}, _R.ENTERED_IN_ERROR, _NOT_GONE, reason=True, source="FHIR status"),
        _E.CONSENT_WITHDRAWN: Rule(by_both(_ANY), _R.SUSPENDED, _LEAVING, source="GDPR 7(3); domain.md 4.4"),
    },
    _R.DRAFT,
)
"""The whole state machine. A new event type is a new line."""

STATES: Mapping[StrEnum, Meaning] = {
    ReturnState.DRAFT: Meaning("nothing was said yet", "nrm.bg 3.2"),
    ReturnState.RETURN_WISH_RECORDED: Meaning(
        "the person wishes to return, informed of the alternatives", "nrm.bg 3.2: informed decision"
    ),
    ReturnState.RISK_ASSESSMENT: Meaning(
        "the risks are assessed, by both countries together", "IOM TACT; Palermo 8(2)"
    ),
    ReturnState.IDENTITY_VERIFICATION: Meaning("nationality is asked for or answered", "Palermo 8(3)"),
    ReturnState.FAMILY_TRACING: Meaning("the family is looked for and assessed", "IOM TACT family assessment form"),
    ReturnState.BEST_INTERESTS: Meaning("what is best for a child is determined", "CRC 3, 12; ODIHR principle 4"),
    ReturnState.TRAVEL_DOCUMENTS: Meaning("documents are asked for or there", "Palermo 8(4)"),
    ReturnState.RECEPTION_CONFIRMED: Meaning("somebody takes the person in", "nrm.bg 3.2; IOM AVRR post-arrival"),
    ReturnState.PLAN_AGREED: Meaning(
        "the person or the guardian has agreed to a plan", "nrm.bg 3.2; IOM AVRR pre-departure"
    ),
    ReturnState.DEPARTURE_AUTHORISED: Meaning("every guard is met", "Palermo 8; ODIHR principles 1-4"),
    ReturnState.IN_TRANSIT: Meaning("the person is on the road, with a timer for each leg", "IOM AVRR travel"),
    ReturnState.ARRIVED: Meaning("the person is in the home country", "IOM AVRR post-arrival"),
    ReturnState.HANDED_OVER: Meaning("both organisations have signed the hand-over", "Lao flow; domain.md 4.4"),
    ReturnState.REINTEGRATION: Meaning("there is a plan for the time at home", "IOM AVRR; NEXUS"),
    ReturnState.MONITORING: Meaning(
        "somebody asks how the person fares, and tells the former host country", "IOM AVRR; ODIHR principle 7"
    ),
    ReturnState.CLOSED: Meaning("the return is over, with its result", "domain.md 4.4"),
    ReturnState.SUSPENDED: Meaning("interrupted, or consent was withdrawn before the journey", "ODIHR principles 1, 3"),
    ReturnState.ABORTED: Meaning("given up, with the reason", "ODIHR principle 3"),
    ReturnState.ENTERED_IN_ERROR: Meaning("should never have been there", "FHIR status"),
}
"""What each state means."""

MACHINE = Machine(
    kind=CourseKind.REPATRIATION,
    begins=_E.RETURN_WISH_RECORDED,
    draft=_R.DRAFT,
    table=TABLE,
    states=STATES,
    final=FINAL,
    stops=frozenset({_E.REPATRIATION_ABORTED, _E.ENTERED_IN_ERROR}),
    stands=frozenset({_E.REPATRIATION_ABORTED, _E.ENTERED_IN_ERROR, _E.DEPARTED, _E.ARRIVED}),
    hidden=BEFORE_JOURNEY,
    overlay=_R.SUSPENDED,
    suspended=_R.SUSPENDED,
    undone={_R.DEPARTURE_AUTHORISED: _R.PLAN_AGREED},
)
