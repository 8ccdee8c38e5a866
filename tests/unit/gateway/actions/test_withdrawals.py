"""Asking about a no: whom it reaches, what waits for an answer of ours; and what is possible in a course."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refbus.core.consent.record import ConsentState
from refbus.core.vocabulary import CONTROL_EVENTS, DataCategory, EventType
from refbus.errors import Code, ConsentError, RuleError
from refbus_gateway.actions import consent, referrals, withdrawals, worklist
from refbus_gateway.actions.actor import Permission, Role
from refbus_gateway.actions.worklist import Turn
from support.ceremonies import SHELTER
from support.desks import desk_of
from support.gateways import Pair, case_file, id_of, incoming, new_case, say, sent

HELPER = {"responsible_worker_role": "SOCIAL_WORKER"}


def referred(pair: Pair, name: str) -> tuple[int, int, int]:
    """Refer a case of its own; return the case, and the number of the referral here and there."""
    case, here = sent(pair.kz, case_file(about=f"Fictional: {name}", file_number=name))
    pair.exchange()
    return case, here, incoming(pair.uz, id_of(pair.kz, here))


def test_whom_a_no_reaches_is_known_before_it_is_said(pair: Pair) -> None:
    """Who received something, what stands there, which copies it does not reach; a role that may only stop sees it."""
    desk, actor = desk_of(pair.world, pair.kz)
    case, _, _ = referred(pair, "Reach")
    focal = replace(actor, role=Role.FOCAL_POINT)
    found = withdrawals.reach(desk, focal, case)
    (shelter,) = found.organisations
    assert (shelter.organisation, shelter.received, shelter.state) == (SHELTER, True, ConsentState.GIVEN)
    assert DataCategory.HEALTH in shelter.categories
    assert (found.file_number, found.own) == ("Reach", True)
    assert withdrawals.reach(desk, actor, new_case(pair.kz, case_file(about="Fictional: alone"))).organisations == ()
    with pytest.raises(RuleError, match=Code.CASE_UNKNOWN):
        withdrawals.reach(desk, actor, 99999)


def test_an_organisation_that_is_refused_gets_nothing_more(pair: Pair) -> None:
    """What it has it must stop using; nothing can be sent to it from this case any more."""
    desk, actor = desk_of(pair.world, pair.kz)
    case, here, _ = referred(pair, "Refused")
    done = withdrawals.refuse(desk, actor, case, SHELTER, later=True)
    assert done.withdrawn.notified
    answers = [{"data_category": "HEALTH", "text": "Fictional"}]
    with pytest.raises(ConsentError, match=Code.EXPLICIT_DENY):
        say(pair.kz, here, EventType.INFORMATION_PROVIDED, answers=answers)
    unknown = new_case(pair.kz, case_file(about="Fictional: never sent"))
    assert not withdrawals.refuse(desk, actor, unknown, SHELTER, later=True).withdrawn.notified


def test_what_waits_for_an_answer_is_told_without_opening_anything(pair: Pair) -> None:
    """Who, since when, what was said already; nothing waits before and after."""
    desk, actor = desk_of(pair.world, pair.uz)
    case, here, there = referred(pair, "Waits")
    assert withdrawals.waiting(desk, actor, there) is None
    consent.withdraw(*desk_of(pair.world, pair.kz), case, later=True)
    pair.exchange()
    found = withdrawals.waiting(desk, actor, there)
    assert found is not None
    assert (found.answer, found.own, found.file_number, found.may_keep) == (None, False, None, True)
    assert worklist.outside(desk, actor, there).unopened
    assert worklist.outside(desk, actor, there).turn is Turn.OURS
    assert worklist.outside(*desk_of(pair.world, pair.kz), here).turn is Turn.THEIRS
    focal = replace(actor, role=Role.FOCAL_POINT)
    told = withdrawals.waiting(desk, focal, there)
    assert told is not None
    assert not told.may_keep
    withdrawals.acknowledge(desk, focal, there, "RESTRICTED", later=True)
    pair.exchange()
    assert withdrawals.waiting(desk, actor, there) is None
    assert worklist.outside(*desk_of(pair.world, pair.kz), here).turn is Turn.NOBODY


def test_only_what_is_possible_is_said_to_be(pair: Pair) -> None:
    """What is not offered is refused by the course; each side and each role is offered its own."""
    _, here, there = referred(pair, "Possible")
    kz, uz = desk_of(pair.world, pair.kz), desk_of(pair.world, pair.uz)
    assert set(referrals.open_course(*kz, here, "en").possible) == {
        EventType.INFORMATION_PROVIDED,
        EventType.REFERRAL_CANCELLED,
        EventType.ENTERED_IN_ERROR,
    }
    before = set(referrals.open_course(*uz, there, "en").possible)
    assert {EventType.REFERRAL_ACCEPTED, EventType.REFERRAL_REJECTED} <= before
    assert EventType.APPOINTMENT_MISSED not in before
    refused = {EventType.REFERRAL_COMPLETED: {"outcome": "PARTIAL"}, EventType.REFERRAL_RESUMED: {}}
    for kind, document in refused.items():
        assert kind not in before
        with pytest.raises(RuleError, match=Code.STATE_NOT_ALLOWED):
            say(pair.uz, there, kind, **document)
    say(pair.uz, there, EventType.REFERRAL_ACCEPTED, **HELPER)
    say(pair.uz, there, EventType.APPOINTMENT_BOOKED, service="Health", at_ms="2027-01-05T10:00+05:00")
    assert EventType.APPOINTMENT_MISSED in referrals.open_course(*uz, there, "en").possible
    focal = replace(uz[1], role=Role.FOCAL_POINT)
    assert not focal.may(Permission.ANSWER)
    assert set(referrals.own_words(uz[0], focal, there, "en").possible) == {EventType.REFERRAL_CANCELLED}


def test_after_a_withdrawal_only_what_discloses_nothing_is_possible(pair: Pair) -> None:
    """Both sides may still stop, and nothing else."""
    case, here, there = referred(pair, "Suspended")
    kz, uz = desk_of(pair.world, pair.kz), desk_of(pair.world, pair.uz)
    referrals.open_course(*uz, there, "en")
    consent.withdraw(*kz, case, later=True)
    pair.exchange()
    for desk, number in ((kz, here), (uz, there)):
        found = referrals.own_words(*desk, number, "en")
        assert set(found.possible) <= CONTROL_EVENTS
        assert EventType.REFERRAL_CANCELLED in found.possible
        assert found.quiet
        assert not found.may_pass_on


def test_who_said_a_word_that_needs_both_is_not_offered_it_again(pair: Pair) -> None:
    """Opening again takes effect when both have said it."""
    _, here, there = referred(pair, "Both")
    kz, uz = desk_of(pair.world, pair.kz), desk_of(pair.world, pair.uz)
    referrals.open_course(*uz, there, "en")
    say(pair.uz, there, EventType.REFERRAL_ACCEPTED, **HELPER)
    say(pair.uz, there, EventType.REFERRAL_COMPLETED, outcome="PARTIAL")
    pair.exchange()
    two = {"first_officer_role": "CASE_MANAGER", "second_officer_role": "CASE_MANAGER"}
    assert EventType.REFERRAL_REOPENED in referrals.own_words(*uz, there, "en").possible
    say(pair.uz, there, EventType.REFERRAL_REOPENED, reason="NEW_NEEDS", **two)
    assert EventType.REFERRAL_REOPENED not in referrals.own_words(*uz, there, "en").possible
    pair.exchange()
    assert EventType.REFERRAL_REOPENED in referrals.own_words(*kz, here, "en").possible


def test_looking_again_shows_what_was_seen_and_opens_nothing(pair: Pair) -> None:
    """An event that came in since then stays unseen, and an unopened referral stays unopened."""
    _, here, there = referred(pair, "Again")
    kz, uz = desk_of(pair.world, pair.kz), desk_of(pair.world, pair.uz)
    assert all(each.outgoing for each in referrals.look_again(*uz, there, "en").events)
    assert worklist.outside(*uz, there).unopened
    referrals.open_course(*uz, there, "en")
    assert any(each.content for each in referrals.look_again(*uz, there, "en").events if not each.outgoing)
    say(pair.uz, there, EventType.INFORMATION_REQUESTED, asked_categories=["HEALTH"], question="Fictional?")
    pair.exchange()
    assert EventType.INFORMATION_REQUESTED not in {each.type for each in referrals.look_again(*kz, here, "en").events}
    assert worklist.outside(*kz, here).unseen == 1
    asked = [each.asked for each in referrals.open_course(*kz, here, "en").events if each.asked]
    assert asked == [(DataCategory.HEALTH,)]


def test_pages_show_words_without_the_codes_behind_them(pair: Pair) -> None:
    """A code that is for programs does not stand behind its words; a sender's own brackets stay."""
    case, _ = sent(pair.kz, case_file(about="Fictional: codes", health={"summary": "Fictional: call (Mother)"}))
    assert case
    pair.exchange()
    desk, actor = desk_of(pair.world, pair.uz)
    number = max(each.referral for each in referrals.listed(desk, actor).referrals)
    with_codes = str(referrals.open_course(desk, actor, number, "en").events[0].content)
    without = str(referrals.open_course(desk, actor, number, "en", codes=False).events[0].content)
    assert "Case manager (CASE_MANAGER)" in with_codes
    assert "CASE_MANAGER" not in without
    assert "Case manager" in without
    assert "call (Mother)" in without
