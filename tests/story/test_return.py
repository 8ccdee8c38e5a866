"""People go home: prepared by both countries, authorised only when every guard is met, followed until it is well."""

from __future__ import annotations

from typing import Any

import pytest

from refbus.core.courses.machine import Role
from refbus.core.courses.repatriation import ReturnState
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import EventType, Purpose
from refbus.errors import Code, ConsentError, RuleError
from refbus_gateway.courses import referral_steps, returns
from refbus_gateway.forms.problems import CaseInvalidError
from refbus_gateway.store import cases, referrals
from support.directories import NOW_MS
from support.gateways import alarm_codes, consent_file, line, open_at, sent, take_consent, view, withdraw_all
from support.homecoming import CHILD_CONSENT, RETURN_PURPOSES, WISH, E, Homecoming, plan, risks
from support.nodes import Road

S, T = Role.SOURCE, Role.TARGET


def states(course: Homecoming) -> tuple[str, str]:
    """Return how the return stands at both offices."""
    return view(course.road.kz, course.here).status, view(course.road.uz, course.there).status


def test_a_person_goes_home_and_is_asked_after_three_months(shared: Road) -> None:
    """From the wish to the third month: both offices see the same at every step."""
    road = Homecoming(shared, "goes home")
    assert states(road) == ("RETURN_WISH_RECORDED",) * 2
    assert road.prepare().gaps() == ()
    road.leave()
    assert states(road) == ("IN_TRANSIT",) * 2
    now_ms = shared.clock()
    road.say(S, E.CHECKPOINT_REACHED, at_ms=now_ms, place="Fictional border post", expected_ms=now_ms + DAY_MS)
    road.say(T, E.ARRIVED, at_ms=now_ms, expected_ms=now_ms + DAY_MS)
    road.say(T, E.HANDOVER_CONFIRMED, at_ms=now_ms)
    assert states(road) == ("ARRIVED",) * 2
    road.say(S, E.HANDOVER_CONFIRMED, at_ms=now_ms)
    assert states(road) == ("HANDED_OVER",) * 2
    plan_at_home = {"stage": "CRISIS", "services": ["SocialCare"], "monitoring_agreed": True}
    road.say(T, E.REINTEGRATION_AGREED, **plan_at_home, responsible_worker_role="SOCIAL_WORKER")
    for month in (1, 3):
        road.say(T, E.MONITORING_RECORDED, month=month, result="SAFE")
    assert states(road) == ("MONITORING",) * 2
    road.say(T, E.REPATRIATION_CLOSED, result="INTEGRATED")
    assert states(road) == ("CLOSED",) * 2
    assert alarm_codes(shared.uz) == []
    shown = str(open_at(shared.kz, road.here).events[-2].sections)
    assert "Safe (SAFE)" in shown, "the former host country hears how the person fares"


def test_the_home_country_sees_who_comes_and_the_host_country_that_it_was_read(shared: Road) -> None:
    """The wish carries the person from the case file; its delivery and opening come back."""
    road = Homecoming(shared, "is seen")
    opened = open_at(shared.uz, road.there)
    assert opened.events[0].sections["Person"]["First name"] == "Тўқима шахс"
    shared.settle()
    with shared.kz.store.read() as tx:
        said = {event.block.event_type for event in referrals.events_of(tx, referrals.get(tx, road.here))}
    assert {EventType.REFERRAL_DELIVERED, EventType.REFERRAL_OPENED} <= said
    assert line(shared.kz, road.here, EventType.RETURN_WISH_RECORDED).codes == ()


def test_a_departure_is_refused_with_everything_that_is_missing(shared: Road) -> None:
    """One refusal names it all, and nothing leaves the office."""
    road = Homecoming(shared, "not yet")
    road.say(S, E.RISK_ASSESSED, **risks(shared.clock()))
    road.say(S, E.PLAN_AGREED, **plan(shared.clock()))
    officers = {"first_officer_role": "CASE_MANAGER", "second_officer_role": "NATIONAL_FOCAL_POINT"}
    with pytest.raises(RuleError) as caught:
        road.say(S, E.DEPARTURE_AUTHORISED, departs_ms=shared.clock(), **officers)
    assert caught.value.reasons == (
        Code.GUARD_DOCUMENTS,
        Code.GUARD_DOCUMENTS_OUT_OF_DATE,
        Code.GUARD_RECEPTION,
        Code.GUARD_RISK_ASSESSMENT,
    )
    assert states(road) == ("PLAN_AGREED",) * 2


BAD: dict[Code, dict[str, Any]] = {
    Code.GUARD_RISK_HIGH: {"risks": {"risks": [{"factor": "RETALIATION", "level": "HIGH"}]}},
    Code.GUARD_PROTECTED: {"risks": {"protected_from_return": True}},
    Code.GUARD_LEGAL_STATUS: {"plan": {"legal_status": "NOT_KNOWN"}},
    Code.GUARD_NOT_FIT: {"plan": {"fit_to_travel": False}},
    Code.GUARD_DOCUMENTS_OUT_OF_DATE: {"document": {"valid_until_ms": NOW_MS - DAY_MS}},
    Code.GUARD_RISK_OUT_OF_DATE: {"risks": {"valid_until_ms": NOW_MS - DAY_MS}},
}


@pytest.mark.parametrize("code", BAD)
def test_what_only_the_content_shows_stops_a_departure_too(shared: Road, code: Code) -> None:
    """The gates cannot see it; the offices do."""
    assert Homecoming(shared, f"content {code}").prepare(**BAD[code]).gaps() == (code,)


def test_a_decision_that_was_not_informed_is_no_ground_for_a_departure(shared: Road) -> None:
    """The checklist counts."""
    road = Homecoming(shared, "not informed", alternatives_explained=False).prepare()
    assert road.gaps() == (Code.GUARD_NOT_INFORMED,)


def test_two_offices_that_sign_different_texts_have_no_joint_assessment(shared: Road) -> None:
    """The home country's own text is another text."""
    road = Homecoming(shared, "two texts").prepare()
    road.say(T, E.RISK_ASSESSED, **risks(shared.clock()) | {"summary": "Fictional: other words"})
    assert road.gaps() == (Code.GUARD_RISK_DIFFERS,)
    road.co_sign()
    assert road.gaps() == ()


def test_nobody_can_sign_what_the_other_has_not_recorded(shared: Road) -> None:
    """Co-signing needs a text."""
    road = Homecoming(shared, "nothing to sign")
    with pytest.raises(RuleError) as caught:
        road.co_sign()
    assert caught.value.code is Code.STATE_NOT_ALLOWED


def test_a_minor_goes_home_only_with_guardian_family_and_best_interests(shared: Road) -> None:
    """What an adult needs is not enough for a child."""
    road = Homecoming(shared, "a child", consent=CHILD_CONSENT, is_minor=True).prepare()
    assert road.gaps() == (
        Code.GUARD_AGAINST_BEST_INTERESTS,
        Code.GUARD_BEST_INTERESTS,
        Code.GUARD_ESCORT,
        Code.GUARD_FAMILY_ASSESSMENT,
    )
    road.say(S, E.FAMILY_TRACING_REQUESTED, relatives=[{"relation": "Fictional grandmother"}])
    road.say(T, E.FAMILY_ASSESSED, result="SUITABLE_WITH_SUPPORT")
    best = {"guardian_agrees": True, "child_view": "Fictional: wants to go", "determined_by_role": "CASE_MANAGER"}
    road.say(S, E.BEST_INTERESTS_DETERMINED, conclusion="STAY", **best)
    road.say(S, E.PLAN_AGREED, **plan(shared.clock()) | {"escort": "GUARDIAN", "agreed_by": "PERSON_AND_GUARDIAN"})
    assert road.gaps() == (Code.GUARD_AGAINST_BEST_INTERESTS,)
    road.say(S, E.BEST_INTERESTS_DETERMINED, conclusion="RETURN_TO_FAMILY", **best)
    assert road.gaps() == ()
    assert states(road.leave()) == ("IN_TRANSIT",) * 2


def test_a_withdrawal_in_mid_course_stops_the_return_at_both_offices(shared: Road) -> None:
    """Before the journey it is suspended, and nothing about the person can be sent; a new consent lets it go on."""
    road = Homecoming(shared, "withdrawn").prepare()
    withdraw_all(shared.kz, road.case)
    shared.settle()
    assert states(road) == ("SUSPENDED",) * 2
    with pytest.raises(ConsentError) as caught:
        road.say(S, E.PLAN_AGREED, **plan(shared.clock()))
    assert Code.WITHDRAWN in caught.value.reasons
    assert Code.GUARD_CONSENT in road.gaps()


def test_the_embassy_never_hears_of_a_person_who_seeks_protection(shared: Road) -> None:
    """Neither by a question that lets it be asked, nor after the risk assessment said so."""
    road = Homecoming(shared, "asylum", seeks_protection=True)
    for kind, fields in (
        (E.NATIONALITY_REQUESTED, {"citizenship": "UZ", "embassy_may_be_asked": True}),
        (E.DOCUMENT_REQUESTED, {"kind": "PASSPORT", "embassy_may_be_asked": True}),
    ):
        with pytest.raises(RuleError) as caught:
            road.say(S, kind, **fields)
        assert caught.value.code is Code.PROTECTED_FROM_EMBASSY
    road.say(S, E.NATIONALITY_REQUESTED, citizenship="UZ", embassy_may_be_asked=False)
    assert Code.GUARD_PROTECTED in road.gaps()


def test_each_step_needs_the_consent_to_its_own_purpose(shared: Road) -> None:
    """A person who agreed to the return did not thereby agree that the family is traced."""
    categories = ["FAMILY", "HEALTH", "IDENTITY", "IMMIGRATION", "SERVICE_NEEDS"]
    only = {"purposes": [Purpose.REPATRIATION], "actions": ["DISCLOSE"], "data_categories": categories}
    road = Homecoming(shared, "one purpose", consent={"permit": [only]})
    with pytest.raises(ConsentError) as caught:
        road.say(S, E.FAMILY_TRACING_REQUESTED, relatives=[{"name": "Fictional"}])
    assert Code.PURPOSE_NOT_COVERED in caught.value.reasons


def test_a_departure_with_open_guards_is_kept_and_alarms(shared: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """An office with an altered program sent it: the home country keeps it, for the person may travel, and looks."""
    road = Homecoming(shared, "open guards").prepare(plan={"fit_to_travel": False})
    monkeypatch.setattr(returns, "require_safe", lambda *_args: None)
    assert states(road.leave()) == ("IN_TRANSIT",) * 2
    assert Code.GUARD_NOT_FIT in alarm_codes(shared.uz)


def test_the_same_wish_twice_is_one_return(shared: Road) -> None:
    """A second press of the button begins nothing."""
    road = Homecoming(shared, "twice")
    with shared.kz.store.write() as tx:
        again = returns.begin(shared.kz, tx, cases.get(tx, road.case), shared.shelter, WISH)
    assert (again.referral.id, again.again) == (road.here, True)


def test_a_wish_without_its_checklist_is_refused(shared: Road) -> None:
    """Every question has to be answered."""
    road = Homecoming(shared, "checklist")
    with shared.kz.store.write() as tx, pytest.raises(CaseInvalidError) as caught:
        returns.begin(shared.kz, tx, cases.get(tx, road.case), shared.shelter, {"is_minor": False})
    assert {problem.path for problem in caught.value.problems} >= {"decided_freely", "seeks_protection"}


def test_a_step_of_a_return_is_none_of_a_referral(shared: Road) -> None:
    """The kinds of course do not mix."""
    case, number = sent(shared.kz)
    shared.settle()
    permit = {"purposes": [*RETURN_PURPOSES, "REFERRAL_SERVICES"], "actions": ["DISCLOSE"]}
    take_consent(shared.kz, case, consent_file(permit=[{**permit, "data_categories": ["SERVICE_NEEDS"]}]))
    resume = referral_steps.Answer(E.REPATRIATION_RESUMED, {"responsible_worker_role": "CASE_MANAGER"})
    with shared.kz.store.write() as tx, pytest.raises(RuleError) as caught:
        referral_steps.act(shared.kz, tx, number, resume)
    assert caught.value.code is Code.ROLE_NOT_ALLOWED
    assert view(shared.kz, number).state is not ReturnState.SUSPENDED
