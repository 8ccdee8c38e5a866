"""A request that a gate refused for good is let through by order: the office learns it, and a no meanwhile follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refbus.core.directory import OrgStatus
from refbus.core.gate.verdicts import Forward, Hold, Missing, Verdict
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from refbus.wire.transport import StoppedRecord
from refbus_gate.clock import holds
from refbus_gate.decide.batch import verdict_of
from refbus_gateway.erasure import demand
from refbus_gateway.reports.overview import Hop
from refbus_gateway.store import cases, outbox, referrals
from refbus_gateway.store.outbox import RowState
from refbus_gateway.store.referrals import EventStatus
from support.gateways import consent_file, home_health, line, sent, take_consent, withdraw_all
from support.nodes import Road
from support.replays import newest_refused, refused_by, replay, set_status

GATES = ["kz", "uz"]


def refuse(own: Road, gate: str) -> tuple[int, int, StoppedRecord]:
    """Let a gate refuse a request to a suspended member; return case, referral and what the gate kept of it."""
    case, number = sent(own.kz)
    own.sync(own.kz)
    kept = refused_by(own, gate)
    assert line(own.kz, number).hop is Hop.REFUSED
    return case, number, kept


def arrived(own: Road) -> list[EventType]:
    """Return what the shelter took in."""
    with own.uz.store.read() as tx:
        events = [one for found in referrals.every(tx) for one in referrals.events_of(tx, found)]
        return [one.block.event_type for one in events if not one.outgoing]


@pytest.mark.parametrize("gate", GATES)
def test_the_office_knows_of_what_came_through_after_all(own: Road, gate: str) -> None:
    """It is sent and on its way like any other, and a person hears which one."""
    _, number, kept = refuse(own, gate)
    replay(own, gate, kept)
    own.settle()
    assert arrived(own) == [EventType.REFERRAL_REQUESTED]
    assert line(own.kz, number).hop is not Hop.REFUSED
    with own.kz.store.read() as tx:
        (event, *_) = referrals.events_of(tx, referrals.get(tx, number))
        assert event.status is EventStatus.SENT
        assert outbox.of_event(tx, event.id)[-1].state is RowState.TAKEN
    assert any("after all" in each.detail for each in home_health(own.kz).alarms)


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("before", [True, False])
def test_a_no_is_told_behind_what_came_through_after_all(own: Road, gate: str, before: bool) -> None:
    """Whether the person said it while the request was refused, or after it arrived."""
    case, _, kept = refuse(own, gate)
    if before:
        withdraw_all(own.kz, case)
        own.settle()
    replay(own, gate, kept)
    own.settle()
    if not before:
        withdraw_all(own.kz, case)
        own.settle()
    assert arrived(own) == [EventType.REFERRAL_REQUESTED, EventType.CONSENT_WITHDRAWN]


def test_a_narrower_yes_is_told_behind_what_came_through_after_all(own: Road) -> None:
    """The request went under a yes that the person has changed since."""
    case, _, kept = refuse(own, "kz")
    take_consent(own.kz, case, consent_file(valid_until="2026-12-01"))
    own.settle()
    replay(own, "kz", kept)
    own.settle()
    assert arrived(own) == [EventType.REFERRAL_REQUESTED, EventType.CONSENT_AMENDED]


@pytest.mark.parametrize("gate", GATES)
def test_a_narrower_yes_that_was_refused_with_the_request_is_told_again(own: Road, gate: str) -> None:
    """The office said it before it heard that the request is refused, so it was refused as well."""
    case, number = sent(own.kz)
    own.sync(own.kz)
    if gate == "uz":
        own.nodes["kz"].work()
    set_status(own, OrgStatus.SUSPENDED)
    take_consent(own.kz, case, consent_file(valid_until="2026-12-01"))
    own.settle()
    set_status(own, OrgStatus.ACTIVE)
    own.settle()
    own.clock.move(hours=1)
    with own.kz.store.read() as tx:
        said = [one for one in referrals.events_of(tx, referrals.get(tx, number)) if one.outgoing]
    assert [one.status for one in said] == [EventStatus.REFUSED, EventStatus.REFUSED]
    own.settle()
    replay(own, gate, StoppedRecord.parse(own.bus.records(f"{gate}.refused")[0].value))
    own.settle()
    assert arrived(own) == [EventType.REFERRAL_REQUESTED, EventType.CONSENT_AMENDED]


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_whose_clock_was_ahead_is_heard(own: Road, gate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It refused with a date of the evening and let through with one of noon; the no is told behind it."""
    case, _ = sent(own.kz)
    own.sync(own.kz)
    if gate == "uz":
        own.nodes["kz"].work()
    set_status(own, OrgStatus.SUSPENDED)
    core = own.nodes[gate].core
    with monkeypatch.context() as ahead:
        ahead.setattr(core, "parts", replace(core.parts, now_ms=lambda: own.clock() + 6 * HOUR_MS))
        own.settle()
    set_status(own, OrgStatus.ACTIVE)
    own.settle()
    own.clock.move(hours=1)
    withdraw_all(own.kz, case)
    own.settle()
    replay(own, gate, newest_refused(own, gate))
    own.settle()
    assert arrived(own) == [EventType.REFERRAL_REQUESTED, EventType.CONSENT_WITHDRAWN]


def test_what_was_held_when_it_was_decided_again_is_told_when_it_goes_on(
    own: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other gate lets it wait for a clock at first; the office hears that, and then that it went."""
    _, number, kept = refuse(own, "uz")

    def held(*given: object, **named: object) -> Verdict:
        found = verdict_of(*given, **named)  # type: ignore[arg-type]
        assert isinstance(found, Forward)
        now_ms = own.clock()
        missing = Missing(at_ms=now_ms + 60_000)
        return Hold(found.about, (Code.CLOCK_SKEW,), now_ms + DAY_MS, found.about.sender, missing=missing)

    with monkeypatch.context() as at_first:
        at_first.setattr(holds, "verdict_of", held)
        replay(own, "uz", kept)
    own.settle()
    assert (line(own.kz, number).hop, arrived(own)) == (Hop.HELD, [])
    assert not any("after all" in each.detail for each in home_health(own.kz).alarms)
    own.clock.move(hours=1)
    own.settle()
    assert arrived(own) == [EventType.REFERRAL_REQUESTED]
    with own.kz.store.read() as tx:
        (event, *_) = referrals.events_of(tx, referrals.get(tx, number))
        said = [(one.gate, one.outcome) for one in outbox.receipts(tx, outbox.of_event(tx, event.id)[-1].id)]
    assert event.status is EventStatus.SENT
    assert said[-1] == ("uz-gate", "FORWARDED")


def test_of_an_erased_case_a_person_hears_whom_to_call(own: Road) -> None:
    """Nothing is left to tell the recipient with; the alarm names it."""
    case, _, kept = refuse(own, "kz")
    demand.erase(own.kz, case)
    own.settle()
    with own.kz.store.read() as tx:
        assert cases.get(tx, case).key is None
    replay(own, "kz", kept)
    own.settle()
    assert arrived(own) == [EventType.REFERRAL_REQUESTED]
    told = [each.detail for each in home_health(own.kz).alarms if each.code == Code.KEY_DESTROYED]
    assert f"{own.shelter} was not told to erase: call them" in told
