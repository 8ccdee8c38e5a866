"""The safe harness on a real broker: whatever happens, every record reaches the handler, in order.

The same faults lose records on the agents of `chaos.broken_agents`; the first of them is shown here too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from confluent_kafka import Producer

from kafka.patience import Patience
from refbus.bus import confluent
from refbus.bus.address import BrokerAddress
from refbus.bus.port import TopicState
from support.worker import TESTS, Plan

VALUES = [f"v{number:03}" for number in range(60)]
WAIT_S = 90.0


def write(address: BrokerAddress, topic: str, values: list[str]) -> None:
    """Write values and wait for the broker's word."""
    producer = confluent.producer(address)
    for value in values:
        producer.produce(topic, value.encode(), lambda error: None)
    assert producer.flush(WAIT_S) == 0
    producer.close()


def keep_running(start: Callable[[], subprocess.Popen[bytes]], done: Callable[[], bool]) -> list[int]:
    """Run a process, start it again whenever it ends, until `done`; return its exit codes."""
    codes = []
    patience = Patience()
    process = start()
    try:
        while not done() and patience.holds():
            with suppress(subprocess.TimeoutExpired):
                codes.append(process.wait(0.2))
                process = start()
    finally:
        process.terminate()
        codes.append(process.wait(30))
    return codes


def first_seen(values: list[str]) -> list[str]:
    """Return the values without repeats, in the order of their first appearance."""
    return list(dict.fromkeys(values))


@pytest.mark.parametrize(("what", "code"), [("raise", 1), ("kill", -signal.SIGKILL), ("slow", 0), ("thread", 1)])
def test_no_record_is_lost(broker_address: BrokerAddress, topic: str, tmp_path: Path, what: str, code: int) -> None:
    """An exception, a kill between effect and ack, a slow handler, a failed driver: nothing lost, order kept."""
    plan = Plan(broker_address.bootstrap, topic, tmp_path, what, VALUES[30])
    write(broker_address, topic, VALUES)
    codes = keep_running(plan.start, lambda: set(plan.seen()) >= set(VALUES))
    assert first_seen(plan.seen()) == VALUES
    assert codes == ([code, 0] if code else [0])


def test_repeats_come_in_order_too(broker_address: BrokerAddress, topic: str, tmp_path: Path) -> None:
    """What is handed over again begins at or before the failure and leaves nothing out."""
    plan = Plan(broker_address.bootstrap, topic, tmp_path, "kill", VALUES[20])
    write(broker_address, topic, VALUES)
    keep_running(plan.start, lambda: set(plan.seen()) >= set(VALUES))
    places = [VALUES.index(value) for value in plan.seen()]
    assert all(later == before + 1 or later <= before for before, later in pairwise(places))


def test_records_of_aborted_transactions_are_not_handed_over(
    broker_address: BrokerAddress, topic: str, tmp_path: Path
) -> None:
    """What its writer took back is not decided, and what follows it is."""
    plan = Plan(broker_address.bootstrap, topic, tmp_path)
    writer = Producer({"bootstrap.servers": broker_address.bootstrap, "transactional.id": topic})
    writer.init_transactions(WAIT_S)
    for values, end in ((VALUES[:10], writer.abort_transaction), (VALUES[10:20], writer.commit_transaction)):
        writer.begin_transaction()
        for value in values:
            writer.produce(topic, value.encode())
        writer.flush(WAIT_S)
        end(WAIT_S)
    keep_running(plan.start, lambda: set(plan.seen()) >= set(VALUES[10:20]))
    assert first_seen(plan.seen()) == VALUES[10:20]


def test_one_more_topic_is_read_while_the_worker_runs(
    broker_address: BrokerAddress, topic: str, tmp_path: Path
) -> None:
    """From some record on a second topic comes too, from its beginning; of the first nothing is left out."""
    plan = Plan(broker_address.bootstrap, topic, tmp_path, "also", VALUES[10])
    confluent.admin(broker_address).create_topic(TopicState(f"{topic}.also", 1, 1, {}))
    more = [f"also-{number}" for number in range(30)]
    write(broker_address, f"{topic}.also", more)
    write(broker_address, topic, VALUES[:30])

    def done() -> bool:
        seen = set(plan.seen())
        if seen >= {*VALUES[:30], *more} and VALUES[30] not in written:
            written.extend(VALUES[30:])
            write(broker_address, topic, VALUES[30:])
        return seen >= {*VALUES, *more}

    written = list[str]()
    assert keep_running(plan.start, done) == [0]
    seen = first_seen(plan.seen())
    assert [value for value in seen if value in VALUES] == VALUES
    assert [value for value in seen if value in more] == more


@pytest.mark.slow
def test_a_broken_agent_loses_the_same_record(broker_address: BrokerAddress, topic: str, tmp_path: Path) -> None:
    """Negative control: with `noack` but without the crashing supervisor the failed record never reaches the sink."""
    sink = f"{topic}.sink"
    confluent.admin(broker_address).create_topic(TopicState(sink, 1, 1, {}))
    environment = {
        **os.environ,
        "PYTHONPATH": f"{TESTS.parent / 'infra'}:{TESTS.parent / 'infra' / 'trials'}",
        "CHAOS_BOOTSTRAP": broker_address.bootstrap,
        "CHAOS_SOURCE": topic,
        "CHAOS_SINK": sink,
        "CHAOS_FAIL_AT": VALUES[30],
        "CHAOS_STATE": str(tmp_path),
    }
    write(broker_address, topic, VALUES)
    reader = confluent.reader(broker_address, sink)
    found: set[str] = set()

    def start() -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "chaos.broken_agents", "noack"]
        return subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def all_but_one() -> bool:
        found.update(record.value.decode() for record in reader.read(100, 0.2))
        return found >= set(VALUES) - {VALUES[30]}

    keep_running(start, all_but_one)
    found.update(record.value.decode() for record in reader.read(100, 2.0))
    assert found == set(VALUES) - {VALUES[30]}
