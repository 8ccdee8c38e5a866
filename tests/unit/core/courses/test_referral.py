"""The course of a referral: every line of the table, what crosses, reopening, withdrawal shown on top."""

from __future__ import annotations

import dataclasses

import pytest

from refbus.core.courses.course import CourseView, may_emit, state_of
from refbus.core.courses.facts import EventFact, SystemEvent
from refbus.core.courses.machine import CourseKind, Role
from refbus.core.courses.referral import CONSENT_SUSPENDED, REOPENABLE, TABLE, State
from refbus.core.ids import OrgId
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from support.consents import COLLECTOR, PARTY
from support.courses import Course
from support.directories import gate
from support.passages import event_id

E = EventType
ROADS = {
    "sent": ((), State.REQUESTED),
    "delivered": ((E.REFERRAL_DELIVERED,), State.DELIVERED),
    "opened": ((E.REFERRAL_DELIVERED, E.REFERRAL_OPENED), State.UNDER_REVIEW),
    "opened without delivery": ((E.REFERRAL_OPENED,), State.UNDER_REVIEW),
    "accepted at once": ((E.REFERRAL_ACCEPTED,), State.ACCEPTED),
    "accepted": ((E.REFERRAL_OPENED, E.REFERRAL_ACCEPTED), State.ACCEPTED),
    "rejected": ((E.REFERRAL_OPENED, E.REFERRAL_REJECTED), State.REJECTED),
    "redirected": ((E.REFERRAL_OPENED, E.REFERRAL_REDIRECTED), State.REDIRECTED),
    "asked": ((E.INFORMATION_REQUESTED, E.INFORMATION_PROVIDED), State.REQUESTED),
    "booked": ((E.REFERRAL_ACCEPTED, E.APPOINTMENT_BOOKED, E.APPOINTMENT_MISSED), State.ACCEPTED),
    "in progress": ((E.REFERRAL_ACCEPTED, E.REFERRAL_IN_PROGRESS), State.IN_PROGRESS),
    "on hold": ((E.REFERRAL_ACCEPTED, E.REFERRAL_IN_PROGRESS, E.REFERRAL_ON_HOLD), State.ON_HOLD),
    "resumed": (
        (E.REFERRAL_ACCEPTED, E.REFERRAL_IN_PROGRESS, E.REFERRAL_ON_HOLD, E.REFERRAL_RESUMED),
        State.IN_PROGRESS,
    ),
    "feedback": ((E.REFERRAL_ACCEPTED, E.REFERRAL_FEEDBACK), State.ACCEPTED),
    "completed": ((E.REFERRAL_ACCEPTED, E.REFERRAL_IN_PROGRESS, E.REFERRAL_COMPLETED), State.COMPLETED),
    "failed": ((E.REFERRAL_ACCEPTED, E.REFERRAL_FAILED), State.FAILED),
    "cancelled": ((E.REFERRAL_CANCELLED,), State.CANCELLED),
    "in error": ((E.REFERRAL_ACCEPTED, E.ENTERED_IN_ERROR), State.ENTERED_IN_ERROR),
    "expired": ((SystemEvent.REFERRAL_EXPIRED,), State.EXPIRED),
    "expired, then accepted": ((SystemEvent.REFERRAL_EXPIRED, E.REFERRAL_ACCEPTED), State.ACCEPTED),
    "a receipt that comes late": ((E.REFERRAL_ACCEPTED, E.REFERRAL_DELIVERED, E.REFERRAL_OPENED), State.ACCEPTED),
    "consent before and beside": ((E.CONSENT_GRANTED, E.CONSENT_AMENDED), State.REQUESTED),
    "cannot open": ((E.UNDECRYPTABLE, E.WITHDRAWAL_ACKNOWLEDGED), State.REQUESTED),
}


@pytest.mark.parametrize("name", ROADS)
def test_each_road_ends_in_its_state(name: str) -> None:
    """A course that nothing crossed: the state, the parties, the last event, nothing set aside."""
    kinds, state = ROADS[name]
    course = Course()
    for kind in kinds:
        course.add(kind)
    assert course.view == CourseView(COLLECTOR, PARTY, state, last=course.facts[-1].event_id)
    assert course.view.status == state


def test_reasons_are_compulsory_where_somebody_is_turned_away() -> None:
    """These events need a reason; without it the code comes out beside any other."""
    with_reason = {kind for kind, rule in TABLE.items() if rule.reason}
    assert with_reason == {
        E.REFERRAL_REJECTED,
        E.REFERRAL_ON_HOLD,
        E.REFERRAL_FAILED,
        E.REFERRAL_CANCELLED,
        E.REFERRAL_REOPENED,
        E.ENTERED_IN_ERROR,
        E.TRANSFER_REJECTED,
    }
    view = CourseView(state=State.DRAFT)
    assert may_emit(view, Role.TARGET, E.REFERRAL_REJECTED, has_reason=False) == (
        Code.REASON_REQUIRED,
        Code.STATE_NOT_ALLOWED,
    )


def test_nothing_known_is_a_draft_of_nobody() -> None:
    """The empty set of events."""
    assert state_of([]) == CourseView()
    assert state_of([]).role_of(PARTY) is None
    assert not state_of([]).is_open
    assert Course().view.is_open


@pytest.mark.parametrize("begins", [E.REFERRAL_REQUESTED, E.RETURN_WISH_RECORDED, E.EMERGENCY_INVOKED])
def test_a_course_of_any_kind_can_begin_where_nothing_was_said(begins: EventType) -> None:
    """By the one who may; nothing else can be said before."""
    assert may_emit(CourseView(), Role.SOURCE, begins) == ()
    assert may_emit(CourseView(), Role.TARGET, begins) == (Code.ROLE_NOT_ALLOWED,)
    assert may_emit(CourseView(), Role.SOURCE, E.DEPARTED) == (Code.STATE_NOT_ALLOWED,)


def test_of_several_beginnings_a_referral_counts_before_a_return_before_an_emergency() -> None:
    """Only a forger sends several; every node reads them alike. Before any has come the first kind's event tells."""
    order = (E.REFERRAL_REQUESTED, E.RETURN_WISH_RECORDED, E.EMERGENCY_INVOKED)
    facts = [EventFact(event_id(kind), kind, COLLECTOR, PARTY, None, 5 - n) for n, kind in enumerate(order)]
    kinds = [state_of(facts[n:]).kind for n in range(3)]
    assert kinds == [CourseKind.REFERRAL, CourseKind.REPATRIATION, CourseKind.EMERGENCY]
    early = [EventFact(event_id(kind), kind, PARTY, COLLECTOR, None, 0) for kind in (E.ARRIVED, E.REFERRAL_ACCEPTED)]
    assert state_of(early).kind is CourseKind.REFERRAL


def test_before_the_request_arrives_other_events_tell_who_is_who() -> None:
    """A reply that overtakes the request counts as crossed until the request is there; the roles are known already."""
    course = Course().add(E.REFERRAL_ACCEPTED)
    early = state_of(course.facts[1:])
    assert (early.source, early.target, early.state) == (COLLECTOR, PARTY, State.DRAFT)
    assert early.crossed == (course.facts[1].event_id,)
    granted = EventFact(event_id("g"), E.CONSENT_GRANTED, COLLECTOR, PARTY, None, 0)
    assert (state_of([granted]).source, state_of([granted]).target) == (COLLECTOR, PARTY)
    withdrawn = EventFact(event_id("w"), E.CONSENT_WITHDRAWN, COLLECTOR, PARTY, None, 0)
    assert state_of([withdrawn]).source is None


def test_the_request_says_who_is_who_over_any_earlier_event() -> None:
    """A stray event with an earlier time does not turn the roles round."""
    stray = EventFact(event_id("s"), E.REFERRAL_ACCEPTED, COLLECTOR, PARTY, None, 0)
    assert state_of([stray, *Course().facts]).source == COLLECTOR


def test_a_stranger_changes_nothing() -> None:
    """An event of an organisation that is no party is set aside."""
    stranger = EventFact(event_id("x"), E.REFERRAL_ACCEPTED, OrgId("kg-she1ter1"), COLLECTOR, None, 5000)
    view = state_of([*Course().facts, stranger])
    assert (view.state, view.crossed) == (State.REQUESTED, (stranger.event_id,))
    second = dataclasses.replace(stranger, event_id=event_id("y"), occurred_at_ms=5001)
    assert state_of([*Course().facts, stranger, second]).crossed == (stranger.event_id, second.event_id)


def test_an_organisation_cannot_state_what_only_a_timer_can() -> None:
    """Expiry is the gate's own; whoever is named as its sender, it is judged as the system's word."""
    assert may_emit(CourseView(state=State.REQUESTED), Role.TARGET, SystemEvent.REFERRAL_EXPIRED)
    expired = EventFact(event_id("x"), SystemEvent.REFERRAL_EXPIRED, gate("uz"), COLLECTOR, None, 5000)
    assert state_of([*Course().facts, expired]).state is State.EXPIRED


def test_a_cancellation_that_crosses_an_acceptance_wins_and_the_crossing_is_shown() -> None:
    """What the source stopped before it knew of the acceptance stays stopped, however far the target went."""
    course = Course().add(E.REFERRAL_OPENED, name="opened")
    course.add(E.REFERRAL_ACCEPTED, name="accepted").add(E.REFERRAL_IN_PROGRESS, name="progress")
    course.add(E.REFERRAL_CANCELLED, by=Role.SOURCE, after="opened")
    view = course.view
    assert view.state is State.CANCELLED
    assert view.crossed == (event_id("accepted"), event_id("progress"))


def test_a_source_that_knows_of_the_acceptance_cannot_cancel_but_a_stop_that_got_through_counts() -> None:
    """Its gate refuses that; should the cancellation be there all the same, stopping is the safe reading."""
    accepted = Course().add(E.REFERRAL_ACCEPTED)
    assert may_emit(accepted.view, Role.SOURCE, E.REFERRAL_CANCELLED) == (Code.STATE_NOT_ALLOWED,)
    assert may_emit(accepted.view, Role.TARGET, E.REFERRAL_CANCELLED) == ()
    assert accepted.add(E.REFERRAL_CANCELLED, by=Role.SOURCE).view.state is State.CANCELLED


def test_a_stop_after_the_end_is_a_crossing() -> None:
    """What is rejected or completed cannot be cancelled any more, by either side."""
    for role in (Role.SOURCE, Role.TARGET):
        course = Course().add(E.REFERRAL_REJECTED).add(E.REFERRAL_CANCELLED, by=role)
        assert (course.view.state, course.view.crossed) == (State.REJECTED, (course.facts[-1].event_id,))


def test_a_stop_by_the_wrong_side_is_none() -> None:
    """The target cannot enter a referral in error."""
    course = Course().add(E.ENTERED_IN_ERROR, by=Role.TARGET)
    assert (course.view.state, course.view.crossed) == (State.REQUESTED, (course.facts[-1].event_id,))


def test_entered_in_error_wins_over_everything_that_crosses_it() -> None:
    """It is final."""
    course = Course().add(E.REFERRAL_ACCEPTED, name="accepted").add(E.REFERRAL_COMPLETED, name="completed")
    course.add(E.ENTERED_IN_ERROR, after="accepted")
    assert course.view.state is State.ENTERED_IN_ERROR
    assert course.view.crossed == (event_id("completed"),)


def test_reopening_needs_four_eyes() -> None:
    """One side's word waits, the other side's puts it in progress; twice the same side is not enough."""
    course = Course().add(E.REFERRAL_ACCEPTED).add(E.REFERRAL_COMPLETED)
    course.add(E.REFERRAL_REOPENED, by=Role.SOURCE)
    assert (course.view.state, course.view.first_word) == (State.COMPLETED, frozenset({Role.SOURCE}))
    course.add(E.REFERRAL_REOPENED, by=Role.SOURCE)
    assert course.view.state is State.COMPLETED
    course.add(E.REFERRAL_REOPENED, by=Role.TARGET)
    assert (course.view.state, course.view.first_word) == (State.IN_PROGRESS, frozenset())
    assert course.add(E.REFERRAL_COMPLETED).view.state is State.COMPLETED


def test_a_second_end_asks_for_four_eyes_again() -> None:
    """An old wish to reopen does not count for the next time."""
    course = Course().add(E.REFERRAL_ACCEPTED).add(E.REFERRAL_COMPLETED)
    for role in (Role.SOURCE, Role.TARGET):
        course.add(E.REFERRAL_REOPENED, by=role)
    course.add(E.REFERRAL_FAILED).add(E.REFERRAL_REOPENED, by=Role.TARGET)
    assert (course.view.state, course.view.first_word) == (State.FAILED, frozenset({Role.TARGET}))


def test_a_wish_to_reopen_ends_when_the_referral_was_entered_in_error() -> None:
    """A change of state forgets the wish."""
    course = Course().add(E.REFERRAL_CANCELLED).add(E.REFERRAL_REOPENED, by=Role.TARGET, name="wish")
    course.add(E.ENTERED_IN_ERROR)
    assert (course.view.state, course.view.first_word) == (State.ENTERED_IN_ERROR, frozenset())


def test_a_withdrawal_is_shown_over_an_open_state_only() -> None:
    """The state below stays; a closed referral keeps its own label."""
    course = Course().add(E.REFERRAL_ACCEPTED).add(E.CONSENT_WITHDRAWN, by=Role.SOURCE)
    assert (course.view.state, course.view.status) == (State.ACCEPTED, CONSENT_SUSPENDED)
    closed = Course().add(E.REFERRAL_REJECTED).add(E.CONSENT_WITHDRAWN, by=Role.SOURCE)
    assert closed.view.status == State.REJECTED


def test_consent_given_by_one_who_knew_of_the_withdrawal_lifts_it() -> None:
    """By link, or by the later word of the same organisation."""
    course = Course().add(E.CONSENT_WITHDRAWN, by=Role.TARGET, name="stop").add(E.CONSENT_GRANTED)
    assert not course.view.suspended
    own = Course().add(E.CONSENT_WITHDRAWN, by=Role.SOURCE).add(E.CONSENT_AMENDED, after=None)
    assert not own.view.suspended


def test_consent_that_crossed_the_withdrawal_does_not_lift_it() -> None:
    """The collector had not seen the party's withdrawal; and its own earlier word is no answer to a later one."""
    crossed = Course().add(E.CONSENT_WITHDRAWN, by=Role.TARGET).add(E.CONSENT_GRANTED, after=None)
    assert crossed.view.suspended
    earlier = Course().add(E.CONSENT_GRANTED).add(E.CONSENT_WITHDRAWN, by=Role.SOURCE, after=None)
    assert earlier.view.suspended


def test_every_withdrawal_must_be_answered() -> None:
    """Consent given after the first withdrawal says nothing to the second."""
    course = Course().add(E.CONSENT_WITHDRAWN, by=Role.SOURCE).add(E.CONSENT_GRANTED)
    assert course.add(E.CONSENT_WITHDRAWN, by=Role.TARGET, after=None).view.suspended


def test_consent_given_in_the_same_millisecond_is_no_later_word() -> None:
    """Without a link the same organisation's consent must be later than its withdrawal."""
    course = Course().add(E.CONSENT_WITHDRAWN, by=Role.SOURCE)
    at = course.facts[-1].occurred_at_ms
    course.facts.append(EventFact(event_id("again"), E.CONSENT_GRANTED, COLLECTOR, PARTY, None, at))
    assert course.view.suspended


def test_what_was_completed_failed_or_cancelled_can_be_reopened() -> None:
    """A rejection, a redirection or an entry in error cannot: these need a new referral."""
    assert {State.COMPLETED, State.FAILED, State.CANCELLED} == REOPENABLE


def test_an_event_that_needs_no_reason_needs_none() -> None:
    """Only the events listed above ask for one."""
    assert may_emit(CourseView(state=State.REQUESTED), Role.TARGET, E.REFERRAL_ACCEPTED, has_reason=False) == ()


def test_a_timer_does_not_tell_who_is_who() -> None:
    """Expiry names a gate, which is no party."""
    expired = EventFact(event_id("x"), SystemEvent.REFERRAL_EXPIRED, gate("uz"), COLLECTOR, None, 5000)
    assert (state_of([expired]).source, state_of([expired]).target) == (None, None)


def test_custody_moves_with_the_acceptance_only() -> None:
    """An offer leaves the case where it is; the answer moves it, or not; the state is not touched."""
    course = Course().add(E.REFERRAL_ACCEPTED).add(E.TRANSFER_PROPOSED)
    assert (course.view.custody, course.view.transfer_proposed, course.view.state) == (
        Role.SOURCE,
        True,
        State.ACCEPTED,
    )
    course.add(E.TRANSFER_ACCEPTED)
    assert (course.view.custody, course.view.transfer_proposed, course.view.state) == (
        Role.TARGET,
        False,
        State.ACCEPTED,
    )
    refused = Course().follow(E.REFERRAL_ACCEPTED, E.TRANSFER_PROPOSED, E.TRANSFER_REJECTED)
    assert (refused.view.custody, refused.view.transfer_proposed) == (Role.SOURCE, False)


def test_custody_is_offered_once_and_only_an_offer_is_answered() -> None:
    """No answer without an offer, no second offer beside the first, none of what is no longer one's own."""
    course = Course().add(E.REFERRAL_ACCEPTED)
    for answer in (E.TRANSFER_ACCEPTED, E.TRANSFER_REJECTED):
        assert may_emit(course.view, Role.TARGET, answer) == (Code.STATE_NOT_ALLOWED,)
    course.add(E.TRANSFER_PROPOSED)
    assert may_emit(course.view, Role.SOURCE, E.TRANSFER_PROPOSED) == (Code.STATE_NOT_ALLOWED,)
    course.add(E.TRANSFER_REJECTED)
    assert may_emit(course.view, Role.SOURCE, E.TRANSFER_PROPOSED) == ()
    course.follow(E.TRANSFER_PROPOSED, E.TRANSFER_ACCEPTED)
    assert may_emit(course.view, Role.SOURCE, E.TRANSFER_PROPOSED) == (Code.STATE_NOT_ALLOWED,)


def test_an_event_of_another_kind_of_course_is_none_of_this_one() -> None:
    """Neither allowed nor effective, and it does not turn a referral into a return."""
    course = Course()
    assert may_emit(course.view, Role.SOURCE, E.DEPARTED) == (Code.ROLE_NOT_ALLOWED,)
    stray = EventFact(event_id("s"), E.RETURN_WISH_RECORDED, COLLECTOR, PARTY, None, 0)
    view = state_of([*course.facts, stray])
    assert (view.kind, view.state, view.crossed) == (CourseKind.REFERRAL, State.REQUESTED, (stray.event_id,))
