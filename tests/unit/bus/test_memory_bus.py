"""The in-memory bus keeps the promises of the port, and breaks exactly those that it is told to break."""

from __future__ import annotations

import pytest

from refbus.bus.memory import Fault, MemoryBus
from refbus.bus.port import CLUSTER_NAME, AclRule, Operation, ResourceKind, TopicState
from refbus.errors import Code, RefbusError, SetupError, TransportError

TOPIC = "kz.outbox"
RULE = AclRule(ResourceKind.CLUSTER, CLUSTER_NAME, "User:kz-gate", Operation.DESCRIBE_CONFIGS)


def written(bus: MemoryBus, *values: bytes) -> list[RefbusError | None]:
    """Write values with one producer; return their reports."""
    reports: list[RefbusError | None] = []
    producer = bus.producer()
    for value in values:
        producer.produce(TOPIC, value, reports.append)
    assert producer.flush(0) == 0
    return reports


def held(bus: MemoryBus) -> list[bytes]:
    """Return the values that the topic holds."""
    return [record.value for record in bus.records(TOPIC)]


def test_records_are_read_in_order_from_the_position() -> None:
    """What was written comes back in order; seeking reads again."""
    bus = MemoryBus([TOPIC], clock=lambda: 7)
    assert written(bus, b"a", b"b", b"c") == [None] * 3
    reader = bus.reader(TOPIC)
    assert [record.value for record in reader.read(2, 0)] == [b"a", b"b"]
    assert reader.position() == 2
    assert [(record.offset, record.timestamp_ms) for record in reader.read(9, 0)] == [(2, 7)]
    reader.seek(1)
    assert [record.value for record in reader.read(9, 0)] == [b"b", b"c"]
    assert (reader.begin_offset(), reader.end_offset(), reader.position()) == (0, 3, 3)
    reader.close()


def test_nothing_is_stored_before_the_producer_is_polled() -> None:
    """As with a real client, a queued record is not a stored one."""
    bus = MemoryBus([TOPIC])
    bus.producer().produce(TOPIC, b"a", lambda _report: None)
    assert held(bus) == []


@pytest.mark.parametrize(
    ("fault", "stored", "code"),
    [
        (Fault.DROP, [b"next"], None),
        (Fault.REPEAT, [b"first", b"first", b"next"], None),
        (Fault.REORDER, [b"next", b"first"], None),
        (Fault.TAMPER, [b"fisst", b"next"], None),
        (Fault.REJECT, [b"next"], Code.BROKER_REFUSED),
        (Fault.UNKNOWN, [b"first", b"next"], Code.BROKER_UNREACHABLE),
    ],
)
def test_a_fault_meets_the_next_record_only(fault: Fault, stored: list[bytes], code: Code | None) -> None:
    """Each fault does what it is called, once."""
    bus = MemoryBus([TOPIC])
    bus.inject(TOPIC, fault)
    reports = written(bus, b"first", b"next")
    assert [report and report.code for report in reports] == [code, None]
    assert held(bus) == stored


def test_a_bus_that_is_down_stores_nothing_and_says_so() -> None:
    """Reports say unreachable, questions raise, reading returns nothing; afterwards all is as before."""
    bus = MemoryBus([TOPIC])
    written(bus, b"a")
    bus.down = True
    (report,) = written(bus, b"b")
    assert report is not None
    assert report.code is Code.BROKER_UNREACHABLE
    reader = bus.reader(TOPIC)
    assert reader.read(9, 0) == []
    for question in (reader.begin_offset, reader.end_offset, reader.topic_id, bus.admin().topics, bus.admin().acls):
        with pytest.raises(TransportError):
            question()
    bus.down = False
    assert [record.value for record in reader.read(9, 0)] == [b"a"]


def test_a_position_that_retention_took_is_named() -> None:
    """A position before the log's beginning, or past its end, stops the reader."""
    bus = MemoryBus([TOPIC])
    written(bus, b"a", b"b", b"c")
    reader = bus.reader(TOPIC)
    reader.seek(0)
    bus.truncate(TOPIC, 2)
    for position in (0, 9):
        reader.seek(position)
        with pytest.raises(SetupError) as caught:
            reader.read(9, 0)
        assert caught.value.code is Code.LOG_TRUNCATED
    fresh = bus.reader(TOPIC)
    assert fresh.begin_offset() == 2
    assert [record.value for record in fresh.read(9, 0)] == [b"c"]


def test_no_topic_is_made_by_being_used() -> None:
    """Writing to an unknown topic fails in the report; reading and asking raise."""
    bus = MemoryBus()
    (report,) = written(bus, b"a")
    assert report is not None
    assert report.code is Code.TOPIC_MISSING
    for question in (lambda: bus.reader(TOPIC).read(1, 0), lambda: bus.admin().topic_id(TOPIC)):
        with pytest.raises(SetupError) as caught:
            question()
        assert caught.value.code is Code.TOPIC_MISSING


def test_a_topic_made_anew_has_another_id() -> None:
    """Deleting and making a topic again shows in its id and empties it."""
    bus = MemoryBus([TOPIC])
    written(bus, b"a")
    before = bus.admin().topic_id(TOPIC)
    bus.recreate_topic(TOPIC)
    assert bus.reader(TOPIC).topic_id() == bus.admin().topic_id(TOPIC) != before
    assert held(bus) == []


def test_closing_a_producer_reports_what_was_queued() -> None:
    """Nobody waits for ever for a report."""
    bus = MemoryBus([TOPIC])
    reports: list[RefbusError | None] = []
    producer = bus.producer()
    producer.produce(TOPIC, b"a", reports.append)
    producer.close()
    assert [report and report.code for report in reports] == [Code.BROKER_UNREACHABLE]
    assert held(bus) == []


def test_the_administrator_changes_topics_rules_and_groups() -> None:
    """Topics, settings, rules and group offsets are kept and shown."""
    bus = MemoryBus()
    admin = bus.admin()
    admin.create_topic(TopicState(TOPIC, 1, 1, {"retention.ms": "1"}))
    admin.set_topic_config(TOPIC, {"segment.ms": "2"})
    assert admin.topics([TOPIC, "kz.other"])[TOPIC].config == {"retention.ms": "1", "segment.ms": "2"}
    admin.add_acls([RULE])
    assert admin.acls() == frozenset({RULE})
    admin.remove_acls([RULE])
    assert admin.acls() == frozenset()
    assert admin.group_offset("group", TOPIC) is None
    admin.set_group_offset("group", TOPIC, 4)
    assert admin.group_offset("group", TOPIC) == 4
    assert not admin.cluster().auto_create_topics


def test_rules_need_an_authoriser() -> None:
    """A broker without an authoriser says so, and takes no rules."""
    bus = MemoryBus()
    bus.acl_rules = None
    assert bus.admin().acls() is None
    with pytest.raises(TransportError) as caught:
        bus.admin().add_acls([RULE])
    assert caught.value.code is Code.BROKER_REFUSED


def test_a_record_does_not_show_its_bytes() -> None:
    """What is logged by accident holds no payload."""
    bus = MemoryBus([TOPIC])
    written(bus, b"canary")
    assert "canary" not in repr(bus.records(TOPIC))
