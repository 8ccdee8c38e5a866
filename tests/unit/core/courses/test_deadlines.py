"""Deadlines: each line of the timetable has a course in which it stands and one in which it was answered."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.courses.deadlines import (
    ALARMS,
    SOURCES,
    DeadlineKind,
    Level,
    Step,
    expects_too_late,
    expired_fact,
    steps_of,
)
from refbus.core.courses.facts import EventFact
from refbus.core.courses.machine import Role
from refbus.core.directory import Clock, Pace
from refbus.core.vocabulary import EventType, Priority
from support.courses import Course
from support.directories import gate, policy
from support.passages import REFERRAL

E, K = EventType, DeadlineKind
S, T = Role.SOURCE, Role.TARGET
HOUR, DAY = 3_600_000, 86_400_000
BEGAN = 1000  # when the first event of a course of these tests happens, ms
EXPIRED_AT_5 = "a89f56ddb0d43ac6d2a40ca93c18342e"  # SHA-256("refbus/v1/expired\0" + referral id + u64be 5), 16 bytes
POLICY = policy(
    "kz",
    clocks={
        Priority.EMERGENCY: Clock(900, 3_600, 86_400, 1_800),
        Priority.URGENT: Clock(3_600, 86_400, 864_000, 14_400),
        Priority.ROUTINE: Clock(86_400, 259_200, 2_592_000, 86_400),
    },
    pace=Pace(50, 172_800, 432_000, (1, 3), 7),
    emergency_review_hours=48,
)


def steps(course: Course, kind: DeadlineKind) -> list[Step]:
    """Return the steps of one kind."""
    return [step for step in steps_of(course.facts, POLICY) if step.kind is kind]


def times(course: Course, kind: DeadlineKind) -> list[tuple[int, Level, Role]]:
    """Return when which level hears of it, and whose turn it is."""
    return [(step.at_ms, step.level, step.responsible) for step in steps(course, kind)]


def ladder(due: int, step: int, who: Role, remind: int | None = None) -> list[tuple[int, Level, Role]]:
    """Return what the ladder of something due at `due` should be."""
    reminder = [] if remind is None else [(remind, Level.REMINDER, who)]
    up = [Level.ORGANISATION, Level.FOCAL_POINT, Level.PEER_FOCAL_POINT]
    return [*reminder, *((due + number * step, level, who) for number, level in enumerate(up))]


def with_first(course: Course, **changes: Any) -> Course:
    """Change the event that began a course."""
    course.facts[0] = dataclasses.replace(course.facts[0], **changes)
    return course


@pytest.mark.parametrize(
    ("priority", "deliver", "decide", "step"),
    [
        (Priority.EMERGENCY, 900_000, HOUR, 1_800_000),
        (Priority.URGENT, HOUR, DAY, 14_400_000),
        (Priority.ROUTINE, DAY, 3 * DAY, DAY),
        (None, DAY, 3 * DAY, DAY),
    ],
)
def test_the_clocks_of_the_priority_count(priority: Priority | None, deliver: int, decide: int, step: int) -> None:
    """Delivery, decision and the pauses of the ladder come from the signed policy."""
    course = with_first(Course(), priority=priority)
    assert times(course, K.DELIVER) == ladder(BEGAN + deliver, step, T)
    assert times(course, K.DECIDE) == ladder(BEGAN + decide, step, T, BEGAN + decide // 2)


def test_the_time_that_the_sender_asked_for_goes_before_the_clock() -> None:
    """And a referral never expires before its answer is due."""
    course = with_first(Course(), respond_by_ms=BEGAN + 40 * DAY)
    assert times(course, K.DECIDE)[1] == (BEGAN + 40 * DAY, Level.ORGANISATION, T)
    assert times(course, K.EXPIRE) == [(BEGAN + 40 * DAY, Level.ORGANISATION, S)]
    assert times(Course(), K.EXPIRE) == [(BEGAN + 30 * DAY, Level.ORGANISATION, S)]


ANSWERED = {
    K.DELIVER: (Course(), (E.REFERRAL_DELIVERED,)),
    K.DECIDE: (Course(), (E.REFERRAL_ACCEPTED,)),
    K.EXPIRE: (Course(), (E.REFERRAL_REJECTED,)),
    K.TRANSFER: (Course().follow(E.REFERRAL_ACCEPTED, E.TRANSFER_PROPOSED), (E.TRANSFER_REJECTED,)),
    K.WITHDRAWAL_ACK: (Course().add(E.CONSENT_WITHDRAWN, by=S), (E.WITHDRAWAL_ACKNOWLEDGED,)),
    K.EMERGENCY_REVIEW: (Course(E.EMERGENCY_INVOKED), (E.EMERGENCY_REVIEWED,)),
}


@pytest.mark.parametrize("kind", ANSWERED)
def test_what_was_answered_is_waited_for_no_longer(kind: DeadlineKind) -> None:
    """It stands, the answer comes, and no step of it is left."""
    course, answer = ANSWERED[kind]
    standing = Course.of(course)
    assert times(standing, kind)
    assert times(standing.follow(*answer), kind) == []


@pytest.mark.parametrize("kind", [K.DELIVER, K.DECIDE, K.EXPIRE])
def test_nobody_is_pressed_after_a_withdrawal(kind: DeadlineKind) -> None:
    """The person said stop: no answer is due, only the acknowledgement."""
    assert times(Course().add(E.CONSENT_WITHDRAWN, by=S), kind) == []


def test_an_offer_of_custody_and_a_withdrawal_have_their_own_time() -> None:
    """From the event, by the policy; the withdrawal's recipient has to answer, whichever side that is."""
    offer = Course().follow(E.REFERRAL_ACCEPTED, E.TRANSFER_PROPOSED)
    at = offer.facts[-1].occurred_at_ms
    assert times(offer, K.TRANSFER) == ladder(at + 2 * DAY, DAY, T, at + DAY)
    for sender, told in ((S, T), (T, S)):
        withdrawn = Course().add(E.CONSENT_WITHDRAWN, by=sender)
        at = withdrawn.facts[-1].occurred_at_ms
        assert times(withdrawn, K.WITHDRAWAL_ACK) == ladder(at + 5 * DAY, DAY, told, at + 5 * DAY // 2)


def test_an_acknowledgement_from_before_answers_no_later_withdrawal() -> None:
    """Each withdrawal needs an answer that is not older."""
    course = Course().add(E.CONSENT_WITHDRAWN, by=S).add(E.WITHDRAWAL_ACKNOWLEDGED, by=T)
    assert times(course, K.WITHDRAWAL_ACK) == []
    course.add(E.CONSENT_GRANTED).add(E.CONSENT_WITHDRAWN, by=S)
    assert len(times(course, K.WITHDRAWAL_ACK)) == 4


def test_an_emergency_is_reviewed_in_time() -> None:
    """By the organisation that disclosed."""
    course = Course(E.EMERGENCY_INVOKED)
    assert times(course, K.EMERGENCY_REVIEW) == ladder(BEGAN + 2 * DAY, DAY, S, BEGAN + DAY)


def left(expected_ms: int | None) -> Course:
    """Return a return whose person has left and is expected at a time."""
    prepared = (E.PLAN_AGREED, E.DEPARTURE_AUTHORISED, E.DEPARTED)
    return expect(Course(E.RETURN_WISH_RECORDED).follow(*prepared), expected_ms)


def expect(course: Course, expected_ms: int | None) -> Course:
    """Give the last event the time at which the person is expected."""
    course.facts[-1] = dataclasses.replace(course.facts[-1], respond_by_ms=expected_ms)
    return course


def at_once(due: int, who: Role) -> list[tuple[int, Level, Role]]:
    """Return an alarm: every level at the moment itself."""
    return ladder(due, 0, who)


def test_a_person_who_does_not_arrive_is_an_alarm_for_everybody_at_once() -> None:
    """At the time that was said when they left; the next word of the road sets a new time."""
    course = left(DAY)
    assert times(course, K.LEG) == at_once(DAY, T)
    expect(course.add(E.CHECKPOINT_REACHED), 2 * DAY)
    assert times(course, K.LEG) == at_once(2 * DAY, T)
    expect(course.add(E.TRANSIT_DELAYED), 3 * DAY)
    assert times(course, K.LEG) == at_once(3 * DAY, T)
    course.add(E.ARRIVED)
    assert times(course, K.LEG) == []
    assert {K.LEG, K.ESCORT, K.HANDOVER} == ALARMS


def test_a_word_of_the_road_that_says_no_time_is_late_after_a_day() -> None:
    """A gate should not have let it out; the person is looked for all the same."""
    course = left(None)
    assert times(course, K.LEG) == at_once(course.facts[-1].occurred_at_ms + DAY, T)
    course.add(E.ARRIVED)
    assert times(course, K.HANDOVER) == at_once(course.facts[-1].occurred_at_ms + DAY, T)


@pytest.mark.parametrize("kind", EventType)
def test_a_word_of_the_road_says_when_the_next_is_due_within_thirty_days(kind: EventType) -> None:
    """Without a time, or with one a year away, nobody would be looked for. Other events set no such timer."""
    road = kind in {E.DEPARTED, E.CHECKPOINT_REACHED, E.TRANSIT_DELAYED, E.ESCORT_HANDED_OVER, E.ARRIVED}
    assert expects_too_late(kind, BEGAN, None) is road
    assert expects_too_late(kind, BEGAN, BEGAN + 30 * DAY + 1) is road
    assert not expects_too_late(kind, BEGAN, BEGAN + 30 * DAY)


def test_a_person_on_the_road_is_waited_for_although_consent_is_withdrawn() -> None:
    """Danger does not end with it."""
    assert times(left(DAY).add(E.CONSENT_WITHDRAWN, by=S), K.LEG) == at_once(DAY, T)


@pytest.mark.parametrize(("giver", "taker"), [(S, T), (T, S)])
def test_who_was_handed_over_is_waited_for_until_the_other_side_took_over(giver: Role, taker: Role) -> None:
    """On the road and after the arrival; the leg goes on beside it, and said once more it has a new time."""
    course = expect(left(3 * DAY).add(E.ESCORT_HANDED_OVER, by=giver), DAY)
    assert times(course, K.ESCORT) == at_once(DAY, taker)
    assert times(course, K.LEG) == at_once(3 * DAY, T)
    expect(course.add(E.ESCORT_HANDED_OVER, by=giver), 2 * DAY)
    course.add(E.ESCORT_TAKEN_OVER, by=giver).add(E.ARRIVED)
    assert times(course, K.ESCORT) == at_once(2 * DAY, taker)
    assert times(course.add(E.ESCORT_TAKEN_OVER, by=taker), K.ESCORT) == []


def test_a_handover_waits_for_both_signatures() -> None:
    """Whose signature is missing is responsible; one that came with the plan at home still counts."""
    course = expect(left(DAY).add(E.ARRIVED), 2 * DAY)
    assert times(course, K.HANDOVER) == at_once(2 * DAY, T)
    course.add(E.HANDOVER_CONFIRMED, by=T)
    assert times(course, K.HANDOVER) == at_once(2 * DAY, S)
    course.add(E.REINTEGRATION_AGREED)
    assert times(course, K.HANDOVER) == at_once(2 * DAY, S)
    assert times(course.add(E.HANDOVER_CONFIRMED, by=S), K.HANDOVER) == []


def test_contacts_after_the_return_are_due_month_by_month() -> None:
    """Reminded in the month, late after the days of grace, also before there is a plan for the time at home."""
    course = left(DAY).add(E.ARRIVED)
    arrived = course.facts[-1].occurred_at_ms
    assert times(course, K.MONITORING) == []
    course.add(E.REINTEGRATION_AGREED)
    first = ladder(arrived + 37 * DAY, DAY, T, arrived + 30 * DAY)
    third = ladder(arrived + 97 * DAY, DAY, T, arrived + 90 * DAY)
    assert times(course, K.MONITORING) == [*first, *third]
    assert [step.number for step in steps(course, K.MONITORING)] == [1] * 4 + [3] * 4
    signed = left(DAY).add(E.ARRIVED).add(E.HANDOVER_CONFIRMED, by=S).add(E.HANDOVER_CONFIRMED, by=T)
    assert len(times(signed, K.MONITORING)) == 8


def monitored(*days: int, by: Role = T) -> list[int]:
    """Return the months that are waited for, after contacts on these days after the arrival."""
    course = left(DAY).add(E.ARRIVED).add(E.REINTEGRATION_AGREED)
    arrived = course.facts[-2].occurred_at_ms
    for day in days:
        course.add(E.MONITORING_RECORDED, by=by)
        course.facts[-1] = dataclasses.replace(course.facts[-1], occurred_at_ms=arrived + day * DAY)
    return sorted({step.number for step in steps(course, K.MONITORING)})


def test_a_contact_answers_the_month_that_it_belongs_to() -> None:
    """From half of the time on; one more because of a worry takes no later month away, a late one answers all before.

    What only the host country says is none.
    """
    assert monitored() == monitored(14) == [1, 3]
    assert monitored(15) == monitored(30) == monitored(30, 37, 59) == [3]
    assert monitored(60) == monitored(30, 91) == []
    assert monitored(30, by=S) == [1, 3]


def test_nobody_is_asked_after_who_withdrew_or_whose_return_is_over() -> None:
    """No contact is due, no signature either; but whoever was handed over is still to be taken over."""
    home = left(DAY).add(E.ARRIVED).add(E.REINTEGRATION_AGREED)
    assert times(Course.of(home).add(E.CONSENT_WITHDRAWN, by=S), K.MONITORING) == []
    closed = home.add(E.REPATRIATION_CLOSED)
    assert (times(closed, K.MONITORING), times(closed, K.HANDOVER)) == ([], [])
    for ending in (E.REPATRIATION_CLOSED, E.REPATRIATION_ABORTED):
        handed = left(DAY).add(E.ESCORT_HANDED_OVER, by=S)
        ended = expect(handed, DAY).follow(*([E.ARRIVED, E.REINTEGRATION_AGREED] if "Closed" in ending else []), ending)
        assert times(ended, K.ESCORT) == at_once(DAY, T)
        assert times(ended.add(E.ESCORT_TAKEN_OVER, by=T), K.ESCORT) == []


def test_a_word_of_the_wrong_side_starts_and_answers_nothing() -> None:
    """An arrival that the host country tells, an offer of what is not one's own, an answer by who withdrew."""
    home = expect(left(DAY).add(E.ARRIVED), 2 * DAY)
    expect(home.add(E.ARRIVED, by=S), 9 * DAY)
    assert times(home, K.HANDOVER) == at_once(2 * DAY, T)
    assert next(step.due_ms for step in steps(home.add(E.REINTEGRATION_AGREED), K.MONITORING)) == 1004 + 37 * DAY
    offer = Course().follow(E.REFERRAL_ACCEPTED, E.TRANSFER_PROPOSED)
    at = offer.facts[-1].occurred_at_ms
    assert times(offer.add(E.TRANSFER_PROPOSED, by=T), K.TRANSFER) == ladder(at + 2 * DAY, DAY, T, at + DAY)
    withdrawn = Course().add(E.CONSENT_WITHDRAWN, by=S).add(E.WITHDRAWAL_ACKNOWLEDGED, by=S)
    assert len(times(withdrawn, K.WITHDRAWAL_ACK)) == 4


def test_an_acknowledgement_of_the_same_moment_answers() -> None:
    """Clocks are no finer than a millisecond. A withdrawal to somebody who is no party is answered by nobody."""
    course = Course().add(E.CONSENT_WITHDRAWN, by=S).add(E.WITHDRAWAL_ACKNOWLEDGED, by=T)
    course.facts[-1] = dataclasses.replace(course.facts[-1], occurred_at_ms=course.facts[-2].occurred_at_ms)
    assert times(course, K.WITHDRAWAL_ACK) == []
    stray = Course().add(E.CONSENT_WITHDRAWN, by=S)
    stray.facts[-1] = dataclasses.replace(stray.facts[-1], recipient=gate("uz"))
    assert times(stray, K.WITHDRAWAL_ACK) == []


def test_what_is_over_is_waited_for_no_longer() -> None:
    """Cancelled before anybody heard of it, completed or withdrawn beside an offer of custody."""
    assert times(Course().add(E.REFERRAL_CANCELLED, by=S), K.DELIVER) == []
    offer = Course().follow(E.REFERRAL_ACCEPTED, E.TRANSFER_PROPOSED)
    assert times(Course.of(offer).add(E.REFERRAL_COMPLETED), K.TRANSFER) == []
    assert times(offer.add(E.CONSENT_WITHDRAWN, by=S), K.TRANSFER) == []


def test_nothing_is_due_in_what_has_not_begun_or_is_over() -> None:
    """Events that overtook the beginning wait for it."""
    assert steps_of([], POLICY) == ()
    assert steps_of(Course().add(E.REFERRAL_ACCEPTED).facts[1:], POLICY) == ()
    assert steps_of(Course().follow(E.REFERRAL_ACCEPTED, E.REFERRAL_COMPLETED).facts, POLICY) == ()


def test_the_expiry_that_two_timers_state_is_one_event() -> None:
    """Its id and its time come from the course alone, and end it as expired."""
    course = Course()
    step = steps(course, K.EXPIRE)[0]
    fact = expired_fact(REFERRAL, step.due_ms, gate("kz"))
    assert fact == expired_fact(REFERRAL, steps(course.add(E.INFORMATION_REQUESTED), K.EXPIRE)[0].due_ms, gate("kz"))
    assert (fact.occurred_at_ms, fact.sender) == (step.due_ms, gate("kz"))
    expired = Course.of(course, fact)
    assert expired.view.status == "EXPIRED"
    assert steps_of(expired.facts, POLICY) == ()
    assert {step.number for step in steps(Course(), K.EXPIRE)} == {0}
    assert expired_fact(REFERRAL, 5, gate("kz")).event_id.hex() == EXPIRED_AT_5, "gates of any version say the same"
    other = expired_fact(REFERRAL, 5, gate("kz"))
    assert other.event_id != fact.event_id


def test_an_answer_that_was_given_in_time_wins_over_an_expiry_stated_meanwhile() -> None:
    """The answer was on its way when the timer spoke: read by their times, it was there first."""
    course = Course()
    fact = expired_fact(REFERRAL, steps(course, K.EXPIRE)[0].due_ms, gate("kz"))
    assert Course.of(course, fact).add(E.REFERRAL_ACCEPTED, after=None).view.status == "ACCEPTED"


def test_every_kind_has_its_course_here_and_its_source() -> None:
    """No deadline without a second writing."""
    assert {*ANSWERED, K.LEG, K.ESCORT, K.HANDOVER, K.MONITORING} == set(DeadlineKind) == set(SOURCES)


def test_steps_do_not_depend_on_the_order_of_arrival() -> None:
    """Two gates that have the same facts have the same timetable."""
    course = expect(left(DAY).add(E.ARRIVED), 2 * DAY).add(E.HANDOVER_CONFIRMED, by=T)
    facts: list[EventFact] = course.facts
    assert steps_of(reversed(facts), POLICY) == steps_of([*facts, *facts], POLICY) == steps_of(facts, POLICY)
