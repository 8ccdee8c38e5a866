"""Part 2, whole: a gate with Faust and Kafka on one core works off a backlog; so does a bare Faust pass-through.

The broker, on the other cores, dates what comes out, so nothing has to be watched while it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.events import DESTINATION, ORIGIN
from bench.gatework import AIM, BASELINE
from bench.pinned import cores, module_argv, move, other_cores
from bench.report import Measure
from bench.stage import Stage
from demo.gauges import wait_for
from demo.processes import Command, Service
from demo.world import produce_all
from refbus.bus import confluent
from refbus.core.ids import CountryCode
from refbus_gate.names import border, outbox

BARE = "bare Faust pass-through"
SECONDS = 120.0


def measure(stage: Stage, raw: list[bytes], limits: dict[str, float]) -> list[Measure]:
    """Return the rates of both gates with everything around them. `limits`: what cryptography alone allows."""
    broker = stage.world.brokers[ORIGIN].each[0].pid
    move(broker, other_cores())
    try:
        bare = _pass_through(stage, raw)
        produce_all(stage.operator(ORIGIN), outbox(ORIGIN), raw)
        egress = _gate(stage, ORIGIN, border(DESTINATION, ORIGIN), len(raw))
        ingress = _gate(stage, DESTINATION, f"{DESTINATION}.audit", len(raw))
    finally:
        move(broker, cores())
    rates = {"egress": egress, "ingress": ingress}
    return [
        *(_against(name, rate, BASELINE, limits[name]) for name, rate in rates.items() if name in limits),
        *(_against(name, rate, BARE, bare) for name, rate in rates.items()),
    ]


def _against(name: str, rate: float, baseline: str, baseline_rate: float) -> Measure:
    aim = AIM if baseline == BASELINE else None
    return Measure(f"gate {name}, with Faust and Kafka, one core", rate, "events/s", baseline, baseline_rate, aim)


def _gate(stage: Stage, country: CountryCode, waited_for: str, count: int) -> float:
    """Start a gate that has a backlog, and return at which rate its audit entries appeared."""
    audit = f"{country}.audit"
    out = Output(stage, country, audit)
    last = Output(stage, country, waited_for)
    stage.start_gate(country, pinned=True)
    wait_for(f"the gate of {country} decides {count} events", lambda: out.has(count) and last.has(count), SECONDS)
    stage.stop([f"gate-{country}"])
    return out.rate(count)


def _pass_through(stage: Stage, raw: list[bytes]) -> float:
    with pass_through(stage, "bare") as worker:
        out = Output(stage, ORIGIN, worker.target)
        produce_all(stage.operator(ORIGIN), worker.source, raw)
        wait_for("Faust passes everything through", lambda: out.has(len(raw)), SECONDS)
    return out.rate(len(raw))


@dataclass(frozen=True, slots=True)
class PassThrough:
    """A running bare Faust worker and its topics."""

    pid: int
    source: str
    target: str


@contextmanager
def pass_through(stage: Stage, name: str) -> Iterator[PassThrough]:
    """Give a bare Faust worker on the measured core."""
    source, target = (stage.make_topic(ORIGIN, f"bench.{name}.{each}") for each in ("source", "target"))
    bootstrap, folder = stage.world.brokers[ORIGIN].bootstrap, stage.world.folder
    argv = module_argv("bench.passthrough", bootstrap, f"bench-{name}", source, target, str(folder / "faust"))
    worker = Service(Command("faust", argv, stage.environment(), folder / "log" / f"faust-{name}.log"), restart=False)
    try:
        yield PassThrough(worker.pid, source, target)
    finally:
        worker.stop()


class Output:
    """What is written to a topic from now on."""

    def __init__(self, stage: Stage, country: CountryCode, topic: str) -> None:
        self._reader = confluent.reader(stage.operator(country), topic)
        self._begin = self._reader.end_offset()

    def has(self, count: int) -> bool:
        """Whether so many records have come."""
        return self._reader.end_offset() >= self._begin + count

    def rate(self, count: int) -> float:
        """Return records a second between the first and the last of them, by the broker's clock."""
        self._reader.seek(self._begin)
        times: list[int] = []
        while len(times) < count:
            times += [record.timestamp_ms for record in self._reader.read(500, 5.0)]
        self._reader.close()
        after_first = sum(each > times[0] for each in times)
        return after_first * 1000 / (times[-1] - times[0])
