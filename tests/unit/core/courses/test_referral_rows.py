"""The table of a referral, written a second time: who may say what in which state, and where it leads."""

from __future__ import annotations

import pytest

from refbus.core.courses.course import CourseView, may_emit
from refbus.core.courses.facts import SystemEvent
from refbus.core.courses.machine import Role
from refbus.core.courses.referral import HELPING, MACHINE, OPEN, REOPENABLE, TABLE, State
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from support.passages import event_id

E = EventType
ALLOWED: dict[tuple[Role, EventType | SystemEvent], set[State]] = {
    (Role.SOURCE, E.REFERRAL_REQUESTED): {State.DRAFT},
    (Role.TARGET, E.REFERRAL_DELIVERED): set(State) - {State.DRAFT},
    (Role.TARGET, E.REFERRAL_OPENED): set(State) - {State.DRAFT},
    **{
        (Role.TARGET, kind): {State.REQUESTED, State.DELIVERED, State.UNDER_REVIEW, State.EXPIRED}
        for kind in (E.REFERRAL_ACCEPTED, E.REFERRAL_REJECTED, E.REFERRAL_REDIRECTED)
    },
    (Role.TARGET, E.INFORMATION_REQUESTED): set(OPEN),
    (Role.SOURCE, E.INFORMATION_PROVIDED): set(OPEN),
    (Role.SOURCE, E.COMPANIONS_CHANGED): set(State) - {State.DRAFT},
    **{
        (Role.TARGET, kind): {State.ACCEPTED, State.IN_PROGRESS, State.ON_HOLD}
        for kind in (
            E.APPOINTMENT_BOOKED,
            E.APPOINTMENT_MISSED,
            E.REFERRAL_FEEDBACK,
            E.REFERRAL_COMPLETED,
            E.REFERRAL_FAILED,
        )
    },
    (Role.TARGET, E.REFERRAL_IN_PROGRESS): {State.ACCEPTED},
    (Role.TARGET, E.REFERRAL_ON_HOLD): {State.IN_PROGRESS},
    (Role.TARGET, E.REFERRAL_RESUMED): {State.ON_HOLD},
    (Role.SOURCE, E.REFERRAL_CANCELLED): {State.REQUESTED, State.DELIVERED, State.UNDER_REVIEW},
    (Role.TARGET, E.REFERRAL_CANCELLED): set(OPEN),
    (Role.SOURCE, E.REFERRAL_REOPENED): set(REOPENABLE),
    (Role.TARGET, E.REFERRAL_REOPENED): set(REOPENABLE),
    (Role.SOURCE, E.ENTERED_IN_ERROR): set(State) - {State.DRAFT},
    **{(Role.SOURCE, kind): set(State) for kind in (E.CONSENT_GRANTED, E.CONSENT_AMENDED)},
    **{
        (role, kind): set(State)
        for role in (Role.SOURCE, Role.TARGET)
        for kind in (
            E.CONSENT_WITHDRAWN,
            E.WITHDRAWAL_ACKNOWLEDGED,
            E.UNDECRYPTABLE,
            E.INTAKE_REPORTED,
            E.OFFICE_RESTORED,
        )
    },
    (Role.SOURCE, E.TRANSFER_PROPOSED): set(HELPING),
    (Role.TARGET, E.TRANSFER_ACCEPTED): set(HELPING),
    (Role.TARGET, E.TRANSFER_REJECTED): set(HELPING),
    (Role.SYSTEM, SystemEvent.REFERRAL_EXPIRED): {State.REQUESTED, State.DELIVERED, State.UNDER_REVIEW},
}


@pytest.mark.parametrize("kind", TABLE)
@pytest.mark.parametrize("role", Role)
def test_who_may_say_what_in_which_state(role: Role, kind: EventType | SystemEvent) -> None:
    """The whole table, written down a second time."""
    states = ALLOWED.get((role, kind))
    for state in State:
        offered = kind in {E.TRANSFER_ACCEPTED, E.TRANSFER_REJECTED}
        codes = may_emit(CourseView(state=state, last=event_id("a"), transfer_proposed=offered), role, kind)
        if states is None:
            assert codes == (Code.ROLE_NOT_ALLOWED,)
        else:
            assert codes == (() if state in states else (Code.STATE_NOT_ALLOWED,))


MOVES: dict[EventType | SystemEvent, set[State]] = {
    E.REFERRAL_DELIVERED: {State.REQUESTED},
    E.REFERRAL_OPENED: {State.REQUESTED, State.DELIVERED},
    E.REFERRAL_CANCELLED: set(OPEN),
    E.REFERRAL_REOPENED: set(REOPENABLE),
    E.ENTERED_IN_ERROR: set(State) - {State.DRAFT},
}
LEADS_TO: dict[EventType | SystemEvent, State] = {
    E.REFERRAL_REQUESTED: State.REQUESTED,
    E.REFERRAL_DELIVERED: State.DELIVERED,
    E.REFERRAL_OPENED: State.UNDER_REVIEW,
    E.REFERRAL_ACCEPTED: State.ACCEPTED,
    E.REFERRAL_REJECTED: State.REJECTED,
    E.REFERRAL_REDIRECTED: State.REDIRECTED,
    E.REFERRAL_IN_PROGRESS: State.IN_PROGRESS,
    E.REFERRAL_ON_HOLD: State.ON_HOLD,
    E.REFERRAL_RESUMED: State.IN_PROGRESS,
    E.REFERRAL_COMPLETED: State.COMPLETED,
    E.REFERRAL_FAILED: State.FAILED,
    E.REFERRAL_CANCELLED: State.CANCELLED,
    E.REFERRAL_REOPENED: State.IN_PROGRESS,
    E.ENTERED_IN_ERROR: State.ENTERED_IN_ERROR,
    SystemEvent.REFERRAL_EXPIRED: State.EXPIRED,
}


def test_the_rows_here_are_all_rows() -> None:
    """What begins, ends and hides a referral; no event of one without a second writing."""
    assert {kind for _, kind in ALLOWED} == set(TABLE)
    ended = {"REJECTED", "REDIRECTED", "COMPLETED", "FAILED", "CANCELLED", "EXPIRED", "ENTERED_IN_ERROR"}
    assert ended == MACHINE.final
    assert (MACHINE.hidden, MACHINE.overlay) == (frozenset(State) - ended - {State.DRAFT}, "CONSENT_SUSPENDED")
    assert (MACHINE.begins, MACHINE.draft, MACHINE.suspended, MACHINE.undone) == (
        E.REFERRAL_REQUESTED,
        State.DRAFT,
        None,
        {},
    )
    assert MACHINE.stops == MACHINE.stands == {E.REFERRAL_CANCELLED, E.ENTERED_IN_ERROR}


@pytest.mark.parametrize("kind", TABLE)
def test_each_row_leads_where_it_is_written_here(kind: EventType | SystemEvent) -> None:
    """To which state, from which states, said by both together or by one, and where the row comes from."""
    rule = TABLE[kind]
    assert rule.to == LEADS_TO.get(kind)
    assert (None if rule.moves is None else set(rule.moves)) == MOVES.get(kind)
    assert rule.both == (kind is E.REFERRAL_REOPENED)
    assert not rule.resumes
    assert rule.source
