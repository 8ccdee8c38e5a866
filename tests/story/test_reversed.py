"""A request that a gate refused for good is let through by order: the office learns it, and a no meanwhile follows."""

from __future__ import annotations

import pytest

from refbus.core.directory import OrgStatus
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from refbus.wire.transport import StoppedRecord
from refbus_gateway.erasure import demand
from refbus_gateway.reports.overview import Hop
from refbus_gateway.store import cases, outbox, referrals
from refbus_gateway.store.outbox import RowState
from refbus_gateway.store.referrals import EventStatus
from support.gateways import consent_file, home_health, line, sent, take_consent, withdraw_all
from support.nodes import Road
from support.replays import newest_refused, replay, set_status

GATES = ["kz", "uz"]


def refuse(own: Road, gate: str) -> tuple[int, int, StoppedRecord]:
    """Let a gate refuse a request to a suspended member; return case, referral and what the gate kept of it."""
    case, number = sent(own.kz)
    own.sync(own.kz)
    if gate == "uz":
        own.nodes["kz"].work()
    set_status(own, OrgStatus.SUSPENDED)
    own.settle()
    set_status(own, OrgStatus.ACTIVE)
    own.settle()
    own.clock.move(hours=1)
    assert line(own.kz, number).hop is Hop.REFUSED
    return case, number, newest_refused(own, gate)


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
