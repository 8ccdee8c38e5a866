"""The baseline of latency: the same bytes over the same number of topics, handed on by bare Kafka clients."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.stage import Stage
from bench.timing import Samples
from refbus.bus import confluent
from refbus.bus.address import BrokerAddress
from refbus.bus.cluster import KafkaCluster
from refbus.core.ids import CountryCode

_WAIT_S = 0.2


@dataclass(frozen=True, slots=True)
class Hop:
    """A topic in the cluster of a country."""

    address: BrokerAddress
    topic: str


def make_hops(stage: Stage, clusters: Sequence[CountryCode], name: str) -> list[Hop]:
    """Make one topic in each of these clusters, in order; `name` tells them from others."""
    return [
        Hop(stage.operator(country), stage.make_topic(country, f"bench.hop{number}.{name}"))
        for number, country in enumerate(clusters)
    ]


def relayed(hops: Sequence[Hop], value: bytes, count: int, every_s: float) -> Samples:
    """Send `count` records at a steady pace through all hops; return how long each took to the reader of the last."""
    stop = threading.Event()
    pairs = pairwise(hops)
    threads = [threading.Thread(target=_relay, args=(*pair, stop)) for pair in pairs]
    arrived: list[float] = []
    last = threading.Thread(target=_arrivals, args=(hops[-1], count, arrived, stop))
    for thread in (*threads, last):
        thread.start()
    try:
        sent = _send(hops[0], value, count, every_s)
        last.join(30.0)
    finally:
        stop.set()
        for thread in (*threads, last):
            thread.join()
    if len(arrived) < count:
        raise TimeoutError("records got lost between bare Kafka clients")
    return Samples([there - here for here, there in zip(sent, arrived, strict=True)])


def _send(hop: Hop, value: bytes, count: int, every_s: float) -> list[float]:
    producer = KafkaCluster(hop.address).producer(linger_s=0.0)
    sent = []
    due = time.monotonic() + 1.0
    for _ in range(count):
        producer.poll(max(0.0, due - time.monotonic()))
        time.sleep(max(0.0, due - time.monotonic()))
        sent.append(time.monotonic())
        producer.produce(hop.topic, value, lambda _error: None)
        producer.poll(0)
        due += every_s
    producer.flush(10.0)
    producer.close()
    return sent


def _relay(source: Hop, target: Hop, stop: threading.Event) -> None:
    reader, producer = (
        confluent.reader(source.address, source.topic),
        KafkaCluster(target.address).producer(linger_s=0.0),
    )
    while not stop.is_set():
        for record in reader.read(50, _WAIT_S):
            producer.produce(target.topic, record.value, lambda _error: None)
        producer.poll(0)
    reader.close()
    producer.close()


def _arrivals(hop: Hop, count: int, arrived: list[float], stop: threading.Event) -> None:
    reader = confluent.reader(hop.address, hop.topic)
    while len(arrived) < count and not stop.is_set():
        records = reader.read(50, _WAIT_S)
        arrived += [time.monotonic()] * len(records)
    reader.close()
