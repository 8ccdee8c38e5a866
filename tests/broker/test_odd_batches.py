"""Foreign, hostile and damaged batches on a real broker, by every way of reading: nothing stops, nothing is hidden.

The broker itself refuses some of them; a test says which, so that a broker that no longer does is noticed.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer

from kafka import Broker
from kafka.patience import Patience
from kafka.processes import standing_still
from kafka.rawbatches import CODECS, GZIP, LZ4, SNAPPY, ZSTD, Draft, bomb, damage, put
from refbus.bus import batchreader, confluent
from refbus.bus.address import BrokerAddress
from refbus.bus.batches import MOST_UNPACKED
from refbus.bus.cluster import KafkaCluster
from refbus.bus.confluent import ConfluentProducer
from refbus.bus.port import Reader, Record, TopicState
from refbus.errors import Code, RefbusError
from support.worker import Plan

WAIT_S = 60.0
Way = Callable[[BrokerAddress, str], Reader]
WAYS: dict[str, Way] = {"batchreader": batchreader.reader, "confluent": confluent.reader}

ODD = {
    "key": Draft([b"key"], key=b"k"),
    "headers": Draft([b"headers"], headers=[(b"name", b"content")]),
    "a header that is no text": Draft([b"no-text"], headers=[(b"\xff\xfe", b"x")]),
    "tombstone": Draft([None]),
    **{codec: Draft([f"{codec}-{number}".encode() for number in range(3)], CODECS[codec]) for codec in CODECS},
}
REFUSED = {
    "checksum": Draft([b"x"], spoil="checksum"),
    "unknown codec": Draft([b"x"], spoil="codec"),
    "not what its codec says": Draft([b"x"], ZSTD, spoil="packing"),
    "old format": Draft([b"x"], magic=1),
    "format to come": Draft([b"x"], magic=3),
    "lengths": Draft([b"x"], spoil="record"),
}
EXPECTED = [value or b"" for draft in ODD.values() for value in draft.values]


def write_odd(address: BrokerAddress, topic: str) -> None:
    """Write every odd batch that a broker takes, then a plain one."""
    for draft in ODD.values():
        assert put(address, topic, draft.encode()) == ""
    assert put(address, topic, Draft([b"last"]).encode()) == ""


def read_to(reader: Reader, value: bytes) -> list[Record]:
    """Read until a value comes."""
    found: list[Record] = []
    patience = Patience()
    while not found or found[-1].value != value:
        assert patience.holds(len(found)), [record.value[:20] for record in found]
        found += reader.read(100, 1.0)
    reader.close()
    return found


@pytest.mark.parametrize("way", list(WAYS))
def test_odd_batches_are_read(broker_address: BrokerAddress, topic: str, way: str) -> None:
    """Every codec, keys, headers of any bytes and a record without value: the values come, in order."""
    write_odd(broker_address, topic)
    found = read_to(WAYS[way](broker_address, topic), b"last")
    assert [record.value for record in found] == [*EXPECTED, b"last"]
    assert [record.offset for record in found] == list(range(len(found)))


def test_the_harness_hands_odd_batches_over(broker_address: BrokerAddress, topic: str, tmp_path: Path) -> None:
    """Faust's driver, which died of three codecs and of a header that is no text, hands over every value."""
    write_odd(broker_address, topic)
    plan = Plan(broker_address.bootstrap, topic, tmp_path)
    process = plan.start()
    try:
        deadline = time.monotonic() + WAIT_S
        while "last" not in plan.seen() and time.monotonic() < deadline:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
                pytest.fail((tmp_path / "log").read_text()[-2000:])
    finally:
        process.terminate()
        process.wait(30)
    assert plan.seen() == [value.decode() for value in EXPECTED if value] + ["last"]


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_the_broker_refuses_itself(broker_address: BrokerAddress, topic: str, name: str) -> None:
    """A batch with a wrong checksum, format, packing or length never gets into a topic."""
    assert put(broker_address, topic, REFUSED[name].encode()) != ""


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])
def test_a_bomb_is_one_record_that_says_so(broker_address: BrokerAddress, codec: int) -> None:
    """The broker takes it, as it never unpacks what it stores as written; an office's reader unpacks to a bound."""
    topic = f"bomb.{codec}.{time.monotonic_ns()}"
    confluent.admin(broker_address).create_topic(TopicState(topic, 1, 1, {"max.message.bytes": "1048588"}))
    size = 20 * 1_048_576 if codec == SNAPPY else 64 * 1_048_576
    for batch in (Draft([b"a"]).encode(), bomb(codec, size), Draft([b"last"]).encode()):
        assert put(broker_address, topic, batch) == ""
    found = read_to(KafkaCluster(broker_address).reader(topic), b"last")
    assert [(each.offset, bool(each.unreadable)) for each in found] == [(0, False), (1, True), (2, False)]
    assert len(found[1].value) < MOST_UNPACKED


def test_short_waits_are_few_questions(broker_address: BrokerAddress, topic: str) -> None:
    """The question stays with the broker over many looks; what is written meanwhile comes by it, each value once."""
    reader = batchreader.reader(broker_address, topic)
    assert [reader.read(10, 0.001) for _ in range(100)] == [[]] * 100
    for value in (b"first", b"second", b"last"):
        assert put(broker_address, topic, Draft([value]).encode()) == ""
        assert [each.value for each in read_some(reader)] == [value]
    reader.seek(1)
    assert [each.value for each in read_some(reader)] == [b"second", b"last"]
    reader.close()


def read_some(reader: Reader) -> list[Record]:
    """Return what comes next, by looks that wait for nothing."""
    deadline = time.monotonic() + WAIT_S
    while not (found := reader.read(10, 0)):
        assert time.monotonic() < deadline
    return found


@pytest.mark.parametrize("time_ms", [0, -1, 1_000, 253_402_300_799_000])
def test_the_broker_dates_records_itself(broker_address: BrokerAddress, time_ms: int) -> None:
    """A writer's time of 1970, before it or of the year 9999 does not reach a topic as we declare it."""
    topic = f"time.{time.monotonic_ns()}"
    declared = {"message.timestamp.type": "LogAppendTime"}
    confluent.admin(broker_address).create_topic(TopicState(topic, 1, 1, declared))
    began_ms = time.time() * 1000 - 60_000
    assert put(broker_address, topic, Draft([b"last"], time_ms=time_ms).encode()) == ""
    (record,) = read_to(batchreader.reader(broker_address, topic), b"last")
    assert began_ms < record.timestamp_ms < began_ms + 600_000


@pytest.mark.parametrize("way", list(WAYS))
def test_a_batch_damaged_on_disk_is_one_record_that_says_so(tmp_path: Path, way: str) -> None:
    """A flipped bit in the broker's own file: the batch comes as its bytes with its offsets, then what is behind it."""
    with Broker(tmp_path / "broker", progress=lambda _text: None) as broker:
        address = broker.address()
        confluent.admin(address).create_topic(TopicState("kz.outbox", 1, 1, {}))
        for values in ([b"first"], [b"needle-1", b"needle-2"], [b"last"]):
            assert put(address, "kz.outbox", Draft(values).encode()) == ""
        broker.stop()
        damage(tmp_path / "broker" / "data", "kz.outbox", b"needle-1")
        broker.start()
        found = read_to(WAYS[way](address, "kz.outbox"), b"last")
    assert [(each.begin, each.offset, bool(each.unreadable)) for each in found] == [
        (0, 0, False),
        (1, 2, True),
        (3, 3, False),
    ]
    assert b"needle-2" in found[1].value


def test_an_open_transaction_is_named_and_ends_by_itself(broker_address: BrokerAddress, topic: str) -> None:
    """What is behind it is not read, is known to wait, and comes when the broker has ended it for its dead writer."""
    assert put(broker_address, topic, Draft([b"before"]).encode()) == ""
    settings = {"bootstrap.servers": broker_address.bootstrap, "transactional.id": topic}
    writer = Producer(settings | {"transaction.timeout.ms": 5_000})
    writer.init_transactions(WAIT_S)
    writer.begin_transaction()
    writer.produce(topic, b"never committed")
    writer.flush(WAIT_S)
    del writer  # it dies without a word
    assert put(broker_address, topic, Draft([b"last"]).encode()) == ""
    watcher = confluent.reader(broker_address, topic)
    found = watcher.open_transaction()
    assert found is not None
    assert (found.offset, found.held, watcher.end_offset()) == (1, 2, 1)
    assert found.producer is not None
    assert found.producer >= 0
    read = read_to(batchreader.reader(broker_address, topic), b"last")
    assert [record.value for record in read] == [b"before", b"last"]
    assert watcher.open_transaction() is None
    watcher.close()


def test_the_broker_bounds_how_long_a_transaction_may_be_open(broker_address: BrokerAddress, topic: str) -> None:
    """A writer that asks for more than a minute is refused."""
    settings = {"bootstrap.servers": broker_address.bootstrap, "transactional.id": topic}
    writer = Producer(settings | {"transaction.timeout.ms": 61_000})
    with pytest.raises(KafkaException):
        writer.init_transactions(WAIT_S)


def test_offsets_are_known_within_seconds_after_a_stall(tmp_path: Path) -> None:
    """The broker stands still for longer than a session, then goes on: the same reader answers, and is never wrong."""
    with Broker(tmp_path / "broker", progress=lambda _text: None) as broker:
        address = broker.address()
        confluent.admin(address).create_topic(TopicState("kz.outbox", 1, 1, {}))
        assert put(address, "kz.outbox", Draft([b"a", b"b"]).encode()) == ""
        watcher, reader = confluent.reader(address, "kz.outbox"), batchreader.reader(address, "kz.outbox")
        assert (watcher.end_offset(), len(reader.read(10, WAIT_S))) == (2, 2)
        with standing_still(broker.pid):
            codes = {code_of(watcher.end_offset) for _ in range(2)}
            assert reader.read(10, 1.0) == []
        assert codes == {Code.BROKER_UNREACHABLE}
        deadline = time.monotonic() + WAIT_S
        writer = confluent.producer(address)
        assert written(writer, "kz.outbox", b"last")
        while code_of(watcher.end_offset) and time.monotonic() < deadline:
            pass
        assert watcher.end_offset() == 3
        assert [record.offset for record in read_to(reader, b"last")] == [2]


def written(writer: ConfluentProducer, topic: str, value: bytes) -> bool:
    """Write a value; return whether the broker took it."""
    reports: list[RefbusError | None] = []
    writer.produce(topic, value, reports.append)
    writer.flush(WAIT_S)
    writer.close()
    return reports == [None]


def code_of(question: Callable[[], object]) -> str:
    """Return the code with which a question fails, "" when it is answered."""
    try:
        question()
    except RefbusError as error:
        return error.code
    return ""
