"""What a state machine of the bus is made of: roles, rules, and the table of one kind of course. Data only.

A *course* is everything said between two organisations under one id: a referral, a return home, an emergency
disclosure. The tables are in `referral`, `repatriation` and `emergency`; `course` reads a set of events through them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from refbus.core.courses.facts import SystemEvent
from refbus.core.vocabulary import EventType

Saying = EventType | SystemEvent
"""What can be in a course: an organisation's event, or what a gate's timer states."""


class CourseKind(StrEnum):
    """What is going on under one id."""

    REFERRAL = "REFERRAL"
    REPATRIATION = "REPATRIATION"
    EMERGENCY = "EMERGENCY"


class Role(StrEnum):
    """What an organisation is in one course: SOURCE began it (the host country), TARGET receives (the home country)."""

    SOURCE = "SOURCE"
    TARGET = "TARGET"
    SYSTEM = "SYSTEM"


BOTH = frozenset({Role.SOURCE, Role.TARGET})


@dataclass(frozen=True, slots=True)
class Rule:
    """What one event type does.

    `emitters`: who may send it, and in which states; `to` None leaves the state alone; `moves`: the states that it
    changes (None: all); `reason`: compulsory where true; `both`: takes effect when both organisations have said it;
    `resumes`: leads back to where the course was suspended; `source`: where the rule comes from.
    """

    emitters: Mapping[Role, frozenset[StrEnum]]
    to: StrEnum | None = None
    moves: frozenset[StrEnum] | None = None
    reason: bool = False
    both: bool = False
    resumes: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a state says about a course, and where it comes from."""

    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Machine:
    """One kind of course. `states` says what each of its states means.

    `stops` win over what they crossed. `stands` take effect from any state in their `moves`, whatever the table lets
    their sender say there: their sender's gate let them go, and what they tell has happened. `hidden` states are shown
    as `overlay` while consent is withdrawn. `undone`: what a suspension takes back, as the state to resume at.
    """

    kind: CourseKind
    begins: EventType
    draft: StrEnum
    table: Mapping[Saying, Rule]
    states: Mapping[StrEnum, Meaning]
    final: frozenset[StrEnum]
    stops: frozenset[EventType]
    stands: frozenset[EventType]
    hidden: frozenset[StrEnum] = frozenset()
    overlay: str = ""
    suspended: StrEnum | None = None
    undone: Mapping[StrEnum, StrEnum] = field(default_factory=dict)


def with_common(own: Mapping[Saying, Rule], draft: StrEnum) -> Mapping[Saying, Rule]:
    """Return the table with the rules that all kinds of course share, where it has none of its own for them."""
    every = frozenset[StrEnum](type(draft))
    source, target, both = {Role.SOURCE: every}, {Role.TARGET: every - {draft}}, by_both(every)
    common: Mapping[Saying, Rule] = {
        EventType.REFERRAL_DELIVERED: Rule(target, source="technical receipt"),
        EventType.REFERRAL_OPENED: Rule(target, source="decrypt receipt"),
        EventType.CONSENT_GRANTED: Rule(source, source="ISO/TS 27560; domain.md 4.3"),
        EventType.CONSENT_AMENDED: Rule(source, source="ISO/TS 27560; domain.md 4.3"),
        EventType.CONSENT_WITHDRAWN: Rule(both, source="GDPR 7(3); domain.md 4.3"),
        EventType.WITHDRAWAL_ACKNOWLEDGED: Rule(both, source="GDPR 19; domain.md 4.3"),
        EventType.UNDECRYPTABLE: Rule(both, source="technical answer"),
        EventType.INTAKE_REPORTED: Rule(both, source="technical answer"),
        EventType.OFFICE_RESTORED: Rule(both, source="lifecycle.md 2; backup.md 6"),
    }
    return {**own, **{saying: rule for saying, rule in common.items() if saying not in own}}


def by_both(states: frozenset[StrEnum]) -> dict[Role, frozenset[StrEnum]]:
    """Return the emitters of what either organisation may say, in these states."""
    return {Role.SOURCE: states, Role.TARGET: states}
