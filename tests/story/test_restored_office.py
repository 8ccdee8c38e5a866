"""An office comes back from an old copy, and the broker no longer has its inbox: the others tell it their nos again."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.core.vocabulary import EventType
from refbus_gateway.actions import restored
from refbus_gateway.actions import status as asking
from refbus_gateway.home import confirmation
from refbus_gateway.store import referrals
from support.comeback import Comeback, denies, events_kept, is_withdrawn, words_of
from support.desks import desk_of
from support.gateways import (
    alarm_codes,
    case_file,
    consent_file,
    id_of,
    incoming,
    say,
    sent,
    take_consent,
    view,
    withdraw_all,
)
from support.nodes import Road

DENIED = {"purposes": ["REFERRAL_SERVICES"], "actions": ["REPORT_BACK"], "data_categories": ["HEALTH"]}


@pytest.fixture
def comeback(own: Road, tmp_path: Path) -> Comeback:
    """Give the backups of an office."""
    return Comeback(own, tmp_path)


def case_of(gateway_road: Road, number: int) -> int:
    """Return the case at the shelter of a referral of the agency."""
    there = incoming(gateway_road.uz, id_of(gateway_road.kz, number))
    with gateway_road.uz.store.read() as tx:
        return referrals.get(tx, there).case_id


def test_a_restored_office_learns_the_withdrawal_and_the_denial_again(own: Road, comeback: Comeback) -> None:
    """Both came after the backup and are gone from the broker; both are here again after the first exchange."""
    first, one = sent(own.kz)
    second, two = sent(own.kz, case_file(about="Fictional: denied later"))
    own.settle()
    comeback.back_up(own.uz)
    own.clock.move(hours=1)
    withdraw_all(own.kz, first)
    take_consent(own.kz, second, consent_file(deny=[DENIED]))
    own.settle()
    withdrawn_case, denied_case = case_of(own, one), case_of(own, two)
    assert is_withdrawn(own.uz, withdrawn_case)
    assert denies(own.uz, denied_case)
    comeback.lose_inbox(own.uz.me)
    comeback.come_back(own.uz)
    assert not is_withdrawn(own.uz, withdrawn_case)
    assert not denies(own.uz, denied_case)
    own.settle()
    assert is_withdrawn(own.uz, withdrawn_case)
    assert denies(own.uz, denied_case)
    assert view(own.uz, incoming(own.uz, id_of(own.kz, one))).suspended
    assert words_of(own.uz, outgoing=True) == ["RESTORED"]
    assert words_of(own.uz, outgoing=False) == ["REPEATED"]
    assert alarm_codes(own.kz).count("PEER_RESTORED") == 1


def test_it_learns_the_answer_to_what_it_sent_after_its_backup(own: Road, comeback: Comeback) -> None:
    """The agency is restored: what the shelter answered comes again, and the course stands as before."""
    _, number = sent(own.kz)
    own.settle()
    comeback.back_up(own.kz)
    own.clock.move(hours=1)
    there = incoming(own.uz, id_of(own.kz, number))
    say(own.uz, there, EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    own.settle()
    before = view(own.kz, number).state
    comeback.lose_inbox(own.kz.me)
    comeback.come_back(own.kz)
    assert view(own.kz, number).state != before
    own.settle()
    assert view(own.kz, number).state == before == "ACCEPTED"


def test_people_see_who_was_told_and_who_has_answered(own: Road, comeback: Comeback) -> None:
    """`home confirm-restored` names both; `status` counts who has not answered, until they have."""
    sent(own.kz)
    own.settle()
    comeback.back_up(own.uz)
    comeback.come_back(own.uz)
    own.settle(own.uz)
    desk, actor = desk_of(own, own.uz)
    found = restored.not_known(desk, actor)
    assert isinstance(found, restored.NotKnown)
    assert [(each.organisation, each.answered_ms) for each in found.told] == [(own.kz.me, None)]
    assert asking.overview_of_all(desk, actor).home.restore_unanswered == 1
    own.clock.move(hours=1)
    own.settle()
    found = restored.not_known(desk, actor)
    assert isinstance(found, restored.NotKnown)
    assert [(each.organisation, each.answered_ms is None) for each in found.told] == [(own.kz.me, False)]
    assert asking.overview_of_all(desk, actor).home.restore_unanswered == 0


def test_what_is_known_comes_once_more_and_changes_nothing(own: Road, comeback: Comeback) -> None:
    """With its inbox still at the broker the office has everything already: no event is kept twice, no alarm."""
    case, _ = sent(own.kz)
    own.settle()
    comeback.back_up(own.uz)
    withdraw_all(own.kz, case)
    own.settle()
    comeback.come_back(own.uz)
    own.settle()
    kept, told = events_kept(own.uz), alarm_codes(own.uz)
    own.pass_time(hours=2)
    own.settle()
    assert events_kept(own.uz) == kept
    assert alarm_codes(own.uz) == told
    assert {"RESTORE_UNCONFIRMED"} >= set(told)
    assert words_of(own.kz, outgoing=True) == ["REPEATED"]


def test_a_second_restore_is_said_and_answered_anew(own: Road, comeback: Comeback) -> None:
    """Each restore has an id of its own; the answer to the first one confirms nothing of the second."""
    case, number = sent(own.kz)
    own.settle()
    comeback.back_up(own.uz)
    own.clock.move(hours=1)
    withdraw_all(own.kz, case)
    own.settle()
    here = case_of(own, number)
    for _ in range(2):
        comeback.lose_inbox(own.uz.me)
        comeback.come_back(own.uz)
        own.settle()
        assert is_withdrawn(own.uz, here)
    assert words_of(own.kz, outgoing=False) == ["RESTORED", "RESTORED"]
    assert words_of(own.kz, outgoing=True) == ["REPEATED", "REPEATED"]
    with own.uz.store.write() as tx:
        assert confirmation.confirm(tx, own.clock()) == []
