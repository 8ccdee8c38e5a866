"""The safe way to run Faust: with `quiet` the only module, besides thin apps, that imports it.

What must hold for a record never to be lost (most lines have a negative control in `chaos.broken_agents`):

1. raw bytes in, decoding is the handler's: a deserialiser that raises acknowledges and skips
2. one agent, concurrency 1, per topic: with more, the commit steps over a slow record at the head
3. `noack` and manual acks **and** `CrashingSupervisor`: with one of them alone a failed record is acknowledged
4. the acks are the last statement, in order, after the handler's transaction is on disk; no `async with`
5. the worker dies on any error, also one in the driver's thread, and something outside restarts it
6. no sink, no send, no table, no exactly_once: producing is the pumps' business
7. only committed records are read: by default Faust also processes those of aborted transactions
8. a batch that the driver cannot read reaches the handler as one record that says so: `refbus.bus.driver`

The handler runs in a thread of its own, so heartbeats to the broker go on while a batch is decided.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

import faust
from faust.types import EventT, StreamT
from faust.worker import Worker
from mode import CrashingSupervisor

from refbus.bus import crash, driver
from refbus.bus.address import BrokerAddress
from refbus.bus.crash import die
from refbus.bus.port import Record
from refbus.bus.quiet import QuietMonitor, Transport
from refbus.errors import Code, SetupError

_log = logging.getLogger("refbus.bus.harness")
_JOIN_S = 3.0
"""How long a group is given to settle before it is joined anew with a topic that it does not have yet."""

__all__ = ["BatchHandler", "WorkerSettings", "begin", "create_app", "die", "listen", "run"]


class BatchHandler(Protocol):
    """Decides a batch of one topic. Returns only when every effect is on disk; raises to stop the worker."""

    def handle(self, records: Sequence[Record]) -> None:
        """Decide `records`, which are of one topic and in order."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How one worker reads. `group` names the application; every standby of a country uses the same one.

    Seconds: `session_timeout_s` after which a silent worker is replaced, `commit_interval_s` how often acknowledged
    offsets are committed. A batch is what has arrived while the one before was decided: nothing waits for it to fill.
    """

    group: str
    address: BrokerAddress
    data_dir: Path
    batch: int = 256
    session_timeout_s: float = 6.0
    commit_interval_s: float = 0.5

    def check(self) -> None:
        """Raise SetupError UNSAFE_SETTING or SETTINGS_INVALID where records could be lost or read by others."""
        self.address.check()
        if not 1 <= self.batch <= 4096:
            raise SetupError(Code.SETTINGS_INVALID, "batch: 1 to 4096")
        if not 6.0 <= self.session_timeout_s <= 30.0:
            raise SetupError(Code.UNSAFE_SETTING, "session_timeout_s: 6 to 30 seconds")
        if not 0.5 <= self.commit_interval_s <= 1.0:
            raise SetupError(Code.UNSAFE_SETTING, "commit_interval_s: 0.5 to 1 second")


def create_app(settings: WorkerSettings, handlers: Mapping[str, BatchHandler]) -> faust.App:
    """Return a Faust application with one safe agent per topic. Nothing happens on import or before it is run."""
    settings.check()
    driver.install()
    app = _App(settings.group, **_conf(settings))
    app.transport = Transport(app.conf.broker_consumer, app)
    for topic, handler in sorted(handlers.items()):
        _add_agent(app, settings, topic, handler)
    return app


def begin(app: faust.App, task: Callable[[], None]) -> None:
    """Call `task` once when this worker has begun to read; it returns at once. An exception of it stops the worker."""

    async def first() -> None:
        """Run the task."""
        try:
            task()
        except Exception as error:
            await app.crash(error)
            raise

    app.task(first)


def listen(app: faust.App, settings: WorkerSettings, topic: str, handler: BatchHandler) -> None:
    """Read one more topic with a safe agent, while `app` runs; may be called from any thread, and returns at once.

    The group is joined anew with the longer list. What was handed over and not acknowledged comes again: the handler
    knows what it has. A failure ends the worker, as that of any agent.
    """
    asyncio.run_coroutine_threadsafe(_listen(app, settings, topic, handler), app.loop)


async def _listen(app: faust.App, settings: WorkerSettings, topic: str, handler: BatchHandler) -> None:
    try:
        _add_agent(app, settings, topic, handler)
        app.agents.update_topic_index()
        await app.agents[f"decide-{topic}"].maybe_start()
        while topic not in {each.topic for each in app.consumer.assignment()}:
            if not app.rebalancing:
                # Faust joins anew by itself after 45 seconds, and forgets it when the group is just changing.
                await app.consumer.subscribe(await app.topics._update_indices())
            await asyncio.sleep(_JOIN_S)
        _log.info("%s is read too", topic)
    except Exception as error:
        await app.crash(error)
        raise


def run(app: faust.App, stop: Callable[[], None]) -> NoReturn:
    """Run until SIGTERM, then call `stop` and exit 0; exit 1 on any error."""
    for noisy in ("faust", "mode", "aiokafka"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = Worker(app, loop=loop, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None  # it would move the cursor of a terminal
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        if ended.code in {0, None} and not _failed(app):
            stop()
            raise
    except Exception:  # noqa: BLE001 - whatever it is, the process ends and is started again
        _log.exception("the worker failed")
    die("the worker stopped on an error; the restarter starts it again")


class _App(faust.App):  # type: ignore[misc]
    _ending: threading.Timer | None = None

    def _crash(self, reason: BaseException) -> None:
        """Give Faust a while to stop after a crash: what it waits for may never come."""
        super()._crash(reason)
        self._ending = self._ending or crash.die_later(reason)


def _failed(app: faust.App) -> bool:
    return app.crashed or any(agent.crashed for agent in app.agents.values())


def _conf(settings: WorkerSettings) -> dict[str, Any]:
    tls = settings.address.tls
    return {
        "broker": [f"kafka://{entry.strip()}" for entry in settings.address.bootstrap.split(",")],
        "broker_credentials": None if tls is None else faust.SSLCredentials(context=driver.ssl_context(tls)),
        "store": "memory://",
        "datadir": str(settings.data_dir),
        "key_serializer": "raw",
        "value_serializer": "raw",
        "agent_supervisor": CrashingSupervisor,
        "Monitor": QuietMonitor,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "stream_wait_empty": False,
        "web_enabled": False,
        "broker_session_timeout": settings.session_timeout_s,
        "broker_heartbeat_interval": settings.session_timeout_s / 4,
        "broker_commit_interval": settings.commit_interval_s,
        "broker_max_poll_records": settings.batch,
        "consumer_auto_offset_reset": "earliest",
        "processing_guarantee": "at_least_once",
        "worker_redirect_stdouts": False,
    }


def _add_agent(app: faust.App, settings: WorkerSettings, name: str, handler: BatchHandler) -> None:
    topic = app.topic(name, key_serializer="raw", value_serializer="raw")
    thread = ThreadPoolExecutor(1, thread_name_prefix=f"decide-{name}")

    async def decide(stream: StreamT[bytes]) -> None:
        loop = asyncio.get_running_loop()
        manual, batch = stream.noack(), list[EventT[Any]]()
        async for event in manual.events():
            batch.append(event)
            if len(batch) < settings.batch and not manual.channel.queue.empty():
                continue  # more is here already: it comes along
            await loop.run_in_executor(thread, handler.handle, [_record(name, each) for each in batch])
            for each in batch:
                each.ack()
            batch.clear()

    app.agent(topic, name=f"decide-{name}", concurrency=1)(decide)


def _record(topic: str, event: EventT[Any]) -> Record:
    message = event.message
    return driver.record_of(topic, message.offset, message.value, int((message.timestamp or 0) * 1000))
