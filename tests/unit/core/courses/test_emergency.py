"""The course of an emergency disclosure: every row of its table written a second time; and who lifts a denial."""

from __future__ import annotations

import pytest

from refbus.core.consent.denials import Denials, denies, note
from refbus.core.consent.record import ConsentRecord, ConsentState, Grantor, GrantorKind
from refbus.core.courses.course import CourseView, may_emit
from refbus.core.courses.emergency import MACHINE, TABLE, EmergencyState
from refbus.core.courses.machine import CourseKind, Role
from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code
from support.consents import COLLECTOR, PARTY, consent_record
from support.courses import Course
from support.directories import NOW_MS
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
    E.OFFICE_RESTORED: (ANY, ANY, None, False),
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
    assert TABLE[E.ENTERED_IN_ERROR].moves == frozenset({X.INVOKED})
    assert not any(rule.both or rule.resumes for rule in TABLE.values())
    assert all(rule.source for rule in TABLE.values())


LATER = {"version": 1_000, "event_time_ms": NOW_MS}
ANY_DATA = frozenset(DataCategory)


@pytest.mark.parametrize("state", [ConsentState.REFUSED, ConsentState.WITHDRAWN])
@pytest.mark.parametrize(
    "record",
    [
        consent_record(**LATER, state=ConsentState.REFUSED, grantor=Grantor(GrantorKind.PARENT), provisions=()),
        consent_record(**LATER, state=ConsentState.REFUSED, majority_at_ms=NOW_MS + 1, provisions=()),
        consent_record(**LATER, state=ConsentState.WITHDRAWN, grantor=Grantor(GrantorKind.PARENT), provisions=()),
        consent_record(**LATER, collected_by=PARTY, party=COLLECTOR),
    ],
    ids=["refused by a parent", "refused by a child", "withdrawn by a parent", "a yes of its own"],
)
def test_whom_a_person_denied_cannot_take_the_no_back(state: ConsentState, record: ConsentRecord) -> None:
    """The recipient signs, under the same consent id and a higher version, what would not count as a no."""
    no = consent_record(state=state, provisions=(), version=2)
    known = note(note(Denials(), no, COLLECTOR), record, PARTY)
    assert denies(known, PARTY, ANY_DATA, NOW_MS)
    assert denies(note(note(Denials(), record, PARTY), no, COLLECTOR), PARTY, ANY_DATA, NOW_MS)


def test_who_asked_the_person_can_ask_again() -> None:
    """A later yes of the collector ends the no, whichever of the two signed that."""
    for signer in (COLLECTOR, PARTY):
        known = note(Denials(), consent_record(state=ConsentState.REFUSED, provisions=(), version=2), signer)
        assert denies(known, PARTY, ANY_DATA, NOW_MS)
        yes = consent_record(version=3, event_time_ms=NOW_MS)
        assert not denies(note(known, yes, COLLECTOR), PARTY, ANY_DATA, NOW_MS)
