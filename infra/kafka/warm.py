"""The training start: run a broker once so that Java can keep its loaded classes. Only ever a matter of speed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from kafka import java
from kafka.artifacts import Progress, fetch, locked
from kafka.broker import Broker, BrokerFailedError

WRITE_SECONDS = 180.0
"""How long the training start may take to end: seven seconds on an idle machine."""

TRAINING = ".training.lock"  # not the lock of the jars: the broker that is trained fetches them itself


def warm(progress: Progress = print) -> None:
    """Make the class cache if there is none for this Java runtime. A failure is told and changes nothing else.

    Two processes may call this at once: the second waits, and finds what the first has made.
    """
    folder = fetch(progress)
    if java.class_cache(folder).is_file():
        return
    with locked(folder, TRAINING):
        if not java.class_cache(folder).is_file():
            _train(folder, progress)


def _train(folder: Path, progress: Progress) -> None:
    progress("broker: training start, so that later starts take a second (once, about 15 seconds)")
    try:
        with tempfile.TemporaryDirectory(prefix="refbus-broker-") as directory:
            broker = Broker(Path(directory), progress=progress)
            broker.start(train=True)
            broker.stop(WRITE_SECONDS)  # at its end it writes the cache
        java.training_output(folder).replace(java.class_cache(folder))
    except (BrokerFailedError, OSError) as caught:
        progress(f"broker: no class cache ({type(caught).__name__}); starts are slower, nothing else changes")
