"""Faust agents that are broken on purpose, each in one way of bus.md section 8's table.

`python -m chaos.broken_agents KIND` copies records from CHAOS_SOURCE to CHAOS_SINK on CHAOS_BOOTSTRAP and fails once,
in the way of its kind, at the record that begins with CHAOS_FAIL_AT. CHAOS_STATE is a folder for what outlives the
process. They are never imported by the product. The safe way is `refbus.bus.harness`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust
from faust.serializers.codecs import Codec
from faust.types import StreamT, TopicT
from faust.worker import Worker
from mode import CrashingSupervisor

SLOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Setting:
    """Where an agent reads, writes and remembers."""

    kind: str
    bootstrap: str
    source: str
    sink: str
    fail_at: bytes
    state: Path

    @classmethod
    def of(cls, kind: str, environment: Mapping[str, str]) -> Setting:
        """Return the setting that the harness gave."""
        return cls(
            kind,
            environment["CHAOS_BOOTSTRAP"],
            environment["CHAOS_SOURCE"],
            environment["CHAOS_SINK"],
            environment["CHAOS_FAIL_AT"].encode(),
            Path(environment["CHAOS_STATE"]),
        )

    def fails(self, value: bytes) -> bool:
        """Return True for the chosen record, once in all lives of the process; it is noted as an injected fault."""
        mark = self.state / "failed"
        if value.split(b" ")[0] != self.fail_at or mark.exists():
            return False
        mark.touch()
        return True


class TransientFailureError(Exception):
    """What a real agent meets now and then: it would work the second time."""


@dataclass(frozen=True, slots=True)
class Agent:
    """The parts of one agent under construction."""

    setting: Setting
    app: faust.App
    source: TopicT
    sink: TopicT

    async def deliver(self, value: bytes) -> None:
        """Write to the sink and wait for the broker's word, as one should."""
        await (await self.sink.send(value=value))

    async def handle(self, value: bytes) -> None:
        """Fail once at the chosen record; deliver everything else."""
        if self.setting.fails(value):
            raise TransientFailureError
        await self.deliver(value)


def _defaults(agent: Agent) -> None:
    async def copy(stream: StreamT[bytes]) -> None:
        async for value in stream:
            await agent.handle(value)

    agent.app.agent(agent.source)(copy)


def _noack(agent: Agent) -> None:
    async def copy(stream: StreamT[bytes]) -> None:
        async for event in stream.noack().events():
            await agent.handle(event.value)
            event.ack()

    agent.app.agent(agent.source)(copy)


def _async_with(agent: Agent) -> None:
    async def copy(stream: StreamT[bytes]) -> None:
        async for event in stream.noack().events():
            async with event:
                await agent.handle(event.value)

    agent.app.agent(agent.source)(copy)


def _slow_head(agent: Agent) -> None:
    async def copy(stream: StreamT[bytes]) -> None:
        async for value in stream:
            if agent.setting.fails(value):
                await asyncio.sleep(SLOW_S)
            await agent.deliver(value)

    agent.app.agent(agent.source, concurrency=2)(copy)


def _sink(agent: Agent) -> None:
    async def copy(stream: StreamT[bytes]) -> Any:
        async for value in stream:
            yield value

    agent.app.agent(agent.source, sink=[agent.sink])(copy)


def _single_await(agent: Agent) -> None:
    async def copy(stream: StreamT[bytes]) -> None:
        async for value in stream:
            await agent.sink.send(value=value)

    agent.app.agent(agent.source)(copy)


def _deserialiser(agent: Agent) -> None:
    class Fussy(Codec):  # type: ignore[misc]
        """Raises at the chosen record, however often it is read: what is lost was never even seen."""

        def _loads(self, data: bytes) -> bytes:
            agent.setting.fails(data)
            if data.split(b" ")[0] == agent.setting.fail_at:
                raise ValueError("cannot read this")
            return data

        def _dumps(self, data: bytes) -> bytes:
            return data

    source = agent.app.topic(agent.setting.source, key_serializer="raw", value_serializer=Fussy())

    async def copy(stream: StreamT[bytes]) -> None:
        async for event in stream.noack().events():
            await agent.deliver(event.value)
            event.ack()

    agent.app.agent(source)(copy)


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to be broken: the agent, and how the application differs from Faust's defaults."""

    build: Callable[[Agent], None]
    options: Mapping[str, Any]


_CRASH = {"agent_supervisor": CrashingSupervisor}
KINDS: Mapping[str, Kind] = {
    "naive": Kind(_defaults, {}),  # never fails by itself
    "defaults": Kind(_defaults, {}),
    "noack": Kind(_noack, {}),
    "crashing": Kind(_defaults, {**_CRASH, "stream_wait_empty": True}),  # Faust's default: commits on its way down
    "async-with": Kind(_async_with, _CRASH),
    "slow-head": Kind(_slow_head, {}),
    "sink": Kind(_sink, {}),
    "single-await": Kind(_single_await, {}),
    "deserialiser": Kind(_deserialiser, {}),
    "exactly-once": Kind(_defaults, {"processing_guarantee": "exactly_once"}),
}


def application(setting: Setting) -> faust.App:
    """Return the application of a kind."""
    kind = KINDS[setting.kind]
    options: dict[str, Any] = {
        "broker": f"kafka://{setting.bootstrap}",
        "store": "memory://",
        "datadir": str(setting.state / "faust"),
        "key_serializer": "raw",
        "value_serializer": "raw",
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "stream_wait_empty": False,
        "web_enabled": False,
        "broker_commit_interval": 0.5,
        "broker_session_timeout": 6.0,
        "broker_heartbeat_interval": 1.5,
        "consumer_auto_offset_reset": "earliest",
        **kind.options,
    }
    app = faust.App(f"chaos-{setting.source}", **options)
    raw = {"key_serializer": "raw", "value_serializer": "raw"}
    kind.build(Agent(setting, app, app.topic(setting.source, **raw), app.topic(setting.sink, **raw)))

    async def assigned(_app: faust.App, assigned: set[object], **_kwargs: object) -> None:
        """Leave a file for the harness once the agent has its topic."""
        if assigned:
            (setting.state / "assigned").touch()

    app.on_partitions_assigned.connect(assigned)

    return app


if __name__ == "__main__":
    chosen = Setting.of(sys.argv[1], os.environ)
    sys.argv = sys.argv[:1]
    Worker(application(chosen), quiet=True, loglevel="error").execute_from_commandline()
