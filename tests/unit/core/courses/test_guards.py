"""Guards of a departure: each one alone keeps the person from leaving, and all that are missing are named at once."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any

import pytest

from refbus.core.courses.facts import SystemEvent
from refbus.core.courses.guards import (
    CONTENT_GUARDS,
    EVENT_GUARDS,
    SETTLED_BY,
    ContentGuard,
    EventGuard,
    ReturnDetails,
    escort_gap,
    gaps_from_details,
    gaps_from_facts,
)
from refbus.core.courses.machine import Role
from refbus.core.ids import EventId, OrgId
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from support.courses import Course

E = EventType
NOW_MS = 1_000_000
ESCORT = (E.DEPARTURE_AUTHORISED, E.DEPARTED)
ALL = (
    E.NATIONALITY_REQUESTED,
    E.NATIONALITY_CONFIRMED,
    E.FAMILY_TRACING_REQUESTED,
    E.FAMILY_ASSESSED,
    E.BEST_INTERESTS_DETERMINED,
    E.DOCUMENT_ISSUED,
    E.RECEPTION_CONFIRMED,
    E.PLAN_AGREED,
)
READY = ReturnDetails(
    informed=True,
    fit_to_travel=True,
    best_interests=True,
    risk_texts=frozenset({b"one"}),
    risk_valid_until_ms=NOW_MS + 1,
    legal_status_recorded=True,
    documents_valid_until_ms=NOW_MS + 11,
    document_accepted=True,
    arrival_ms=NOW_MS + 10,
    certificate=(NOW_MS, NOW_MS + 11),
    certificate_asked=True,
    minor=True,
    escorted=True,
)


def prepared(*without: EventType) -> Course:
    """Return a course in which everything was said but `without`."""
    course = Course(E.RETURN_WISH_RECORDED)
    if E.RISK_ASSESSED not in without:
        course.add(E.RISK_ASSESSED, by=Role.SOURCE).add(E.RISK_ASSESSED, by=Role.TARGET)
    return course.follow(*(kind for kind in ALL if kind not in without))


def gaps(course: Course, *, minor: bool = True) -> tuple[Code, ...]:
    """Return the gaps of a course."""
    return gaps_from_facts(course.facts, minor=minor)


def test_nothing_is_missing_when_everything_was_said() -> None:
    """Adults and minors; the same for the content."""
    assert gaps(prepared()) == ()
    assert gaps(prepared(E.FAMILY_TRACING_REQUESTED, E.FAMILY_ASSESSED, E.BEST_INTERESTS_DETERMINED), minor=False) == ()
    assert gaps_from_details(READY, NOW_MS) == ()


MISSING: dict[tuple[EventType, ...], Code] = {
    (E.RISK_ASSESSED,): Code.GUARD_RISK_ASSESSMENT,
    (E.NATIONALITY_CONFIRMED,): Code.GUARD_NATIONALITY,
    (E.FAMILY_ASSESSED,): Code.GUARD_FAMILY_ASSESSMENT,
    (E.BEST_INTERESTS_DETERMINED,): Code.GUARD_BEST_INTERESTS,
    (E.DOCUMENT_ISSUED,): Code.GUARD_DOCUMENTS,
    (E.RECEPTION_CONFIRMED,): Code.GUARD_RECEPTION,
    (E.PLAN_AGREED,): Code.GUARD_PLAN,
}


@pytest.mark.parametrize("without", MISSING)
def test_each_event_that_is_missing_is_named(without: tuple[EventType, ...]) -> None:
    """That guard, and no other."""
    assert gaps(prepared(*without)) == (MISSING[without],)


def test_a_wish_that_is_not_there_is_missing() -> None:
    """Without the first event everything else is said in vain."""
    assert Code.GUARD_WISH in gaps_from_facts(prepared().facts[1:], minor=False)


def test_one_signature_is_no_joint_assessment() -> None:
    """Neither the host country's alone nor the home country's."""
    for role in (Role.SOURCE, Role.TARGET):
        assert gaps(prepared(E.RISK_ASSESSED).add(E.RISK_ASSESSED, by=role)) == (Code.GUARD_RISK_ASSESSMENT,)


def test_a_nationality_that_nobody_asked_for_is_not_demanded_and_a_no_stands() -> None:
    """A valid passport tells; after a question only the yes that came last does."""
    assert gaps(prepared(E.NATIONALITY_REQUESTED, E.NATIONALITY_CONFIRMED)) == ()
    assert gaps(prepared().add(E.NATIONALITY_NEGATIVE)) == (Code.GUARD_NATIONALITY,)
    assert gaps(prepared().add(E.NATIONALITY_REQUESTED)) == (Code.GUARD_NATIONALITY,)


def test_withdrawn_consent_is_a_gap_until_it_is_given_again() -> None:
    """By the rule of the course."""
    withdrawn = prepared().add(E.CONSENT_WITHDRAWN, by=Role.SOURCE)
    assert gaps(withdrawn) == (Code.GUARD_CONSENT,)
    assert gaps(withdrawn.add(E.CONSENT_GRANTED)) == ()


def test_a_reception_is_taken_back_by_its_own_suspension_only() -> None:
    """The shelter's suspension asks for a new confirmation; the host country's does not."""
    assert gaps(prepared().add(E.REPATRIATION_SUSPENDED, by=Role.TARGET)) == (Code.GUARD_RECEPTION,)
    assert gaps(prepared().add(E.REPATRIATION_SUSPENDED, by=Role.SOURCE)) == ()
    again = (
        prepared().add(E.REPATRIATION_SUSPENDED, by=Role.TARGET).follow(E.REPATRIATION_RESUMED, E.RECEPTION_CONFIRMED)
    )
    assert gaps(again) == ()


def test_a_word_of_the_wrong_side_settles_nothing() -> None:
    """The host country cannot confirm the reception."""
    assert gaps(prepared(E.RECEPTION_CONFIRMED).add(E.RECEPTION_CONFIRMED, by=Role.SOURCE)) == (Code.GUARD_RECEPTION,)


def test_what_a_side_may_not_say_settles_no_guard() -> None:
    """The home country cannot agree the plan or decide for the child, the host country cannot assess the family."""
    for kind, by in (
        (E.PLAN_AGREED, Role.TARGET),
        (E.BEST_INTERESTS_DETERMINED, Role.TARGET),
        (E.FAMILY_ASSESSED, Role.SOURCE),
    ):
        assert gaps(prepared(kind).add(kind, by=by)) == (MISSING[(kind,)],)
    stray = dataclasses.replace(prepared().facts[-1], event_id=EventId(b"s" * 16), sender=OrgId("kg-she1ter1"))
    assert gaps(Course.of(prepared(E.PLAN_AGREED), stray)) == (Code.GUARD_PLAN,)
    expired = dataclasses.replace(stray, type=SystemEvent.REFERRAL_EXPIRED)
    assert gaps(Course.of(prepared(), expired)) == ()


def test_everything_that_is_missing_is_named_at_once() -> None:
    """Sorted, so that two nodes say the same."""
    codes = gaps(Course(E.RETURN_WISH_RECORDED))
    assert set(codes) == {*MISSING.values()} - {Code.GUARD_NATIONALITY}
    assert all(one < other for one, other in pairwise(codes))


CONTENT: dict[Code, dict[str, Any]] = {
    Code.GUARD_NOT_INFORMED: {"informed": False},
    Code.GUARD_NOT_FIT: {"fit_to_travel": False},
    Code.GUARD_AGAINST_BEST_INTERESTS: {"best_interests": False},
    Code.GUARD_RISK_DIFFERS: {"risk_texts": frozenset({b"one", b"other"})},
    Code.GUARD_RISK_OUT_OF_DATE: {"risk_valid_until_ms": NOW_MS},
    Code.GUARD_RISK_HIGH: {"risk_high": True},
    Code.GUARD_LEGAL_STATUS: {"legal_status_recorded": False},
    Code.GUARD_DOCUMENTS_OUT_OF_DATE: {"documents_valid_until_ms": NOW_MS + 10},
    Code.GUARD_DOCUMENT_NOT_ACCEPTED: {"document_accepted": False},
    Code.GUARD_CERTIFICATE: {"certificate": None},
    Code.GUARD_CERTIFICATE_NOT_VALID: {"certificate": (NOW_MS, NOW_MS + 10)},
    Code.GUARD_PROTECTED: {"protected": True},
    Code.GUARD_ESCORT: {"escorted": False},
}


@pytest.mark.parametrize("code", CONTENT)
def test_each_content_that_does_not_hold_is_named(code: Code) -> None:
    """That guard, and no other."""
    assert gaps_from_details(dataclasses.replace(READY, **CONTENT[code]), NOW_MS) == (code,)


def test_a_certificate_counts_from_its_first_day_and_is_asked_of_few() -> None:
    """Dated ahead it does not count, even where nobody asks for one; where nobody asks, none is needed."""
    ahead = dataclasses.replace(READY, certificate=(NOW_MS + 1, NOW_MS + 20))
    assert gaps_from_details(ahead, NOW_MS) == (Code.GUARD_CERTIFICATE_NOT_VALID,)
    assert gaps_from_details(dataclasses.replace(ahead, certificate_asked=False), NOW_MS) == (
        Code.GUARD_CERTIFICATE_NOT_VALID,
    )
    nothing = dataclasses.replace(READY, certificate=None, certificate_asked=False)
    assert gaps_from_details(nothing, NOW_MS) == ()


def test_an_adult_may_travel_alone() -> None:
    """The escort and the best interests are guards for minors."""
    adult = dataclasses.replace(READY, minor=False, escorted=False, best_interests=False)
    assert gaps_from_details(adult, NOW_MS) == ()


def test_what_was_never_said_does_not_hold() -> None:
    """No date of validity is no validity."""
    assert set(gaps_from_details(ReturnDetails(), NOW_MS)) == {
        Code.GUARD_NOT_INFORMED,
        Code.GUARD_RISK_OUT_OF_DATE,
        Code.GUARD_DOCUMENTS_OUT_OF_DATE,
        Code.GUARD_LEGAL_STATUS,
        Code.GUARD_NOT_FIT,
    }


def test_a_child_of_whom_nothing_was_said_may_not_travel() -> None:
    """Neither the best interests nor an escort are taken for granted."""
    unsaid = set(gaps_from_details(ReturnDetails(minor=True), NOW_MS)) - set(gaps_from_details(ReturnDetails(), NOW_MS))
    assert unsaid == {Code.GUARD_AGAINST_BEST_INTERESTS, Code.GUARD_ESCORT}


def test_somebody_with_an_escort_is_handed_over_once_the_other_side_took_over() -> None:
    """Each hand-over needs its own answer, also after a withdrawal; then none is asked for that nobody could say."""
    course = prepared().follow(*ESCORT)
    assert escort_gap(course.facts) == (Code.GUARD_ESCORT_HANDOVER,)
    course.add(E.ESCORT_HANDED_OVER, by=Role.SOURCE)
    assert escort_gap(course.facts) == (Code.GUARD_ESCORT_HANDOVER,)
    course.add(E.ESCORT_TAKEN_OVER, by=Role.TARGET)
    assert escort_gap(course.facts) == ()
    course.add(E.ESCORT_HANDED_OVER, by=Role.TARGET)
    assert escort_gap(course.facts) == (Code.GUARD_ESCORT_HANDOVER,)
    assert escort_gap(course.add(E.CONSENT_WITHDRAWN, by=Role.SOURCE).facts) == (Code.GUARD_ESCORT_HANDOVER,)
    assert escort_gap(course.add(E.ESCORT_TAKEN_OVER, by=Role.SOURCE).facts) == ()
    withdrawn = prepared().follow(*ESCORT).add(E.CONSENT_WITHDRAWN, by=Role.SOURCE)
    assert escort_gap(withdrawn.facts) == ()


def test_a_return_is_closed_once_both_signed_the_hand_over_or_somebody_took_over() -> None:
    """Courses from before had no word of an escort: both signatures of the hand-over of the person stand for it."""
    course = prepared().follow(*ESCORT).add(E.ARRIVED, by=Role.TARGET)
    assert escort_gap(course.facts) == (Code.GUARD_ESCORT_HANDOVER,)
    course.add(E.HANDOVER_CONFIRMED, by=Role.TARGET)
    assert escort_gap(course.facts) == (Code.GUARD_ESCORT_HANDOVER,)
    assert escort_gap(course.add(E.HANDOVER_CONFIRMED, by=Role.SOURCE).facts) == ()


SETTLES = {
    Code.GUARD_WISH: (E.RETURN_WISH_RECORDED,),
    Code.GUARD_CONSENT: (E.CONSENT_GRANTED, E.CONSENT_AMENDED),
    Code.GUARD_RISK_ASSESSMENT: (E.RISK_ASSESSED,),
    Code.GUARD_NATIONALITY: (E.NATIONALITY_CONFIRMED,),
    Code.GUARD_DOCUMENTS: (E.DOCUMENT_ISSUED,),
    Code.GUARD_RECEPTION: (E.RECEPTION_CONFIRMED,),
    Code.GUARD_PLAN: (E.PLAN_AGREED,),
    Code.GUARD_FAMILY_ASSESSMENT: (E.FAMILY_TRACING_REQUESTED, E.FAMILY_ASSESSED),
    Code.GUARD_BEST_INTERESTS: (E.BEST_INTERESTS_DETERMINED,),
    Code.GUARD_NOT_INFORMED: (E.RETURN_WISH_RECORDED,),
    Code.GUARD_RISK_DIFFERS: (E.RISK_ASSESSED,),
    Code.GUARD_RISK_OUT_OF_DATE: (E.RISK_ASSESSED,),
    Code.GUARD_RISK_HIGH: (E.RISK_ASSESSED,),
    Code.GUARD_LEGAL_STATUS: (E.PLAN_AGREED,),
    Code.GUARD_DOCUMENTS_OUT_OF_DATE: (E.DOCUMENT_ISSUED,),
    Code.GUARD_DOCUMENT_NOT_ACCEPTED: (E.DOCUMENT_ISSUED,),
    Code.GUARD_NOT_FIT: (E.PLAN_AGREED,),
    Code.GUARD_CERTIFICATE: (E.PLAN_AGREED,),
    Code.GUARD_CERTIFICATE_NOT_VALID: (E.PLAN_AGREED,),
    Code.GUARD_PROTECTED: (E.REPATRIATION_ABORTED,),
    Code.GUARD_AGAINST_BEST_INTERESTS: (E.BEST_INTERESTS_DETERMINED, E.REPATRIATION_ABORTED),
    Code.GUARD_ESCORT: (E.PLAN_AGREED,),
}


def test_every_guard_is_tried_here_and_says_what_settles_it() -> None:
    """No guard without a failing course, none without a way out."""
    assert {guard.code for guard in EVENT_GUARDS} == {*MISSING.values(), Code.GUARD_WISH, Code.GUARD_CONSENT}
    assert {guard.code for guard in CONTENT_GUARDS} == set(CONTENT)
    assert SETTLED_BY == SETTLES
    guards: list[EventGuard | ContentGuard] = [*EVENT_GUARDS, *CONTENT_GUARDS]
    assert all(guard.source for guard in guards)
    minors = {guard.code for guard in guards if guard.minors_only}
    assert minors == {
        Code.GUARD_FAMILY_ASSESSMENT,
        Code.GUARD_BEST_INTERESTS,
        Code.GUARD_AGAINST_BEST_INTERESTS,
        Code.GUARD_ESCORT,
    }
