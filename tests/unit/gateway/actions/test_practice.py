"""Practice: a fictional case is answered by an organisation that echoes, and never mixes with a real one."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from refbus.core.directory import OrgStatus
from refbus.core.ids import OrgId, ReferralId
from refbus.core.vocabulary import EventType
from refbus.errors import Code, ConsentError, RefbusError
from refbus.trust.publisher import changes
from refbus_gateway.actions import practice, referrals, withdrawals
from refbus_gateway.actions.practice import Texts
from refbus_gateway.cases import casework
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules import practice as rules
from refbus_gateway.store import cases
from refbus_gateway.store import referrals as rows
from support.ceremonies import AGENCY
from support.desks import desk_of
from support.gateways import (
    Pair,
    alarm_codes,
    case_file,
    consent_file,
    id_of,
    incoming,
    new_case,
    refer,
    sent,
    take_consent,
)

ECHO = OrgId("kg-zech0zz1")
TEXTS = Texts("Practice", "Practice: no such person", "Practice: nobody was asked")


def code_of(call: Callable[[], Any]) -> Code:
    """Return the first reason of the refusal that a call ends with."""
    with pytest.raises(RefbusError) as raised:
        call()
    return raised.value.reasons[0] if isinstance(raised.value, ConsentError) else raised.value.code


@pytest.fixture
def echo(own: Pair) -> Any:
    """Give the office that answers by itself."""
    with closing(own.world.gateway(ECHO)) as gateway:
        yield gateway


def test_a_practice_referral_is_opened_accepted_and_comes_back(own: Pair, echo: Gateway) -> None:
    """With who, when and where; each text says that it is practice; the consent names nobody."""
    desk, actor = desk_of(own.world, own.kz)
    there, program = desk_of(own.world, echo)
    assert practice.standing(desk, actor) == practice.PracticeShown(ECHO, None, "", answered=False, echoes=False)
    done = practice.begin(desk, actor, TEXTS, later=True)
    own.world.exchange(own.kz, echo)
    assert practice.answer_all(there, program) == practice.Echoed(1, 0)
    assert practice.answer_all(there, program) == practice.Echoed(0, 0)
    own.world.exchange(own.kz, echo)
    found = practice.standing(desk, actor)
    assert (found.referral, found.state, found.answered) == (done.referral, "ACCEPTED", True)
    opened = referrals.open_course(desk, actor, done.referral, "en")
    types = [each.type for each in opened.events]
    assert types[0] is EventType.REFERRAL_REQUESTED
    assert {EventType.REFERRAL_OPENED, EventType.REFERRAL_ACCEPTED} <= set(types)
    whole = json.dumps([each.content for each in referrals.open_course(desk, actor, done.referral, "en").events])
    assert "a place that does not exist" in whole
    assert "no such person" in whole
    assert opened.consent is not None
    assert opened.consent.withdrawal_contact == TEXTS.contact


def test_a_real_case_never_goes_to_who_echoes(own: Pair, echo: Gateway) -> None:
    """Not by choosing it, not with a consent that names it; fictional or not, a case that practice did not make."""
    for fictional in (True, False):
        case = new_case(own.kz, case_file(about=f"about {fictional}", fictional=fictional))
        take_consent(own.kz, case, consent_file(ECHO))
        assert code_of(lambda: refer(own.kz, case, to=ECHO)) is Code.PRACTICE_ONLY  # noqa: B023
    own.world.exchange(own.kz, echo)
    with echo.store.read() as tx:
        assert rows.count(tx, own=None) == 0


def test_a_practice_case_never_goes_to_anybody_else(own: Pair) -> None:
    """Nor a copy of it, whatever the consent says."""
    desk, actor = desk_of(own.world, own.kz)
    done = practice.begin(desk, actor, TEXTS, later=True)
    with own.kz.store.write() as tx:
        copy = casework.copy_case(own.kz, tx, cases.get(tx, done.case)).id
    for case in (done.case, copy):
        take_consent(own.kz, case, consent_file())
        assert code_of(lambda: refer(own.kz, case, to=own.uz.me)) is Code.PRACTICE_ONLY  # noqa: B023


def test_who_echoes_refuses_what_is_not_fictional(own: Pair, echo: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from an office whose program was changed: the recipient decides for itself, and the sender is told."""
    monkeypatch.setattr(rules, "mixes", lambda *_: False)
    case = new_case(own.kz, case_file(fictional=False))
    take_consent(own.kz, case, consent_file(ECHO))
    number = refer(own.kz, case, to=ECHO)
    own.world.exchange(own.kz, echo)
    with echo.store.read() as tx:
        assert rows.find(tx, ReferralId(id_of(own.kz, number))) is None
    assert Code.PRACTICE_ONLY in alarm_codes(echo)
    own.world.exchange(own.kz, echo)
    assert Code.NOT_TAKEN_IN in alarm_codes(own.kz)


def test_nobody_else_answers_by_itself(own: Pair) -> None:
    """What came in at an office where people work waits for people."""
    _, number = sent(own.kz)
    own.world.exchange(own.kz, own.uz)
    there, program = desk_of(own.world, own.uz)
    assert code_of(lambda: practice.answer_all(there, program)) is Code.PRACTICE_ONLY
    with own.uz.store.read() as tx:
        found = rows.get(tx, incoming(own.uz, id_of(own.kz, number)))
        assert all(event.seen_ms is None for event in rows.events_of(tx, found))


def test_a_practice_case_can_be_withdrawn_and_is_erased_there(own: Pair, echo: Gateway) -> None:
    """The no goes out as any no does, and is answered by itself."""
    desk, actor = desk_of(own.world, own.kz)
    there, program = desk_of(own.world, echo)
    done = practice.begin(desk, actor, TEXTS, later=True)
    own.world.exchange(own.kz, echo)
    practice.answer_all(there, program)
    own.world.exchange(own.kz, echo)
    withdrawals.refuse(desk, actor, done.case, ECHO, later=True)
    own.world.exchange(own.kz, echo)
    assert practice.answer_all(there, program).failed == 0
    own.world.exchange(own.kz, echo)
    with own.kz.store.read() as tx:
        types = [each.block.event_type for each in rows.events_of(tx, rows.get(tx, done.referral))]
    assert EventType.WITHDRAWAL_ACKNOWLEDGED in types


def test_without_an_organisation_that_echoes_there_is_no_practice(own: Pair) -> None:
    """In a federation whose directory has none, the page says so and nothing is made."""
    world = own.world
    publication = world.lab.publication(world.clock())
    changes.set_status(publication, ECHO, OrgStatus.SUSPENDED)
    world.lab.publish(publication)
    world.publish()
    world.exchange(own.kz)
    desk, actor = desk_of(world, own.kz)
    assert practice.standing(desk, actor).organisation is None
    assert code_of(lambda: practice.begin(desk, actor, TEXTS)) is Code.USAGE
    assert own.kz.me == AGENCY


@pytest.mark.parametrize("org", ["kz-she1ter1", "kg-agency01", "tm-agency01", "uz-1ega1a1d"])
def test_every_country_may_practise(own: Pair, echo: Gateway, org: str) -> None:
    """No country's law keeps back what a practice case holds."""
    with closing(own.world.gateway(OrgId(org))) as gateway:
        desk, actor = desk_of(own.world, gateway)
        there, program = desk_of(own.world, echo)
        practice.begin(desk, actor, TEXTS, later=True)
        own.world.exchange(gateway, echo)
        assert practice.answer_all(there, program) == practice.Echoed(1, 0)
        own.world.exchange(gateway, echo)
        assert practice.standing(desk, actor).answered


def test_an_emergency_never_goes_to_who_echoes(own: Pair) -> None:
    """What needs no consent is judged too: an emergency of a real case, and one of a practice case to anybody else."""
    desk, actor = desk_of(own.world, own.kz)
    practised = practice.begin(desk, actor, TEXTS, later=True).case
    real = new_case(own.kz)
    with own.kz.store.read() as tx:
        directory = own.kz.directory()
        block = rows.events_of(tx, rows.get(tx, 1))[0].block
        emergency = replace(block, event_type=EventType.EMERGENCY_INVOKED)
        rules.require_apart(tx, cases.get(tx, practised), emergency, directory)
        rules.require_apart(tx, cases.get(tx, real), replace(emergency, recipient=own.uz.me), directory)
        wrong = [(real, emergency), (practised, replace(emergency, recipient=own.uz.me))]
        for case, said in wrong:
            assert code_of(lambda: rules.require_apart(tx, cases.get(tx, case), said, directory)) is Code.PRACTICE_ONLY  # noqa: B023
        no = replace(emergency, event_type=EventType.CONSENT_WITHDRAWN)
        rules.require_apart(tx, cases.get(tx, real), no, directory)
