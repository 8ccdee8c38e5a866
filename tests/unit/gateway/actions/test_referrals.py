"""What is asked about referrals: lists, opening, answers, stops, and what was done after a withdrawal."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from refbus.core.times import show_time
from refbus.core.vocabulary import EventType
from refbus.errors import Code, RuleError
from refbus_gateway.actions import referrals, withdrawals
from refbus_gateway.actions.actor import ALLOWED, Permission, Role
from refbus_gateway.actions.desk import Delivery
from refbus_gateway.actions.referrals import Answer, ReferralQueued, ReferralSent
from refbus_gateway.actions.shape import json_of
from refbus_gateway.actions.status import UnreadCase, UnreadReferral
from refbus_gateway.forms.problems import Problem
from support.ceremonies import AGENCY, SHELTER
from support.desks import desk_of
from support.gateways import Pair, case_file, consent_file, id_of, incoming, new_case, sent, take_consent, view
from support.gateways import withdraw_all as withdraw

E = EventType
WORKER = {"responsible_worker_role": "CASE_MANAGER"}


def referred(pair: Pair, name: str) -> tuple[int, int, int]:
    """Refer a case of its own; return the case, and the number of the referral here and there."""
    case, here = sent(pair.kz, case_file(about=f"Fictional: {name}", file_number="F-7"))
    pair.exchange()
    return case, here, incoming(pair.uz, id_of(pair.kz, here))


def test_a_case_is_sent_once(pair: Pair) -> None:
    """The value says what was queued; the same again is left alone, and has no delivery."""
    desk, actor = desk_of(pair.world, pair.kz)
    case = new_case(pair.kz, case_file(about="Fictional: sent once"))
    take_consent(pair.kz, case, consent_file())
    first = referrals.send(desk, actor, case)
    assert first == ReferralQueued(case, first.referral, SHELTER, sent_before=False, delivery=Delivery.SENT)
    again = referrals.send(desk, actor, case)
    assert again == ReferralSent(case, first.referral, SHELTER, sent_before=True)
    assert "delivery" not in json_of(again)


def test_a_list_reads_what_waits_first(pair: Pair) -> None:
    """What the road has brought is in the list, although nobody synchronised; offline it is what is here."""
    pair.exchange()
    _, here = sent(pair.kz, case_file(about="Fictional: waits in the inbox"))
    desk, actor = desk_of(pair.world, pair.uz)
    before = referrals.listed(desk, actor, offline=True)
    pair.world.sync(pair.kz)
    pair.world.carry()
    assert referrals.listed(desk, actor, offline=True) == before
    page = referrals.listed(desk, actor)
    assert (page.synchronised, before.synchronised, page.total) == (True, False, before.total + 1)
    new = page.referrals[-1]
    assert (new.referral, new.organisation, new.own) == (incoming(pair.uz, id_of(pair.kz, here)), AGENCY, False)
    assert (new.unseen, new.file_number, new.withdrawal_to_answer) == (1, None, False)
    with pytest.raises(FrozenInstanceError):
        new.unseen = 0  # type: ignore[misc]


def test_own_referrals_are_listed_when_asked_for(pair: Pair) -> None:
    """Received ones alone, own ones alone with the worker's file number, or both."""
    _, here, _ = referred(pair, "an own one")
    desk, actor = desk_of(pair.world, pair.kz)
    assert referrals.listed(desk, actor, offline=True).referrals == ()
    own = referrals.listed(desk, actor, own=True, offline=True)
    assert own == referrals.listed(desk, actor, own=None, offline=True)
    assert {each.referral: each.file_number for each in own.referrals}[here] == "F-7"
    assert [each.referral for each in referrals.listed(desk, actor, 1, own=True, offline=True).referrals] == [here]


def test_a_withdrawal_is_named_on_every_page(pair: Pair) -> None:
    """The part that does not show the referral still has its number."""
    case, _, there = referred(pair, "withdrawn, on another page")
    withdraw(pair.kz, case)
    referred(pair, "newer")
    page = referrals.listed(*desk_of(pair.world, pair.uz), 1)
    assert there not in {each.referral for each in page.referrals}
    assert there in page.withdrawals_to_answer


def test_what_cannot_be_read_is_named_by_what_it_is() -> None:
    """A script sees whether a number is that of a case or of a referral."""
    unread = (UnreadCase(3, Code.HOME_DAMAGED), UnreadReferral(4, Code.HOME_DAMAGED))
    assert json_of(unread) == [{"case": 3, "code": "HOME_DAMAGED"}, {"referral": 4, "code": "HOME_DAMAGED"}]


def test_a_course_is_opened_and_the_sender_learns_of_it(pair: Pair) -> None:
    """Every event with its two sides and its content; the JSON has the names that scripts know."""
    _, here, there = referred(pair, "opened")
    opened = referrals.open_course(*desk_of(pair.world, pair.uz), there, "en")
    assert (opened.referral, opened.organisation, opened.withdrawal_to_answer) == (there, AGENCY, False)
    request = opened.events[0]
    assert (request.type, request.from_, request.to, request.outgoing) == (E.REFERRAL_REQUESTED, AGENCY, SHELTER, False)
    assert request.content["Person"]["First name"] == "Тўқима шахс"
    shown = json_of(opened)["events"][0]
    assert (shown["from"], shown["content"]) == (AGENCY, request.content)
    pair.exchange()
    assert view(pair.kz, here).status == "UNDER_REVIEW"


def test_an_unknown_referral_is_told_before_anybody_writes(pair: Pair) -> None:
    """REFERRAL_UNKNOWN: for the question, and for every action."""
    desk, actor = desk_of(pair.world, pair.uz)
    for ask in (
        lambda: referrals.require_known(desk, actor, 999),
        lambda: referrals.open_course(desk, actor, 999, "en"),
        lambda: referrals.answer(desk, actor, 999, Answer(E.REFERRAL_ACCEPTED, WORKER)),
        lambda: withdrawals.acknowledge(desk, actor, 999, "STOPPED"),
    ):
        with pytest.raises(RuleError) as refused:
            ask()
        assert refused.value.code is Code.REFERRAL_UNKNOWN


def test_the_time_of_an_appointment_is_a_number(pair: Pair) -> None:
    """Texts of the content are UTC, as they were; the same times stand beside them in ms UTC, at the same places."""
    _, _, there = referred(pair, "an appointment")
    desk, actor = desk_of(pair.world, pair.uz)
    referrals.answer(desk, actor, there, Answer(E.REFERRAL_ACCEPTED, WORKER), later=True)
    at_ms = pair.world.clock() + 86_400_000
    booked = referrals.answer(desk, actor, there, Answer(E.APPOINTMENT_BOOKED, {"service": "Legal", "at_ms": at_ms}))
    assert (booked.referral, booked.type, booked.delivery) == (there, E.APPOINTMENT_BOOKED, Delivery.SENT)
    shown = {each.event: each for each in referrals.open_course(desk, actor, there, "en").events}[booked.event]
    assert shown.times == {"Service appointment booked": {"At": at_ms}}
    assert shown.content["Service appointment booked"]["At"] == show_time(at_ms)


def test_a_stop_is_taken_whatever_its_form_says(pair: Pair) -> None:
    """What was wrong is told with it: what could not be read before, and what is not in the list."""
    _, here, there = referred(pair, "cancelled")
    desk, actor = desk_of(pair.world, pair.kz)
    before = Problem("file", Code.FILE_UNREADABLE, "fictional")
    done = referrals.stop(desk, actor, here, Answer(E.REFERRAL_CANCELLED, {"reason": "NO_SUCH"}), unread=[before])
    assert (done.referral, done.type, done.delivery) == (here, E.REFERRAL_CANCELLED, Delivery.SENT)
    assert done.left_out[0] == before
    assert [each.path for each in done.left_out[1:]] == ["reason"]
    pair.exchange()
    assert view(pair.uz, there).status == "CANCELLED"


def test_who_may_only_stop_stops(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """To cancel and to say that the use was stopped needs no more; to answer, to read and to keep content does."""
    case, here, there = referred(pair, "who may only stop")
    withdraw(pair.kz, case)
    pair.exchange()
    desk, actor = desk_of(pair.world, pair.uz)
    monkeypatch.setitem(ALLOWED, Role.ORGANISATION, frozenset({Permission.STOP}))
    for ask in (
        lambda: referrals.listed(desk, actor, offline=True),
        lambda: referrals.open_course(desk, actor, there, "en"),
        lambda: referrals.answer(desk, actor, there, Answer(E.REFERRAL_ACCEPTED, WORKER)),
        lambda: withdrawals.acknowledge(desk, actor, there, "RETAINED_LEGAL", "COURT_ORDER"),
    ):
        with pytest.raises(RuleError) as refused:
            ask()
        assert refused.value.code is Code.NOT_PERMITTED
    done = withdrawals.acknowledge(desk, actor, there, "STOPPED", later=True)
    assert (done.referral, done.result, done.delivery) == (there, "STOPPED", Delivery.LATER)
    cancelled = referrals.stop(*desk_of(pair.world, pair.kz), here, Answer(E.REFERRAL_CANCELLED, {"reason": "OTHER"}))
    assert cancelled.type is E.REFERRAL_CANCELLED


def test_an_erased_case_is_gone_when_the_answer_is_told(pair: Pair) -> None:
    """ERASED destroys it here in the same step."""
    case, _, there = referred(pair, "erased on a withdrawal")
    withdraw(pair.kz, case)
    pair.exchange()
    desk, actor = desk_of(pair.world, pair.uz)
    assert referrals.open_course(desk, actor, there, "en").withdrawal_to_answer
    withdrawals.acknowledge(desk, actor, there, "ERASED")
    with pytest.raises(RuleError) as refused:
        referrals.open_course(desk, actor, there, "en")
    assert refused.value.code is Code.KEY_DESTROYED
