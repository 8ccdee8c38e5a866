"""A process that reads a topic with the safe harness and writes down, on disk, what it was given.

`python -m support.worker` with a `Plan` in the environment. It misbehaves once, at one record: raise (the handler
raises), kill (SIGKILL after the handler's effect is on disk, before the acks), slow (the handler takes longer than the
session may be silent), also (it reads the topic `<topic>.also` too from then on), thread (a task in the thread of
Faust's driver raises).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import faust

from refbus.bus.address import BrokerAddress
from refbus.bus.harness import WorkerSettings, create_app, listen, run
from refbus.bus.port import Record

TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker does. `folder` outlives it."""

    bootstrap: str
    topic: str
    folder: Path
    what: str = ""
    at: str = ""

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("REFBUS_")},
            "PYTHONPATH": str(TESTS),
            "PLAN": "|".join((self.bootstrap, self.topic, str(self.folder), self.what, self.at)),
        }
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "support.worker"], env=environment, stdout=log, stderr=log)

    def seen(self) -> list[str]:
        """Return the values in the order in which their effects reached the disk, repeats included."""
        journal = self.folder / "journal"
        return journal.read_text().split() if journal.exists() else []


@dataclass(frozen=True, slots=True)
class Scribe:
    """The handler: one line per record, on disk before it returns."""

    plan: Plan
    then: Callable[[Scribe], None] = lambda _self: None

    def handle(self, records: Sequence[Record]) -> None:
        """Write down a batch; misbehave once."""
        for record in records:
            value = record.value.decode()
            mark = self.plan.folder / "misbehaved"
            chosen = value == self.plan.at and not mark.exists()
            if chosen:
                mark.touch()
            if chosen and self.plan.what == "raise":
                raise ZeroDivisionError
            with (self.plan.folder / "journal").open("a") as journal:
                journal.write(value + "\n")
                journal.flush()
                os.fsync(journal.fileno())
            if chosen and self.plan.what == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if chosen and self.plan.what == "slow":
                time.sleep(10.0)
            if chosen and self.plan.what in {"also", "thread"}:
                self.then(self)


def main() -> None:
    """Run until SIGTERM."""
    bootstrap, topic, folder, what, at = os.environ["PLAN"].split("|")
    plan = Plan(bootstrap, topic, Path(folder), what, at)
    settings = WorkerSettings(f"group-{topic}", BrokerAddress(bootstrap), plan.folder, batch=7)

    def then(scribe: Scribe) -> None:
        if what == "thread":
            fail_in_thread(app)
        else:
            listen(app, settings, f"{topic}.also", scribe)

    app = create_app(settings, {topic: Scribe(plan, then)})
    run(app, lambda: None)


def fail_in_thread(app: faust.App) -> None:
    """Let a task of Faust's driver raise in its thread, as its own do."""
    thread = app.consumer._thread

    async def fail() -> None:
        raise ZeroDivisionError

    thread.thread_loop.call_soon_threadsafe(lambda: thread.add_future(fail()))


if __name__ == "__main__":
    main()
