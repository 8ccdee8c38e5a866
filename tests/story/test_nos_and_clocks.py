"""Every no of an office whose clock is wrong by hours, a day, more than a year: it reaches and stops the recipient."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from refbus.clock import Clock
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import EventType
from refbus.errors import Code, ConsentError, RefbusError
from refbus_gateway.cases import casework
from refbus_gateway.consent import withdrawals
from refbus_gateway.courses import referral_steps
from refbus_gateway.erasure import demand
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.rules import permission
from refbus_gateway.store import cases
from support.ceremonies import AGENCY, PASSPHRASE
from support.gateways import (
    alarm_codes,
    case_file,
    consent_file,
    home_health,
    id_of,
    incoming,
    line,
    new_case,
    open_at,
    refer,
    sent,
    take_consent,
    view,
)
from support.nodes import Road

WRONG_HOURS = (5, 24, 24 * 400, -5, -24, -24 * 400)


def wrong_by(road: Road, hours: float) -> Gateway:
    """Return the agency's gateway, opened on a computer whose clock is off and that knows no other time."""
    road.kz.close()
    road.opened.remove(road.kz)
    gateway = open_gateway(road.home(AGENCY), PASSPHRASE, Clock.of(lambda: road.clock() + int(hours * HOUR_MS)))
    road.opened.append(gateway)
    return gateway


def _withdraw(kz: Gateway, case: int, _: int) -> None:
    withdrawals.stop(kz, case, None)


def _refuse(kz: Gateway, case: int, _: int) -> None:
    take_consent(kz, case, consent_file(state="REFUSED", permit=[]))


def _cancel(kz: Gateway, _: int, number: int) -> None:
    answer = referral_steps.Answer(EventType.REFERRAL_CANCELLED, {"reason": "PERSON_DECLINED"})
    with kz.store.write() as tx:
        referral_steps.stop(kz, tx, number, answer)


def _erase(kz: Gateway, case: int, _: int) -> None:
    demand.erase(kz, case)


NOS: dict[str, Callable[[Gateway, int, int], None]] = {
    "withdrawal": _withdraw,
    "refusal": _refuse,
    "cancellation": _cancel,
    "erasure": _erase,
}


@pytest.mark.parametrize("hours", WRONG_HOURS)
@pytest.mark.parametrize("no", NOS)
def test_a_no_is_kept_and_acted_on_under_any_clock(own: Road, no: str, hours: float) -> None:
    """Neither gate holds it, the recipient shows nothing more, and holds nothing."""
    case, number = sent(own.kz)
    own.settle()
    there = incoming(own.uz, id_of(own.kz, number))
    assert open_at(own.uz, there).events[0].hidden == ()
    kz = wrong_by(own, hours)
    NOS[no](kz, case, number)
    own.settle()
    assert home_health(own.uz).held == 0
    shown = open_at(own.uz, there)
    assert shown.events[0].hidden != () or view(own.uz, there).status == "CANCELLED"


@pytest.mark.parametrize("hours", WRONG_HOURS)
def test_a_denial_counts_here_under_any_clock(own: Road, hours: float) -> None:
    """It never leaves the home, so no clock of anybody is asked."""
    case, _ = sent(own.kz)
    kz = wrong_by(own, hours)
    with kz.store.write() as tx:
        casework.deny(tx, cases.get(tx, case), [own.shelter])
        assert permission.denied_recipients(tx, cases.get(tx, case)) == {own.shelter}


@pytest.mark.parametrize("hours", WRONG_HOURS)
def test_an_urgent_event_under_a_wrong_clock_arrives_or_its_sender_is_told(own: Road, hours: float) -> None:
    """Nobody waits in silence: what a gate holds or refuses by a clock is named at the sender, with its code."""
    case = new_case(own.kz, case_file(priority="EMERGENCY"))
    take_consent(own.kz, case, consent_file())
    kz = wrong_by(own, hours)
    if abs(hours) > 168:  # beyond the life of a directory it is told at the desk
        with pytest.raises(RefbusError) as caught:
            refer(kz, case)
        assert caught.value.code in {Code.DIRECTORY_EXPIRED, Code.NOT_YET_VALID, Code.EXPIRED, Code.KEY_UNKNOWN}
        return
    if hours < 0:  # told at the desk: by this clock the person has not spoken yet
        with pytest.raises(ConsentError) as early:
            refer(kz, case)
        assert early.value.reasons == (Code.NOT_YET_VALID,)
        return
    number = refer(kz, case)
    own.settle()
    codes = set(line(kz, number).codes)
    assert codes <= {Code.CLOCK_SKEW, Code.MESSAGE_LIFE_TOO_LONG, Code.MESSAGE_EXPIRED}
    if codes:
        assert set(alarm_codes(kz)) & codes
    else:
        assert view(own.uz, incoming(own.uz, id_of(kz, number))).last is not None
