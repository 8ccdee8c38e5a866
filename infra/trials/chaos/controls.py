"""Negative controls: the same journal and the same judge on agents that are broken on purpose.

Each must be found out. One of them is killed and nothing else: it loses nothing, so kills alone prove nothing.
"""

from __future__ import annotations

import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Producer

from chaos import logs
from chaos.ground import wait
from chaos.journal import Attempt, Journal, Nature, Outcome, Planned
from chaos.judging import Expected, Fate, Tally, judge
from chaos.result import Result
from demo.processes import Command, Service
from demo.world import TOOLS_PATH
from refbus.bus.address import BrokerAddress
from refbus.bus.cluster import KafkaCluster
from refbus.bus.port import TopicState
from refbus.crypto.framing import sha256

EVENTS = 300
REST_S = 4.0
BODY = b"x" * 200
"""Makes a record larger than what the sink takes while it refuses."""
SMALL = "150"


@dataclass(slots=True)
class Trial:
    """One control under way: an agent between two topics, and what is done to it."""

    kind: str
    address: BrokerAddress
    folder: Path
    rng: random.Random
    faults: Counter[str] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)
    _service: Service | None = None

    @property
    def source(self) -> str:
        """The topic that is read."""
        return f"{self.folder.name}.source"

    @property
    def sink(self) -> str:
        """The topic where the effect is."""
        return f"{self.folder.name}.sink"

    @property
    def service(self) -> Service:
        """The agent's process under its restarter."""
        if self._service is None:
            self._service = self._start()
        return self._service

    def make_topics(self) -> None:
        """Create both topics, empty."""
        for topic in (self.source, self.sink):
            KafkaCluster(self.address).admin().create_topic(TopicState(topic, 1, 1, {}))

    def _start(self) -> Service:
        environment = {
            "PYTHONPATH": TOOLS_PATH,
            "CHAOS_BOOTSTRAP": self.address.bootstrap,
            "CHAOS_SOURCE": self.source,
            "CHAOS_SINK": self.sink,
            "CHAOS_FAIL_AT": self._fail_at(),
            "CHAOS_STATE": str(self.folder),
        }
        argv = (sys.executable, "-m", "chaos.broken_agents", self.kind)
        return Service(Command(self.kind, argv, environment, self.folder / "agent.log"))

    def _fail_at(self) -> str:
        """Return the event at which the agent fails: the head of the topic for the slow one, any other else."""
        if self.kind in {"naive", "exactly-once"}:
            return "none"
        return self.names[0] if self.kind == "slow-head" else self.names[self.rng.randrange(40, 120)]

    def assigned(self) -> None:
        """Wait until the agent was given its topic in this life."""
        _ = self.service
        wait((self.folder / "assigned").exists, 45.0)

    def kill(self) -> None:
        """Kill the agent once it has written something, and wait until it has its topic again."""
        before = self.written()
        wait(lambda: self.written() > before, 8.0)
        (self.folder / "assigned").unlink(missing_ok=True)
        self.service.signal(signal.SIGKILL)
        self.faults["kill -9"] += 1

    def refuse(self, size: str) -> None:
        """Set the largest record that the sink takes."""
        KafkaCluster(self.address).admin().set_topic_config(self.sink, {"max.message.bytes": size})

    def written(self) -> int:
        """Return how far the sink is."""
        return logs.ends(self.address, [self.sink])[self.sink]

    def rest(self) -> None:
        """Wait until the sink does not grow any more."""
        last, since = self.written(), time.monotonic()

        def still() -> bool:
            nonlocal last, since
            now = self.written()
            if now != last:
                last, since = now, time.monotonic()
            return time.monotonic() - since > REST_S

        wait(still, 40.0)

    def again(self) -> None:
        """Stop the agent in good order and start it anew: what it does not do now is lost for good."""
        self.stop()
        (self.folder / "assigned").unlink(missing_ok=True)
        self._service = self._start()
        self.assigned()
        self.rest()

    def stop(self) -> None:
        """End the agent."""
        if self._service is not None:
            self._service.stop()

    def send(self, names: list[str]) -> None:
        """Produce these events, with the broker's word for each in the journal before the call returns."""
        heard: list[Attempt] = []
        producer = Producer(self.address.client_config("chaos-control") | {"acks": "all"})
        with Journal(self.folder / "journal.jsonl") as journal:
            journal.planned(_planned(name) for name in names)
            for name in names:
                producer.produce(self.source, value(name), on_delivery=_note(heard, name))
            producer.flush(30.0)
            journal.attempts(heard)


Play = Callable[[Trial], None]


def _note(heard: list[Attempt], name: str) -> Callable[[object, object], None]:
    return lambda failure, _message: heard.append(Attempt(name, Outcome.OK if failure is None else Outcome.UNKNOWN))


def value(name: str) -> bytes:
    """Return the record of an event."""
    return name.encode() + b" " + BODY


def _planned(name: str) -> Planned:
    case, _, step = name.partition("/")
    return Planned(name, case, int(step), "source", "sink", Nature.EVENT, sha256(value(name)).hex())


def _flow(trial: Trial) -> None:
    """Send everything in small portions, so that offsets are committed in between."""
    trial.assigned()
    for start in range(0, len(trial.names), 30):
        trial.send(trial.names[start : start + 30])
        time.sleep(0.25)
    trial.rest()


def _fails_once(trial: Trial) -> None:
    _flow(trial)
    trial.faults["exception"] += int((trial.folder / "failed").exists())


def _slow_head(trial: Trial) -> None:
    _fails_once(trial)
    trial.kill()
    trial.assigned()


def _refused(trial: Trial) -> None:
    trial.assigned()
    trial.send(trial.names[:100])
    trial.rest()
    trial.refuse(SMALL)
    trial.send(trial.names[100:200])
    trial.faults["send refused"] += 1
    trial.rest()
    trial.refuse("1048588")
    trial.send(trial.names[200:])
    trial.rest()


def _killed(times: int) -> Play:
    def play(trial: Trial) -> None:
        trial.assigned()
        portion = len(trial.names) // times
        for number in range(times):
            trial.send(trial.names[number * portion : (number + 1) * portion])
            trial.kill()
            trial.assigned()
        trial.rest()

    return play


def _aborted(trial: Trial) -> None:
    """Send in transactions, every third of which is aborted: what is in it was never sent."""
    trial.assigned()
    producer = Producer(trial.address.client_config("chaos-aborts") | {"transactional.id": trial.source})
    producer.init_transactions(30.0)
    for start in range(0, len(trial.names), 30):
        names = trial.names[start : start + 30]
        producer.begin_transaction()
        for name in names:
            producer.produce(trial.source, value(name))
        producer.flush(30.0)
        if start // 30 % 3 == 2:
            producer.abort_transaction(30.0)
            trial.faults["transaction aborted"] += 1
        else:
            producer.commit_transaction(30.0)
    trial.rest()


@dataclass(frozen=True, slots=True)
class Control:
    """One row of bus.md section 8's table. `only` names the one number that may be above 0, where that is the point."""

    name: str
    kind: str
    play: Play
    only: str = ""
    events: int = EVENTS

    def run(self, address: BrokerAddress, folder: Path, seed: int) -> Result:
        """Play it on a broker; the agent is ended whatever happens."""
        began = time.monotonic()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        rng = random.Random(f"{seed}/{self.name}")  # noqa: S311  repeatable, not secret
        names = [f"{case}/{step}" for step in range(self.events // 10) for case in range(10)]
        trial = Trial(self.kind, address, folder, rng, names=names)
        stuck = ""
        try:
            trial.make_topics()
            self.play(trial)
            trial.again()
        except Exception as error:  # noqa: BLE001 - reported; it does not end the other controls
            stuck = f"{type(error).__name__}: {error}"
        finally:
            trial.stop()
        tally = Tally() if stuck else trial_tally(trial)
        if self.only and tally.total != getattr(tally, self.only):
            stuck = f"more than {self.only} was found"
        return Result(self.name, True, len(names), trial.faults, tally, time.monotonic() - began, stuck)


def trial_tally(trial: Trial) -> Tally:
    """Judge: what is committed in the source must be in the sink once, in order."""
    source = [_name(line.value) for line in logs.read_topic(trial.address, trial.source)]
    sink = [_name(line.value) for line in logs.read_topic(trial.address, trial.sink)]
    positions: Mapping[str, int] = {name: place for place, name in reversed(list(enumerate(source)))}
    expected = [Expected(name, name.partition("/")[0], place, Fate.DELIVERED) for name, place in positions.items()]
    return judge(expected, [sink], [])


def _name(record: bytes) -> str:
    with suppress(UnicodeDecodeError):
        return record.split(b" ")[0].decode("ascii")
    return "?"


CONTROLS: tuple[Control, ...] = (
    Control("agent raises, defaults", "defaults", _fails_once),
    Control("agent raises, noack alone", "noack", _fails_once),
    Control("agent raises, CrashingSupervisor alone", "crashing", _fails_once),
    Control("agent raises inside async with", "async-with", _fails_once),
    Control("concurrency 2, slow head, kill -9", "slow-head", _slow_head),
    Control("send refused, sink", "sink", _refused),
    Control("send refused, single await", "single-await", _refused),
    Control("deserialiser raises", "deserialiser", _fails_once),
    Control("exactly_once, six kills", "exactly-once", _killed(6), events=1200),
    Control("upstream aborts transactions", "naive", _aborted),
    Control("kill -9 alone, naive agent", "naive", _killed(3), only="duplicate_effects", events=600),
)
"""Every row of the table that loses or doubles, and the one that shows that kills alone expose nothing."""
