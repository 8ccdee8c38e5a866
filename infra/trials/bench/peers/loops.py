"""`python -m bench.peers.loops KIND JOB FOLDER BOOTSTRAP GROUP SOURCE BORDER AUDIT NOTICES`: cryptography alone.

Each reads `SOURCE`, does the cryptography of one event after the other, and writes three records for each. There is no
rule, no memory of what came before, no proof that the consent covers it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.peers.job import AUDIT, NOTICE, Egress

BATCH = 200
_WAIT_S = 0.1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a loop works."""

    folder: Path
    bootstrap: str
    group: str
    source: str
    border: str
    audit: str
    notices: str


def faust(place: Place, work: Egress) -> None:
    """Bare Faust: an agent that awaits its sends, at least once."""
    import faust as library  # late: each loop has its own library, and not every interpreter has all
    from faust.types import StreamT

    app = library.App(
        place.group,
        broker=f"kafka://{place.bootstrap}",
        datadir=str(place.folder / "faust"),
        key_serializer="raw",
        value_serializer="raw",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
    )
    border, audit, notices = (
        app.topic(name, value_serializer="raw") for name in (place.border, place.audit, place.notices)
    )

    async def gate(stream: StreamT[bytes]) -> None:
        """Pass each event on."""
        async for value in stream:
            await border.send(value=work(value))
            await audit.send(value=AUDIT)
            await notices.send(value=NOTICE)

    app.agent(app.topic(place.source, value_serializer="raw"), name="gate")(gate)
    library.Worker(app, loglevel="WARNING").execute_from_commandline()


def confluent(place: Place, work: Egress) -> None:
    """Bare confluent-kafka: consume, produce and commit offsets in one transaction for each batch, exactly once."""
    from confluent_kafka import Consumer, Producer

    consumer = Consumer(
        {
            "bootstrap.servers": place.bootstrap,
            "group.id": place.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    producer = Producer({"bootstrap.servers": place.bootstrap, "transactional.id": place.group})
    producer.init_transactions()
    consumer.subscribe([place.source])
    while True:
        messages = [each for each in consumer.consume(BATCH, _WAIT_S) if each.error() is None]
        if not messages:
            continue
        producer.begin_transaction()
        for each in messages:
            producer.produce(place.border, work(each.value()))
            producer.produce(place.audit, AUDIT)
            producer.produce(place.notices, NOTICE)
            producer.poll(0)
        offsets = consumer.position(consumer.assignment())
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        producer.commit_transaction()


def quix(place: Place, work: Egress) -> None:
    """Quix Streams, exactly once: its own transactions, checkpoints as often as a gate's batches."""
    from quixstreams import Application

    app = Application(
        broker_address=place.bootstrap,
        consumer_group=place.group,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_every=BATCH,
        commit_interval=_WAIT_S,
        auto_create_topics=False,
        use_changelog_topics=False,
        state_dir=place.folder / "quix",
        loglevel="WARNING",
    )
    source, border, audit, notices = (
        app.topic(name, key_deserializer="bytes", value_deserializer="bytes", value_serializer="bytes")
        for name in (place.source, place.border, place.audit, place.notices)
    )
    frame = app.dataframe(source)
    frame = frame.apply(work).to_topic(border)
    frame = frame.apply(lambda _value: AUDIT).to_topic(audit)
    frame.apply(lambda _value: NOTICE).to_topic(notices)
    app.run()


KINDS: Mapping[str, Callable[[Place, Egress], None]] = {"faust": faust, "confluent": confluent, "quix": quix}


def main(arguments: list[str]) -> None:
    """Run one loop until it is ended."""
    kind, job, folder, *names = arguments
    KINDS[kind](Place(Path(folder), *names), Egress(Path(job)))


if __name__ == "__main__":
    main(sys.argv[1:])
