"""Parts `peers` and `envelopes`: what others made, beside ours, in one run on one core. Counted is processor time.

A program that is not there is not measured, and a line says so: `make peers` puts it there, pinned by hash, into an
interpreter of its own, as Quix Streams wants an older client of Kafka than ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import cost
from bench.dissect import take_apart
from bench.events import DESTINATION, EVENTS_PER_CONSENT, ORIGIN, Federation
from bench.gatework import seal_some
from bench.peers.envelopes import LACKS
from bench.peers.job import Job
from bench.pinned import cores, in_child, module_argv, move, other_cores
from bench.report import Aim, Measure
from bench.stage import Stage
from bench.usage import cpu_s
from demo.gauges import wait_for
from demo.processes import Command, Service
from demo.world import ROOT, TOOLS_PATH, produce_all
from refbus.bus import confluent
from refbus.clock import machine_ms
from refbus.core.ids import CountryCode, gate_id
from refbus.trust.publisher.ceremony import FederationPaths
from refbus.wire.transport import BorderKind, BorderRecord
from refbus_gate.decide.receipts import inspector_public, public_key_of
from refbus_gate.names import border, outbox

INTERPRETER = ROOT / ".venv" / "peers" / "bin" / "python"
LOOPS = {
    "faust": "bare Faust, the same cryptography one by one",
    "confluent": "bare confluent-kafka with transactions, the same cryptography one by one",
    "quix": "Quix Streams exactly once, the same cryptography one by one",
}
AIM = Aim("ratio", "<=", 0.9)
WARM, COUNT = 200, 1_200
ROUNDS = 200
SECONDS = 120.0
Say = Callable[[str], None]


def interpreter(say: Say, what: str) -> Path | None:
    """Return the interpreter of what others made; None, with a word, where it was not made."""
    if INTERPRETER.is_file():
        return INTERPRETER
    say(f"no .venv/peers (`make peers`): {what} not measured")
    return None


def peers(stage: Stage, raw: Sequence[bytes], say: Say) -> list[Measure]:
    """Return the processor time of an event at the gate of the origin against each loop with its cryptography."""
    job = stage.world.folder / "job"
    job_of(stage.federation, raw).write(job)
    theirs = interpreter(say, "Quix Streams is")
    used = {"faust": Path(sys.executable), "confluent": Path(sys.executable), "quix": theirs}
    broker = stage.world.brokers[ORIGIN].each[0].pid
    move(broker, other_cores())
    try:
        against = {kind: _loop(stage, kind, python, job, raw) for kind, python in used.items() if python is not None}
        ours = _gate(stage, raw)
    finally:
        move(broker, cores())
    name = "gate egress, with Faust and Kafka, processor time"
    return [
        Measure(name, ours * 1e3, "ms/event", LOOPS[kind], other * 1e3, AIM if kind == "faust" else None)
        for kind, other in against.items()
    ]


def envelopes(folder: Path, say: Say) -> list[Measure]:
    """Return what sealing and opening cost against each envelope of others, for parts of the same sizes."""
    theirs = interpreter(say, f"{', '.join(LACKS)} are")
    if theirs is None:
        return []
    federation = Federation.of(FederationPaths(folder))
    event = take_apart(seal_some(folder, 1)[0], federation.member(federation.recipient))
    sizes = [str(len(each)) for each in (event.routing, event.content)]
    argv = [str(theirs), "-W", "ignore", "-m", "bench.peers.envelopes", *sizes, str(ROUNDS)]
    found: dict[str, dict[str, float]] = json.loads(in_child(_output, argv))
    ours = in_child(cost.medians, folder, ROUNDS)
    for name, lacks in LACKS.items():
        say(f"{name}: {lacks}")
    return [
        Measure(f"envelope, {what}", ours[what], "us", f"{name}, {what}", took[what])
        for name, took in found.items()
        for what in ours
    ]


def job_of(federation: Federation, raw: Sequence[bytes]) -> Job:
    """Return the work of the gate of the origin on these events."""
    gate, other = federation.member(gate_id(ORIGIN)), federation.member(gate_id(DESTINATION))
    told = public_key_of(federation.directory, federation.sender, machine_ms())
    inspector = inspector_public(federation.directory, ORIGIN, machine_ms())
    sender = federation.member(federation.sender)
    if told is None or inspector is None:
        raise LookupError("the directory has no current keys")
    return Job(
        events=tuple(take_apart(each, gate) for each in raw),
        seed=gate.kem.seed,
        secret=gate.pair.secret,
        sender=sender.signing_key,
        other_gate=other.signing_key,
        inspector=inspector,
        organisation=told,
        per_consent=EVENTS_PER_CONSENT,
    )


def surroundings() -> dict[str, str]:
    """Return the environment in which an interpreter without our package finds the bare calls."""
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'services'}:{TOOLS_PATH}"}


def _output(argv: list[str]) -> str:
    """Run a program on the core that this process stays on."""
    return subprocess.run(argv, env=surroundings(), capture_output=True, text=True, check=True).stdout


def _gate(stage: Stage, raw: Sequence[bytes]) -> float:
    gate = stage.start_gate(ORIGIN, pinned=True)
    with _watched(stage, DESTINATION, border(DESTINATION, ORIGIN), _is_passed) as passed:
        found = _used(stage, gate, outbox(ORIGIN), raw, passed)
    stage.stop([f"gate-{ORIGIN}"])
    return found


def _loop(stage: Stage, kind: str, python: Path, job: Path, raw: Sequence[bytes]) -> float:
    names = ("source", "border", "audit", "notices")
    topics = [stage.make_topic(ORIGIN, f"bench.{kind}.{each}") for each in names]
    bootstrap, folder = stage.world.brokers[ORIGIN].bootstrap, stage.world.folder
    _, *argv = module_argv("bench.peers.loops", kind, str(job), str(folder), bootstrap, f"bench-{kind}", *topics)
    environment = stage.environment() | {"PYTHONPATH": surroundings()["PYTHONPATH"]}
    log = folder / "log" / f"{kind}.log"
    loop = Service(Command(kind, (str(python), *argv), environment, log), restart=False)
    try:
        with _watched(stage, ORIGIN, topics[1], lambda _value: True) as passed:
            return _used(stage, loop, topics[0], raw, passed)
    finally:
        loop.stop()


def _used(stage: Stage, process: Service, source: str, raw: Sequence[bytes], passed: Passed) -> float:
    """Return processor seconds of an event, after some that do not count: from when these are through until all are."""
    operator = stage.operator(ORIGIN)
    produce_all(operator, source, raw[:WARM])
    wait_for("the first events are through", lambda: passed.has(WARM), SECONDS)
    before = cpu_s(process.pid)
    produce_all(operator, source, raw[WARM:])
    wait_for("all events are through", lambda: passed.has(len(raw)), SECONDS)
    time.sleep(1.0)  # what is written beside the events
    return (cpu_s(process.pid) - before) / (len(raw) - WARM)


class Passed:
    """Counts the records of a topic that are what is waited for, from now on."""

    def __init__(self, stage: Stage, country: CountryCode, topic: str, counts: Callable[[bytes], bool]) -> None:
        self._reader = confluent.reader(stage.operator(country), topic)
        self._reader.seek(self._reader.end_offset())
        self._counts, self._count = counts, 0

    def has(self, count: int) -> bool:
        """Whether so many have come."""
        records = self._reader.read(500, 0.1)
        while records:
            self._count += sum(self._counts(each.value) for each in records)
            records = self._reader.read(500, 0)
        return self._count >= count

    def close(self) -> None:
        """Free the connection."""
        self._reader.close()


@contextmanager
def _watched(stage: Stage, country: CountryCode, topic: str, counts: Callable[[bytes], bool]) -> Iterator[Passed]:
    passed = Passed(stage, country, topic, counts)
    try:
        yield passed
    finally:
        passed.close()


def _is_passed(value: bytes) -> bool:
    return BorderRecord.parse(value).kind is BorderKind.PASSED
