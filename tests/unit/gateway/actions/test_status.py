"""What is asked about the state of things: referrals, receipts, alarms, the home and its clock."""

from __future__ import annotations

import click
import pytest

from refbus.core.vocabulary import EventType
from refbus.errors import Code, RuleError, SetupError
from refbus.said import named
from refbus_gateway.actions import status
from refbus_gateway.actions.actor import ALLOWED, Role
from refbus_gateway.actions.shape import json_of
from refbus_gateway.cli.session import UTC_OFFSET
from refbus_gateway.cli.show import time_text
from refbus_gateway.reports.overview import Hop
from refbus_gateway.rules.age_check import rules_here
from refbus_gateway.store import alarms
from refbus_gateway.words.hops import NEXT, SAID_BY_THEM, next_step
from support.ceremonies import SHELTER
from support.desks import desk_of
from support.gateways import Pair, case_file, sent


def test_a_referral_that_waits_is_shown_with_its_hop(pair: Pair) -> None:
    """The overview and the referral alone give the same: whose it is, and at which hop its request is."""
    desk, actor = desk_of(pair.world, pair.kz)
    case, number = sent(pair.kz, case_file(about="Fictional: waits", file_number="F-9"))
    found = next(each for each in status.overview_of_all(desk, actor).referrals if each.referral == number)
    assert (found.case, found.file_number, found.organisation, found.own) == (case, "F-9", SHELTER, True)
    (event,) = found.events
    assert (event.type, event.hop, event.envelopes) == (EventType.REFERRAL_REQUESTED, Hop.MY_OUTBOX, 1)
    assert status.of_referral(desk, actor, number).referrals == (found,)
    assert status.receipts(desk, actor, number) == ()
    with pytest.raises(RuleError):
        status.of_referral(desk, actor, 999)


def test_the_home_is_shown_as_a_whole(pair: Pair) -> None:
    """Counts of what waits and times of what was heard; in JSON nothing has another name than in the value."""
    desk, actor = desk_of(pair.world, pair.kz)
    sent(pair.kz, case_file(about="Fictional: counted"))
    home = status.overview_of_all(desk, actor).home
    assert home.waiting > 0
    assert home.synchronised_ms is not None
    assert json_of(home)["clock"] == {"codes": list(home.clock.codes), "detail": home.clock.detail}


def test_an_alarm_is_cleared_once(pair: Pair) -> None:
    """What is left is returned; a number that does not stand is refused."""
    desk, actor = desk_of(pair.world, pair.kz)
    with desk.write() as tx:
        alarms.raise_alarm(tx, Code.INBOX_GAP, named("fictional"), desk.gateway.now_ms())
    number = next(each.alarm for each in status.alarms(desk, actor) if each.code == Code.INBOX_GAP)
    assert number not in {each.alarm for each in status.clear_alarm(desk, actor, number)}
    with pytest.raises(SetupError):
        status.clear_alarm(desk, actor, number)


def test_the_clock_that_counts_is_shown(pair: Pair) -> None:
    """The time that counts, this computer's, and the directory's; a person's word leaves no doubt."""
    desk, actor = desk_of(pair.world, pair.kz)
    found = status.clock(desk, actor)
    assert found.now_ms == found.machine_ms == pair.world.clock()
    assert found.directory_published_ms is not None
    assert status.accept_clock(desk, actor).codes == ()


def test_without_the_permission_nothing_is_shown(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role that may not read the state is refused with NOT_PERMITTED, and so is one that may not clear an alarm."""
    desk, actor = desk_of(pair.world, pair.kz)
    monkeypatch.setattr("refbus_gateway.actions.actor.ALLOWED", {**ALLOWED, Role.ORGANISATION: frozenset()})
    for ask in (status.overview_of_all, status.alarms, status.clock, status.accept_clock):
        with pytest.raises(RuleError) as refused:
            ask(desk, actor)
        assert refused.value.code is Code.NOT_PERMITTED


def test_every_hop_has_words() -> None:
    """What to do is said for every hop and for no other; a clock that is wrong goes first."""
    assert NEXT.keys() == {hop.value for hop in Hop}
    assert {Hop.WAITS_THERE, Hop.NOT_TAKEN_IN} == SAID_BY_THEM
    assert next_step(Hop.HELD, ()) == NEXT["HELD"]
    assert next_step(Hop.HELD, (Code.CLOCK_SKEW,)) != NEXT["HELD"]


def test_times_are_those_of_the_country(pair: Pair) -> None:
    """People read the clock of their country once the gateway is open, and scripts UTC."""
    desk, _ = desk_of(pair.world, pair.kz)
    with click.Context(click.Command("test")) as ctx:
        ctx.meta[UTC_OFFSET] = lambda: desk.utc_offset_min
        assert desk.utc_offset_min == 0
        before = time_text(pair.world.clock())
        desk.open()
        assert desk.utc_offset_min == rules_here(pair.kz).utc_offset_min != 0
        assert time_text(pair.world.clock()) != before
