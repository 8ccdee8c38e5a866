"""A foreign member of a gate's consumer group: it joins, does nothing with what it is given, and is killed.

It says how far it came in two files: CHAOS_JOINED when it is a member, the same with ".held" when it has topics.
"""

from __future__ import annotations

import os
from pathlib import Path

import faust
from faust.types import StreamT
from faust.worker import Worker


def main(environment: dict[str, str]) -> None:
    """Join the group."""
    app = faust.App(
        environment["CHAOS_GROUP"],
        broker=f"kafka://{environment['CHAOS_BOOTSTRAP']}",
        store="memory://",
        datadir=f"{environment['CHAOS_JOINED']}.faust",
        key_serializer="raw",
        value_serializer="raw",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.5,
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
    )
    for name in environment["CHAOS_TOPICS"].split(","):

        async def idle(stream: StreamT[bytes]) -> None:
            """Take everything and acknowledge nothing."""
            async for _event in stream.noack().events():
                pass

        app.agent(app.topic(name, key_serializer="raw", value_serializer="raw"), name=f"idle-{name}")(idle)

    async def assigned(_app: faust.App, assigned: set[object], **_kwargs: object) -> None:
        """Leave a file for the harness: a member now, and whether with topics."""
        joined = Path(environment["CHAOS_JOINED"])
        joined.touch()
        if assigned:
            joined.with_suffix(".held").touch()

    app.on_partitions_assigned.connect(assigned)
    Worker(app, quiet=True, loglevel="warning").execute_from_commandline()


if __name__ == "__main__":
    main(dict(os.environ))
