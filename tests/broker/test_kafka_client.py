"""The Kafka client against a real broker: what the port promises."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError
from confluent_kafka import Producer as KafkaProducer

from kafka import Broker
from kafka.patience import Patience
from refbus.bus import batchreader, confluent
from refbus.bus.address import BrokerAddress
from refbus.bus.batchreader import BatchReader
from refbus.bus.driver import Fetched, Line
from refbus.bus.families import MAX_BATCH
from refbus.bus.port import Producer, Reader, Record, TopicState
from refbus.errors import Code, RefbusError, SetupError, TransportError

WAIT_S = 30.0
ANSWER = 100_000
ANSWER_RECORDS = 200
"""Records of a kilobyte that make an answer larger than `ANSWER` bytes."""
LARGEST = confluent.MAX_RECORD - 512  # the client counts its own frame of some hundred bytes


def write(producer: Producer, topic: str, *values: bytes) -> list[RefbusError | None]:
    """Write values in order; return what their delivery reports said."""
    reports: list[RefbusError | None] = []
    for value in values:
        producer.produce(topic, value, reports.append)
    assert producer.flush(WAIT_S) == 0
    return reports


def read_all(reader: Reader) -> list[Record]:
    """Read to the end."""
    records: list[Record] = []
    patience = Patience()
    while reader.position() < reader.end_offset():
        records += reader.read(100, 1.0)
        assert patience.holds(reader.position())
    return records


def read_often(reader: Reader) -> None:
    """Read until something is wrong."""
    for _ in range(50):
        reader.read(10, 0.5)


def write_unreported(producer: Producer, count: int, reports: list[RefbusError | None]) -> None:
    """Write without waiting for reports."""
    for _ in range(count):
        producer.produce("kz.outbox", b"a", reports.append)


def test_what_is_written_is_read_in_order(broker_address: BrokerAddress, topic: str) -> None:
    """Bytes, order and offsets survive; the position ends at the end."""
    values = [bytes([number]) * 10 for number in range(50)]
    assert write(confluent.producer(broker_address), topic, *values) == [None] * 50
    reader = confluent.reader(broker_address, topic)
    records = read_all(reader)
    assert [record.value for record in records] == values
    assert [record.offset for record in records] == list(range(50))
    assert (reader.begin_offset(), reader.end_offset(), reader.position()) == (0, 50, 50)
    assert reader.read(10, 0.2) == []
    reader.close()


def test_seek_reads_again_from_there(broker_address: BrokerAddress, topic: str) -> None:
    """A reader that was told an offset starts at it."""
    write(confluent.producer(broker_address), topic, b"a", b"b", b"c")
    reader = confluent.reader(broker_address, topic)
    reader.seek(1)
    assert [record.value for record in read_all(reader)] == [b"b", b"c"]
    reader.seek(2)
    assert [record.value for record in read_all(reader)] == [b"c"]
    reader.close()


def test_a_position_past_the_log_is_named(broker_address: BrokerAddress, topic: str) -> None:
    """A position that the log does not have stops the reader; it never starts over by itself."""
    write(confluent.producer(broker_address), topic, b"a")
    reader = confluent.reader(broker_address, topic)
    reader.seek(500)
    with pytest.raises(SetupError) as caught:
        read_often(reader)
    assert caught.value.code is Code.LOG_TRUNCATED
    reader.close()


def test_a_missing_topic_is_named_and_not_made(broker_address: BrokerAddress) -> None:
    """Writing to a topic that does not exist fails in the report, asking for it raises, and it stays missing."""
    name = "test.never-made"
    (report,) = write(confluent.producer(broker_address, delivery_timeout_s=3), name, b"a")
    assert isinstance(report, TransportError)
    reader = confluent.reader(broker_address, name)
    with pytest.raises(SetupError) as caught:
        reader.topic_id()
    assert caught.value.code is Code.TOPIC_MISSING
    with pytest.raises(SetupError) as caught:
        reader.end_offset()
    assert caught.value.code is Code.TOPIC_MISSING
    assert confluent.admin(broker_address).topics([name]) == {}
    reader.close()


def test_a_topic_made_anew_has_another_id(broker_address: BrokerAddress, topic: str) -> None:
    """The id tells two topics of the same name apart: here, that two topics differ and one keeps its own."""
    admin = confluent.admin(broker_address)
    admin.create_topic(TopicState(topic + ".other", 1, 1, {}))
    assert admin.topic_id(topic) == confluent.reader(broker_address, topic).topic_id()
    assert admin.topic_id(topic) != admin.topic_id(topic + ".other")


def test_an_oversize_record_is_refused_in_its_own_report(broker_address: BrokerAddress, topic: str) -> None:
    """A record that the broker refuses has an error in its report, though flush returns 0; its neighbours are kept."""
    confluent.admin(broker_address).set_topic_config(topic, {"max.message.bytes": "2000"})
    producer = confluent.producer(broker_address)
    reports = [write(producer, topic, value)[0] for value in (b"small", bytes(5_000), b"after")]
    assert [report and report.code for report in reports] == [None, Code.BROKER_REFUSED, None]
    assert [record.value for record in read_all(confluent.reader(broker_address, topic))] == [b"small", b"after"]


def test_a_record_beyond_every_limit_is_refused_at_once(broker_address: BrokerAddress, topic: str) -> None:
    """More than a mebibyte never leaves the process."""
    with pytest.raises(TransportError) as caught:
        confluent.producer(broker_address).produce(topic, bytes(confluent.MAX_RECORD + 1), lambda _report: None)
    assert caught.value.code is Code.BROKER_REFUSED


def test_a_group_is_moved_and_asked(broker_address: BrokerAddress, topic: str) -> None:
    """The offset of a group without members can be set and read back."""
    admin = confluent.admin(broker_address)
    assert admin.group_offset("test-group", topic) is None
    write(confluent.producer(broker_address), topic, b"a", b"b")
    admin.set_group_offset("test-group", topic, 1)
    assert admin.group_offset("test-group", topic) == 1


def test_a_group_with_a_live_member_is_not_moved(
    broker_address: BrokerAddress, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a bounded number of tries the refusal is told; nothing is moved under a reader's feet."""
    monkeypatch.setattr("refbus.bus.confluent_admin.GROUP_ATTEMPTS", 2)
    admin = confluent.admin(broker_address)
    group = f"{topic}-group"
    member = Consumer({"bootstrap.servers": broker_address.bootstrap, "group.id": group})
    joined: list[object] = []
    member.subscribe([topic], on_assign=lambda _consumer, partitions: joined.extend(partitions))
    try:
        while not joined:
            member.poll(1.0)
        with pytest.raises(TransportError) as caught:
            admin.set_group_offset(group, topic, 0)
    finally:
        member.close()
    assert caught.value.code is Code.BROKER_REFUSED
    admin.set_group_offset(group, topic, 0)
    assert admin.group_offset(group, topic) == 0


def test_a_broker_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    """Nothing listens: reports say unreachable, questions raise, reading waits and returns nothing."""
    address = BrokerAddress("127.0.0.1:9")
    (report,) = write(confluent.producer(address, delivery_timeout_s=1), "kz.outbox", b"a")
    assert report is not None
    assert report.code is Code.BROKER_UNREACHABLE
    reader = confluent.reader(address, "kz.outbox")
    assert reader.read(1, 0.2) == []
    reader.close()


def test_the_queue_is_bounded_while_the_broker_is_away() -> None:
    """A producer does not take more than its queue; the caller hears it and keeps the record."""
    producer = confluent.producer(BrokerAddress("127.0.0.1:9"), queue=3)
    reports: list[RefbusError | None] = []
    with pytest.raises(TransportError) as caught:
        write_unreported(producer, 5, reports)
    assert caught.value.code is Code.BROKER_UNREACHABLE
    producer.close()
    assert [report and report.code for report in reports] == [Code.BROKER_UNREACHABLE] * 3


def test_order_is_kept_while_the_broker_is_killed_and_comes_back(tmp_path: Path) -> None:
    """Records written before, during and after a kill -9 of the broker arrive once each and in order, same address."""
    with Broker(tmp_path / "broker", progress=lambda _text: None) as broker:
        address = broker.address()
        confluent.admin(address).create_topic(TopicState("kz.outbox", 1, 1, {}))
        producer = confluent.producer(address, delivery_timeout_s=60)
        reports: list[RefbusError | None] = []
        for number in range(300):
            producer.produce("kz.outbox", number.to_bytes(2, "big"), reports.append)
            producer.poll(0)
            if number == 100:
                producer.flush(WAIT_S)
            if number == 150:
                broker.kill()
            if number == 250:
                assert broker.start().bootstrap == address.bootstrap
        assert producer.flush(60) == 0
        assert reports == [None] * 300
        values = [record.value for record in read_all(confluent.reader(address, "kz.outbox"))]
        assert values == [number.to_bytes(2, "big") for number in range(300)]


def test_an_aborted_transaction_is_never_seen(broker_address: BrokerAddress, topic: str) -> None:
    """Only committed records are read, and the end is reached past the marks that a transaction leaves in the log."""
    outsider = KafkaProducer({"bootstrap.servers": broker_address.bootstrap, "transactional.id": topic})
    outsider.init_transactions(WAIT_S)
    for value, end in ((b"kept", outsider.commit_transaction), (b"aborted", outsider.abort_transaction)):
        outsider.begin_transaction()
        outsider.produce(topic, value, partition=0)
        outsider.flush(WAIT_S)
        end(WAIT_S)
    reader = confluent.reader(broker_address, topic)
    assert [record.value for record in read_all(reader)] == [b"kept"]
    assert reader.position() == reader.end_offset() == 4
    reader.close()


def test_after_a_fatal_error_a_new_client_takes_over(broker_address: BrokerAddress, topic: str) -> None:
    """An idempotent client that failed for good is replaced; the record that met the error is reported as open."""
    producer = confluent.producer(broker_address)
    assert write(producer, topic, b"before") == [None]
    reports: list[RefbusError | None] = []
    producer._report(reports.append, KafkaError(KafkaError._FATAL, "out of sequence", True), None)
    assert [report and report.code for report in reports] == [Code.BROKER_UNREACHABLE]
    assert write(producer, topic, b"after") == [None]
    assert [record.value for record in read_all(confluent.reader(broker_address, topic))] == [b"before", b"after"]


def test_many_small_records_in_one_batch_fit_the_declared_limit(broker_address: BrokerAddress, topic: str) -> None:
    """Records that travel together never exceed what a declared topic takes, however many they are."""
    confluent.admin(broker_address).set_topic_config(topic, {"max.message.bytes": str(MAX_BATCH)})
    producer = confluent.producer(broker_address, linger_s=1.0)
    assert write(producer, topic, *[bytes(9_000)] * 400) == [None] * 400


def test_a_record_of_the_largest_size_fits_the_declared_limit(broker_address: BrokerAddress, topic: str) -> None:
    """What the client lets through, the broker takes."""
    confluent.admin(broker_address).set_topic_config(topic, {"max.message.bytes": str(MAX_BATCH)})
    assert write(confluent.producer(broker_address), topic, bytes(LARGEST)) == [None]


def large_bytes_left(reader: BatchReader) -> list[int]:
    """Close a reader and return the sizes of what only the collector frees, where it is large."""
    gc.collect()
    gc.disable()
    reader.close()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        held = [each for one in gc.garbage for each in gc.get_referents(one) if isinstance(each, bytes)]
        return [len(each) for each in held if len(each) >= ANSWER]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_a_closed_reader_leaves_no_answer_behind(broker_address: BrokerAddress, topic: str) -> None:
    """Each minute a service closes one for each topic: what waits for the collector grew to hundreds of megabytes."""
    write(confluent.producer(broker_address), topic, *[bytes(1000)] * ANSWER_RECORDS)
    reader = batchreader.reader(broker_address, topic)
    assert len(reader.read(ANSWER_RECORDS, WAIT_S)) > 1
    assert large_bytes_left(reader) == []


def test_one_record_is_asked_for_alone(
    broker_address: BrokerAddress, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who wants one record is given its batch and not the megabytes behind it, and goes on from there."""
    producer, sizes = confluent.producer(broker_address), list[int]()
    for number in range(5):
        write(producer, topic, bytes([number]) * 1000)
    fetched = Line.ask
    monkeypatch.setattr(Line, "ask", lambda *args, **kept: noted(fetched(*args, **kept), sizes))
    reader = batchreader.reader(broker_address, topic)
    reader.seek(2)
    assert [each.value[0] for _ in range(3) for each in reader.read(1, WAIT_S)] == [2, 3, 4]
    assert len(sizes) == 3
    assert max(sizes) < 2000
    reader.close()


def noted(answer: Fetched | None, sizes: list[int]) -> Fetched | None:
    """Note how large an answer is that is not empty, and return it."""
    sizes += [] if answer is None or not answer.data else [len(answer.data)]
    return answer
