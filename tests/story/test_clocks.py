"""Offices whose clocks are wrong: a stop is honoured under any clock, and nobody waits without being told."""

from __future__ import annotations

import pytest

from refbus.clock import Clock
from refbus.core.courses.referral import State
from refbus.core.units import HOUR_MS
from refbus.errors import Code
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.reports.overview import Hop
from refbus_gateway.words.hops import next_step
from support.ceremonies import AGENCY, PASSPHRASE
from support.gateways import (
    alarm_codes,
    case_file,
    home_health,
    id_of,
    incoming,
    line,
    open_at,
    sent,
    view,
    withdraw_all,
)
from support.nodes import Road


def wrong_by(road: Road, hours: float) -> Gateway:
    """Return the agency's gateway, opened on a computer whose clock is off and that knows no other time."""
    road.kz.close()
    road.opened.remove(road.kz)
    clock = Clock.of(lambda: road.clock() + int(hours * HOUR_MS))
    gateway = open_gateway(road.home(AGENCY), PASSPHRASE, clock)
    road.opened.append(gateway)
    return gateway


@pytest.mark.parametrize("hours", [5, -5, 30, -30, 24 * 6, -60 * 8766, 60 * 8766])
def test_a_withdrawal_is_honoured_whatever_the_clock_of_its_office_says(own: Road, hours: float) -> None:
    """Both gates pass it, the recipient's gateway takes it in at once, and shows nothing any more."""
    case, number = sent(own.kz)
    own.settle()
    there = incoming(own.uz, id_of(own.kz, number))
    assert open_at(own.uz, there).events[0].hidden == ()
    kz = wrong_by(own, hours)
    withdraw_all(kz, case)
    own.settle()
    assert home_health(own.uz).held == 0
    assert open_at(own.uz, there).events[0].hidden == (Code.WITHDRAWN,)


def test_an_emergency_of_an_office_that_is_ahead_is_told_at_once(own: Road) -> None:
    """Its sender is told that it waits, that it is urgent, and what to do; the status says it too."""
    kz = wrong_by(own, 5)
    _, number = sent(kz, case_file(priority="EMERGENCY"))
    own.settle()
    waiting = line(kz, number)
    assert (waiting.hop, waiting.codes) == (Hop.HELD, (Code.CLOCK_SKEW,))
    assert "Set the date and time" in next_step(waiting.hop, waiting.codes)
    (told,) = [each for each in home_health(kz).alarms if each.code == Code.CLOCK_SKEW]
    assert "URGENT" in told.detail
    assert view(own.kz, number).state is not State.DELIVERED
    own.clock.move(hours=5)
    own.settle()
    assert open_at(own.uz, incoming(own.uz, id_of(kz, number))).events[0].hidden == ()


def test_what_a_recipient_that_is_behind_holds_is_told_there(own: Road) -> None:
    """An event that is ahead of the recipient's clock waits there with an alarm that names its sender and urgency."""
    own.clock.move(hours=3)
    sent(own.kz, case_file(priority="EMERGENCY"))
    own.settle(own.kz)
    own.clock.move(hours=-2)
    own.sync(own.uz)
    told = [each.detail for each in home_health(own.uz).alarms if each.code == Code.CLOCK_SKEW]
    assert any("URGENT" in detail and AGENCY in detail for detail in told)
    assert home_health(own.uz).held == 1
    own.clock.move(hours=2)
    own.sync(own.uz)
    assert home_health(own.uz).held == 0
    assert alarm_codes(own.uz) != []
