"""What the harness takes out of Faust's hands, without a broker."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from aiokafka import AIOKafkaConsumer
from faust.types import TP

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
