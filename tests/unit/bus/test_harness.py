"""What the harness takes out of Faust's hands, without a broker."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

from aiokafka import AIOKafkaConsumer
from faust.types import TP

from refbus.bus.address import BrokerAddress
from refbus.bus.harness import WorkerSettings, create_app
from refbus.bus.quiet import ConsumerThread


def test_a_partition_that_was_just_taken_away_ends_no_worker() -> None:
    """Faust asks with each record where its partition ends: the driver's refusal ended a worker that joined anew."""

    async def ask() -> int | None:
        thread = ConsumerThread.__new__(ConsumerThread)  # the rest of Faust would make loops of its own
        thread.consumer = SimpleNamespace(in_transaction=False)
        thread._consumer = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")  # of no group yet
        try:
            return thread.highwater(TP("kz.outbox", 0))
        finally:
            await thread._consumer.stop()

    assert asyncio.run(ask()) is None


def test_a_broker_that_stands_still_is_given_up_soon_after_a_session(tmp_path: Path) -> None:
    """Faust lets a request wait for 90 s, and a gate read nothing meanwhile; whoever joins may wait for a session."""
    settings = WorkerSettings("fictional", BrokerAddress("127.0.0.1:1"), tmp_path, session_timeout_s=9.0)

    async def connections_wait_s() -> float:
        thread = ConsumerThread.__new__(ConsumerThread)
        thread.app = create_app(settings, {})
        thread.consumer = SimpleNamespace(in_transaction=False)
        consumer = thread._create_worker_consumer(thread.app.transport)
        try:
            return float(consumer._client._request_timeout_ms / 1000)
        finally:
            await consumer.stop()

    assert asyncio.run(connections_wait_s()) == 15.0
