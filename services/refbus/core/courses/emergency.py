"""The table of an emergency disclosure: invoked by two officers, reviewed by a third (domain.md 2.4 and 4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from refbus.core.courses.machine import CourseKind, Machine, Meaning, Role, Rule, Saying, with_common
from refbus.core.vocabulary import EventType


class EmergencyState(StrEnum):
    """Where an emergency disclosure stands. A review follows each, whatever came of it."""

    DRAFT = "DRAFT"
    INVOKED = "INVOKED"
    REVIEWED = "REVIEWED"
    ENTERED_IN_ERROR = "ENTERED_IN_ERROR"


_ANY = frozenset(EmergencyState)
_INVOKED = frozenset({EmergencyState.INVOKED})

TABLE: Mapping[Saying, Rule] = with_common(
    {
        EventType.EMERGENCY_INVOKED: Rule(
            {Role.SOURCE: frozenset({EmergencyState.DRAFT})},
            EmergencyState.INVOKED,
            source="Primero legitimate basis 3; GDPR 49(1)(f)",
        ),
        EventType.EMERGENCY_REVIEWED: Rule({Role.SOURCE: _INVOKED}, EmergencyState.REVIEWED, source="domain.md 4.3"),
        EventType.ENTERED_IN_ERROR: Rule(
            {Role.SOURCE: _INVOKED},
            EmergencyState.ENTERED_IN_ERROR,
            _INVOKED,
            reason=True,
            source="FHIR status",
        ),
    },
    EmergencyState.DRAFT,
)
"""The whole state machine. A new event type is a new line."""

STATES: Mapping[StrEnum, Meaning] = {
    EmergencyState.DRAFT: Meaning("nothing was disclosed yet", "GDPR 49(1)(f)"),
    EmergencyState.INVOKED: Meaning(
        "two officers disclosed the least; a review is due", "Primero legitimate basis 3; GDPR 49(1)(f)"
    ),
    EmergencyState.REVIEWED: Meaning("a third officer has judged it", "domain.md 2.4"),
    EmergencyState.ENTERED_IN_ERROR: Meaning("should never have been there", "FHIR status"),
}
"""What each state means."""

MACHINE = Machine(
    kind=CourseKind.EMERGENCY,
    begins=EventType.EMERGENCY_INVOKED,
    draft=EmergencyState.DRAFT,
    table=TABLE,
    states=STATES,
    final=frozenset({EmergencyState.REVIEWED, EmergencyState.ENTERED_IN_ERROR}),
    stops=frozenset(),
    stands=frozenset(),
)
