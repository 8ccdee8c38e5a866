"""`python -m bench.passthrough BOOTSTRAP GROUP SOURCE TARGET FOLDER`: Faust alone, from one topic to another."""

from __future__ import annotations

import sys
from pathlib import Path

import faust
from faust.types import StreamT


def app_of(bootstrap: str, group: str, source: str, target: str, datadir: Path) -> faust.App:
    """Return an application that writes every record of `source` to `target` as it is."""
    app = faust.App(
        group,
        broker=f"kafka://{bootstrap}",
        datadir=str(datadir),
        key_serializer="raw",
        value_serializer="raw",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
    )
    destination = app.topic(target, value_serializer="raw")

    async def forward(stream: StreamT[bytes]) -> None:
        """Send each record on."""
        async for value in stream:
            await destination.send(value=value)

    app.agent(app.topic(source, value_serializer="raw"), name="forward")(forward)
    return app


if __name__ == "__main__":
    bootstrap, group, source, target, folder = sys.argv[1:]
    application = app_of(bootstrap, group, source, target, Path(folder))
    faust.Worker(application, loglevel="WARNING").execute_from_commandline()
