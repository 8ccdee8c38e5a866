"""Faust without its idle clocks: what takes the place of each, and that the installed Faust still has it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from types import SimpleNamespace

import pytest
from aiokafka.consumer.fetcher import Fetcher
from faust.sensors import Monitor
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as FaustConsumer
from mode.services import ServiceTask
from mode.threads import ServiceThread

from refbus.bus.quiet import Consumer, ConsumerThread, QuietMonitor

TASKS = [
    (QuietMonitor, Monitor, "_sampler"),
    (Consumer, FaustConsumer, "_commit_handler"),
    (Consumer, FaustConsumer, "_commit_livelock_detector"),
    (ConsumerThread, AIOKafkaConsumerThread, "_thread_keepalive"),
]


@pytest.mark.parametrize(("ours", "theirs", "name"), TASKS)
def test_each_task_takes_the_place_of_one_of_fausts(ours: type, theirs: type, name: str) -> None:
    """Under another name ours would run beside it."""
    assert isinstance(getattr(ours, name), ServiceTask)
    assert isinstance(getattr(theirs, name), ServiceTask)
    assert getattr(ours, name) is not getattr(theirs, name)


def test_no_task_of_faust_is_left_that_looks_by_the_clock() -> None:
    """A later Faust may have more of them: somebody has to look."""
    known = {name for _, _, name in TASKS}
    for ours in (QuietMonitor, Consumer, ConsumerThread):
        names = {name for base in ours.__mro__ for name, each in vars(base).items() if isinstance(each, ServiceTask)}
        assert names <= known


def test_the_driver_has_the_clock_that_is_set_slower() -> None:
    """The names that are set are those that the driver reads."""
    assert "_fetcher_timeout" in Fetcher._get_actions_per_node.__code__.co_names
    assert asyncio.iscoroutinefunction(ServiceThread._keepalive2)


class Turn:
    """Lets everybody else go on once."""

    def __await__(self) -> Generator[None, None, None]:
        """Give the loop the turn."""
        yield


class Acks(Consumer):
    """A consumer of which only the committing is there."""

    def __init__(self, fails: int) -> None:
        self._acknowledged = asyncio.Event()
        self.commits, self._fails = 0, fails
        self._acked: dict[str, list[int]] = {}
        self.app = SimpleNamespace(topics=SimpleNamespace(acks_enabled_for=lambda _topic: False))
        self.commit_interval = 0.0
        self.committed = asyncio.Event()

    should_stop = property(lambda self: self.committed.is_set() and not self._acknowledged.is_set())

    async def wait_first(self, *coros: object, **_: object) -> None:
        """Wait for the first, or the end."""
        (coro,) = coros
        await coro  # type: ignore[misc]

    async def sleep(self, _seconds: float, **_: object) -> None:
        """Let the others go on."""
        await Turn()

    async def commit(self, *_: object, **__: object) -> bool:
        """Commit, except the first times."""
        self.commits += 1
        if self.commits > self._fails:
            self._acked.clear()
            self.committed.set()
        return True


def commits(fails: int, acks: int) -> int:
    """Return how often is committed after so many acknowledgements, when the first commits leave something."""

    async def run() -> int:
        consumer = Acks(fails)
        handler = asyncio.ensure_future(Consumer._commit_handler.fun(consumer))
        await Turn()
        assert consumer.commits == 0
        for offset in range(acks):
            consumer._acked["tp"] = [offset]
            consumer.ack(SimpleNamespace(acked=False, tp="tp", offset=offset, topic="t"))
        await handler
        return consumer.commits

    return asyncio.run(run())


@pytest.mark.parametrize(("fails", "acks", "expected"), [(0, 1, 1), (0, 9, 1), (3, 9, 4)])
def test_an_acknowledgement_begins_the_commit(fails: int, acks: int, expected: int) -> None:
    """None without one; one for all that came meanwhile; again while something is left."""
    assert commits(fails, acks) == expected
