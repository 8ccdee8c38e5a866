"""Faust's parts as a worker here runs them: they read what is committed, end with the process, and have no idle clocks.

By itself Faust looks many times a second whether there is something to do: what to commit, whether partitions stand
still, how fast events go, whether a loop hears what another thread tells it. Here an acknowledgement begins the commit,
`refbus.node.watchdog` finds what stands still, and nobody reads the figures. What is told across threads rings by
itself; the two nets for that are kept, and are slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NoReturn, cast

from faust.sensors import Monitor
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as FaustConsumer
from faust.transport.drivers.aiokafka import Transport as FaustTransport
from faust.types import Message
from mode import Service

from refbus.bus import crash

_NET_S: Final = 10.0
"""So late is heard what one thread told another, should the ringing ever be lost."""
_FETCH_LOOK_S: Final = 2.0
"""How often the driver looks for something to fetch; an answer, a record taken and a new assignment wake it."""
_ANSWER_S: Final = 6.0
"""So much longer than a session may an answer take: whoever joins waits for the session of a member that is gone."""


def _task(work: Callable[..., Awaitable[None]]) -> Any:
    """Make a task of a service, in the place of that with the same name."""
    return Service.task(work)


class QuietMonitor(Monitor):  # type: ignore[misc]
    """Keeps figures that Faust itself needs, and computes none from them."""

    @_task
    async def _sampler(self) -> None:
        """Do nothing."""


class ConsumerThread(AIOKafkaConsumerThread):  # type: ignore[misc]
    """The driver's consumer with what Faust does not let through: only committed records are read, answers are short.

    A broker of several that stands still keeps its connections. With Faust's timeout of a request (90 s, by which it
    measures its own work as well) a worker waited for its answer long after another broker led.

    Its crash ends the process. Faust would go on without it and read nothing, and then wait for it for ever, deaf to
    SIGTERM.
    """

    async def crash(self, exc: BaseException) -> NoReturn:
        """End the process."""
        crash.die_of(exc)

    async def on_start(self) -> None:
        """Connect. Raises KafkaError."""
        await super().on_start()
        self._consumer._fetcher._fetcher_timeout = _FETCH_LOOK_S

    def highwater(self, tp: Any) -> int | None:
        """Return where a partition ends, None for one that a changing group has just taken away.

        Faust asks this with every record, for figures that nobody reads here; the driver's refusal ended the worker.
        """
        try:
            return cast("int | None", super().highwater(tp))
        except AssertionError:
            return None

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._client._request_timeout_ms = int(consumer._session_timeout_ms + _ANSWER_S * 1000)
        return consumer

    async def _keepalive2(self) -> None:
        """Wake the loop of the worker now and then."""
        while not self.should_stop:
            await self.sleep(_NET_S)
            await self._wakeup_timer_in_thread()

    @_task
    async def _thread_keepalive(self) -> None:
        """Wake the loop of the thread now and then."""
        while not self.should_stop:
            await self.sleep(_NET_S)


class Consumer(FaustConsumer):  # type: ignore[misc]
    """Commits when something was acknowledged, as often as the interval says; leaves standing still to the watchdog."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def __init__(self, *args: Any, **settings: Any) -> None:
        """Begin with nothing to commit."""
        self._acknowledged = asyncio.Event()
        super().__init__(*args, **settings)

    def ack(self, message: Message) -> bool:
        """Note that a record is done with."""
        self._acknowledged.set()
        return cast("bool", super().ack(message))

    @_task
    async def _commit_handler(self) -> None:
        """Commit what is acknowledged; what could not be, or came while another committed, is tried again."""
        while not self.should_stop:
            await self.wait_first(self._acknowledged.wait())
            await self.sleep(self.commit_interval)
            self._acknowledged.clear()
            await self.commit()
            if any(self._acked.values()):
                self._acknowledged.set()

    @_task
    async def _commit_livelock_detector(self) -> None:
        """Do nothing."""


class Transport(FaustTransport):  # type: ignore[misc]
    """Makes the consumer above."""

    Consumer = Consumer
