"""Alerts over the road of an event: a country that is away, a line that is refused, a clock that is wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alerts.conftest import Watched
from support.gateways import case_file, sent
from support.liveroad import Road
from support.liveroad import road as roads
from support.plays import Fault


@pytest.fixture(scope="module")
def road(watched: Watched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """Give a road of its own."""
    with roads(watched.watchers, "waits", watched.ports["waits"], tmp_path_factory.mktemp("road") / "world") as made:
        yield made


def a_country_that_is_away(road: Road) -> Fault:
    """Stop the gate of the other country: nobody signs for an event at its broker."""
    road.refer("a country that is away")
    road.world.settle()
    road.uz.stop()
    road.refer("nobody signs for it")
    road.world.settle()
    yield "RefbusBorderWaits", "RefbusDeliveryBurns", "RefbusDeliveryBurnsSlowly"
    road.uz.start()


def a_broker_that_takes_nothing(road: Road) -> Fault:
    """Let the broker of the other country take no record of this gate."""
    road.kz.line.refusing.add("uz.border.kz")
    road.refer("a broker that takes nothing")
    road.world.settle()
    yield "RefbusOutgoingWaits"
    road.kz.line.refusing.clear()


def a_transaction_that_nobody_ends(road: Road) -> Fault:
    """Leave a transaction open in the outbox: what is behind it is not read."""
    road.world.bus.open_transaction("kz.outbox")
    road.refer("behind a transaction")
    yield "RefbusTransactionOpen", "RefbusOutboxWaits", "RefbusDeadlineUntold", "RefbusClockWorkLate"
    road.world.bus.end_transaction("kz.outbox")


def witnesses_that_do_not_answer(road: Road) -> Fault:
    """Stop the auditors of the other countries: no quorum cosigns the log."""
    for each in road.witnesses:
        each.stop()
    yield "RefbusLogNotCosigned", "RefbusProofBurns", "RefbusProofBurnsSlowly"
    for each in road.witnesses:
        each.start()


def an_inbox_that_takes_nothing(road: Road) -> Fault:
    """Let the broker take no record for the inbox of the office: it hears nothing of its gate."""
    road.kz.line.refusing.add("kz.inbox.kz-agency01")
    yield "RefbusInboxSilent"
    road.kz.line.refusing.discard("kz.inbox.kz-agency01")


def an_office_whose_clock_is_ahead(road: Road) -> Fault:
    """Send urgent events from tomorrow: they are held, and take three quarters of the room of their sender."""
    for number in range(3):
        sent(road.neighbour.gateway, case_file(about=f"Fictional: from tomorrow {number}", priority="EMERGENCY"))
    road.world.settle()
    yield "RefbusHeldLong", "RefbusEmergencyHeld", "RefbusRoomRunsOut"
    road.world.pass_time(hours=12)


def test_what_waits_for_others(road: Road) -> None:
    """They ring for a country that is away, a broker that takes nothing, a transaction that nobody ends."""
    road.play(
        a_country_that_is_away,
        a_broker_that_takes_nothing,
        witnesses_that_do_not_answer,
        an_inbox_that_takes_nothing,
        an_office_whose_clock_is_ahead,
        a_transaction_that_nobody_ends,
        hours=14,
    )


def a_gate_that_hangs(road: Road) -> Fault:
    """Hand the gate no record, while its patience with itself is set to an hour."""
    road.kz.reads = False
    road.refer("nobody reads it")
    road.until_seen(road.kz.gate.watchdog)
    yield "RefbusGateStalled"
    road.kz.reads = True


def an_auditor_without_a_broker(road: Road) -> Fault:
    """Cut the line of the auditor to its broker: its watchdog sees nothing."""
    road.auditor.line.down = True
    yield "RefbusNotWatching"
    road.auditor.line.down = False


def test_what_stands_still(road: Road) -> None:
    """They ring for a gate that takes no record, and an auditor whose broker does not answer: for ten minutes."""
    road.play(a_gate_that_hangs, an_auditor_without_a_broker, hours=0.2)


def an_auditor_that_hangs(road: Road) -> Fault:
    """Hand the auditor no record, while its patience with itself is set to an hour."""
    road.auditor.reads = False
    road.refer("nobody logs it")
    road.until_seen(road.auditor.auditor.watchdog)
    yield "RefbusAuditorStandsStill"
    road.auditor.reads = True


def test_an_auditor_that_hangs(road: Road) -> None:
    """It rings after a quarter of an hour."""
    road.play(an_auditor_that_hangs, hours=0.5)
