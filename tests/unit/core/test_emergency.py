"""The course of an emergency disclosure: every row of its table written a second time."""

from __future__ import annotations

import pytest

from refbus.core.course import CourseView, may_emit
from refbus.core.emergency import MACHINE, TABLE, EmergencyState
from refbus.core.machine import CourseKind, Role
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from support.courses import Course
from support.passages import event_id

E, X = EventType, EmergencyState
ANY = set(X)
SENT = ANY - {X.DRAFT}
ROWS: dict[EventType, tuple[set[EmergencyState], set[EmergencyState], EmergencyState | None, bool]] = {
    E.EMERGENCY_INVOKED: ({X.DRAFT}, set(), X.INVOKED, False),
    E.EMERGENCY_REVIEWED: ({X.INVOKED}, set(), X.REVIEWED, False),
    E.ENTERED_IN_ERROR: ({X.INVOKED}, set(), X.ENTERED_IN_ERROR, True),
    E.REFERRAL_DELIVERED: (set(), SENT, None, False),
    E.REFERRAL_OPENED: (set(), SENT, None, False),
    E.CONSENT_GRANTED: (ANY, set(), None, False),
    E.CONSENT_AMENDED: (ANY, set(), None, False),
    E.CONSENT_WITHDRAWN: (ANY, ANY, None, False),
    E.WITHDRAWAL_ACKNOWLEDGED: (ANY, ANY, None, False),
    E.UNDECRYPTABLE: (ANY, ANY, None, False),
    E.INTAKE_REPORTED: (ANY, ANY, None, False),
}


@pytest.mark.parametrize("kind", TABLE)
def test_each_row_is_as_written_here(kind: EventType) -> None:
    """Who may say it in which state, what it leads to, whether it needs a reason."""
    source, target, to, reason = ROWS[kind]
    rule = TABLE[kind]
    assert (rule.to, rule.reason) == (to, reason)
    for role, states in ((Role.SOURCE, source), (Role.TARGET, target)):
        for state in X:
            codes = may_emit(CourseView(state=state, last=event_id("a"), kind=CourseKind.EMERGENCY), role, kind)
            expected = () if state in states else (Code.STATE_NOT_ALLOWED if states else Code.ROLE_NOT_ALLOWED,)
            assert codes == expected, (role, state)


def test_a_disclosure_ends_with_its_review() -> None:
    """Invoked, received, reviewed."""
    course = Course(E.EMERGENCY_INVOKED).follow(E.REFERRAL_DELIVERED, E.REFERRAL_OPENED)
    assert (course.view.kind, course.view.state) == (CourseKind.EMERGENCY, X.INVOKED)
    course.add(E.EMERGENCY_REVIEWED)
    assert (course.view.state, course.view.is_open) == (X.REVIEWED, False)
    assert {X.REVIEWED, X.ENTERED_IN_ERROR} == MACHINE.final
    assert (MACHINE.begins, MACHINE.draft, MACHINE.suspended) == (E.EMERGENCY_INVOKED, X.DRAFT, None)
    assert not (MACHINE.stops | MACHINE.stands | MACHINE.hidden)
    assert set(ROWS) == set(TABLE)


def test_no_row_waits_for_both_or_moves_elsewhere() -> None:
    """The mistake only takes back what was not reviewed; every row has its source."""
    assert {kind for kind, rule in TABLE.items() if rule.moves is not None} == {E.ENTERED_IN_ERROR}
    assert TABLE[E.ENTERED_IN_ERROR].moves == {X.INVOKED}
    assert not any(rule.both or rule.resumes for rule in TABLE.values())
    assert all(rule.source for rule in TABLE.values())
