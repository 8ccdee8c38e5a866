"""A gate that goes on from a copy of its store: nothing is lost or doubled, and offices are told what happened."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from sqlalchemy import func, select

from refbus import telemetry
from refbus.core.vocabulary import EventType
from refbus.errors import Code, SetupError
from refbus.wire.transport import InboxRecord
from refbus_gate.meters import Meters
from refbus_gate.orders.putback import restore
from refbus_gate.restored import recognise
from refbus_gateway.store import alarms, referrals
from refbus_gateway.store.referrals import EventStatus
from refbus_gateway.store.schema import statements
from support.ceremonies import PASSPHRASE
from support.gateways import alarm_codes, case_file, id_of, incoming, line, open_at, sent, withdraw_all
from support.nodes import Node, Road

WRONG = {"INBOX_GAP", "INBOX_COUNT_BACK", "LOG_TRUNCATED", "EVENT_ID_REUSED", "DUPLICATE"}


def beat(road: Road) -> None:
    """Let an hour pass and both gates write their heartbeats."""
    road.clock.move(hours=1)
    for node in road.nodes.values():
        node.upkeep.heartbeats()
    road.settle(step_ms=1)


def another(road: Road) -> int:
    """Send the referral of a case of its own; return its number."""
    return sent(road.kz, case_file(about=f"Fictional case at {road.clock()}."))[1]


def statements_of(road: Road) -> int:
    """Return how many statements of decisions the offices have."""
    found = 0
    for office in road.opened:
        with office.store.read() as tx:
            found += tx.connection.execute(select(func.count()).select_from(statements)).scalar_one()
    return found


def bodies_by_number(road: Road, topic: str) -> dict[int, set[bytes]]:
    """Return which bodies an inbox has under each number."""
    found = defaultdict[int, set[bytes]](set)
    for each in road.bus.records(topic):
        record = InboxRecord.parse(each.value)
        found[record.sequence].add(record.body)
    return found


@pytest.mark.parametrize("country", ["uz", "kz"])
@pytest.mark.parametrize("days", [0, 6])
def test_a_restored_gate_loses_and_doubles_nothing(own: Road, tmp_path: Path, country: str, days: int) -> None:
    """From a copy one heartbeat old and one of six days: referrals and withdrawals before and after arrive once."""
    case, first = sent(own.kz)
    own.settle(step_ms=1)
    beat(own)
    copy = own.nodes[country].copy(tmp_path)
    numbers = [first]
    for _ in range(days // 2):
        own.pass_time(days=2)
        numbers.append(another(own))
        own.settle(step_ms=1)
        beat(own)
    beat(own)
    before = {each.decision_id for each in own.audit(country)}
    stated = statements_of(own)
    own.put_back(country, copy)
    own.settle(step_ms=1)
    assert statements_of(own) == stated, "a decision that was taken again was stated again"
    withdraw_all(own.kz, case)
    numbers.append(another(own))
    own.settle(step_ms=1)
    beat(own)
    for number in numbers:
        assert line(own.kz, number).event.status is EventStatus.SENT
    assert open_at(own.uz, incoming(own.uz, id_of(own.kz, first))).withdrawn
    assert line(own.kz, first, EventType.CONSENT_WITHDRAWN).event.status is EventStatus.SENT
    with own.uz.store.read() as tx:
        assert len(referrals.every(tx)) == len(numbers)
    for office in own.opened:
        told = alarm_codes(office)
        assert not WRONG & set(told)
        assert told.count("GATE_RESTORED") == (office.country == country)
    for name in own.bus.states():
        if ".inbox." in name:
            assert all(len(bodies) == 1 for bodies in bodies_by_number(own, name).values()), name
    again = [each.decision_id for each in own.audit(country)]
    assert before <= set(again)
    assert days == 0 or len(again) > len(set(again)), "nothing was decided again"


def test_a_restore_is_an_alarm_of_the_node_for_a_day(own: Road, tmp_path: Path) -> None:
    """The metric of the alert RefbusGateRestored: 0 before, 1 for a day after, 0 again."""

    def shown() -> float | None:
        """Return what the gate's metrics say."""
        metrics = telemetry.Metrics(telemetry.Service.GATE, own.clock)
        with own.nodes["uz"].home.store.database.reading() as connection:
            Meters(metrics).store(connection, own.clock())
        return metrics.registry.get_sample_value("refbus_gate_restored")

    copy = own.nodes["uz"].copy(tmp_path)
    another(own)
    own.settle(step_ms=1)
    assert shown() == 0
    own.put_back("uz", copy)
    assert shown() == 1
    own.clock.move(hours=25)
    assert shown() == 0


def test_an_empty_store_is_told_as_one(own: Road, tmp_path: Path) -> None:
    """A gate without any copy numbers on as well, and offices hear that it has kept nothing."""
    copy = own.nodes["uz"].copy(tmp_path)
    _, number = sent(own.kz)
    own.settle(step_ms=1)
    beat(own)
    own.put_back("uz", copy)
    own.settle(step_ms=1)
    assert line(own.kz, number).event.status is EventStatus.SENT
    with own.uz.store.read() as tx:
        told = [each.detail for each in alarms.standing_alarms(tx) if each.code == "GATE_RESTORED"]
        assert len(referrals.every(tx)) == 1
    assert [each.rpartition(" (")[0] for each in told] == ["uz-gate, a copy of nothing: it was empty"]
    assert not WRONG & set(alarm_codes(own.uz))


def test_a_gate_that_only_stops_has_no_new_generation(own: Road, tmp_path: Path) -> None:
    """Neither a clean start nor one after a crash between delivery and mark is a restore."""
    sent(own.kz)
    own.settle(step_ms=1)
    for _ in range(2):
        own.put_back("uz", own.nodes["uz"].copy(tmp_path))
    node = own.nodes["uz"]
    own.clock.move(hours=1)
    node.upkeep.heartbeats()
    unmarked = node.copy(tmp_path)
    own.settle(step_ms=1)
    own.put_back("uz", unmarked)
    beat(own)
    assert "GATE_RESTORED" not in alarm_codes(own.uz)
    assert not WRONG & set(alarm_codes(own.uz))


def test_crashes_before_the_same_mark_are_no_restore(own: Road, tmp_path: Path) -> None:
    """What waits goes out again after each of them, so that more of it is in the inbox than waits."""
    sent(own.kz)
    own.settle(step_ms=1)
    for _ in range(3):
        own.clock.move(hours=1)
        node = own.nodes["uz"]
        node.upkeep.heartbeats()
        unmarked = node.copy(tmp_path)
        for _ in range(3):
            own.settle(step_ms=1)
            own.put_back("uz", unmarked)
            unmarked = own.nodes["uz"].copy(tmp_path)
    own.settle(step_ms=1)
    beat(own)
    assert "GATE_RESTORED" not in alarm_codes(own.uz)
    assert not WRONG & set(alarm_codes(own.uz))


def test_a_start_that_is_cut_gives_no_second_generation(own: Road, tmp_path: Path) -> None:
    """What a store was found to lack is noted with its generation, so the next start has nothing new to find."""
    copy = own.nodes["kz"].copy(tmp_path)
    sent(own.kz)
    own.settle(step_ms=1)
    beat(own)
    group = "refbus-gate-kz", "kz.outbox"
    own.put_back("kz", copy)
    node, read = own.nodes["kz"], {group[1]: own.bus.group_offsets[group]}
    assert not recognise(node.home.store, own.bus.admin().ends("kz.inbox."), read, own.clock())


def test_the_operator_restores_by_a_command(own: Road, tmp_path: Path) -> None:
    """A copy older than a store which works is refused, unless it is asked for; then the gate goes on from it."""
    sent(own.kz)
    own.settle(step_ms=1)
    beat(own)
    node = own.nodes["kz"]
    copy, folder = node.copy(tmp_path), node.home.home.folder
    beat(own)
    number = another(own)
    own.settle(step_ms=1)
    with pytest.raises(SetupError) as caught:
        restore(folder, PASSPHRASE, copy, older=True)
    assert caught.value.code is Code.HOME_IN_USE
    node.close()
    with pytest.raises(SetupError) as caught:
        restore(folder, PASSPHRASE, copy, older=False)
    assert caught.value.code is Code.BACKUP_OLDER
    said = " ".join(restore(folder, PASSPHRASE, copy, older=True))
    assert "What it cannot know" in said
    assert "Call the organisations" in said
    own.nodes["kz"] = Node(own, "kz")
    own.settle(step_ms=1)
    assert line(own.kz, number).event.status is EventStatus.SENT
    assert alarm_codes(own.kz).count("GATE_RESTORED") == 1
