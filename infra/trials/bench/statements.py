"""What one event asks of the stores of gates and auditor, counted and not timed: statements, flushes of the disk.

The same is counted of gateways in `trips`. The pumps take their turns right after the decision; what else a running
service looks at by the clock is not in it. A flush is a commit of a transaction that writes, or a file or folder that
is synchronised. SQLite flushes once more when it moves its log into the file, every thousand pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.counting import Counts, counting
from bench.events import DESTINATION, ORIGIN, Federation, Sealer
from bench.opening import auditor_core, publish
from bench.report import Measure
from bench.standing import EmptyLog, StandingGate
from refbus.bus.port import Record
from refbus.clock import machine_ms
from refbus.core.ids import CountryCode
from refbus.node.topic_reader import Consumer
from refbus_gate.names import border, outbox

BATCHES: Final = (1, 10)
BEFORE: Final = "before, 29 November 2026, about"
_GATE_BEFORE: Final = 80
"""Statements of an event at a gate, as issue 16 has them."""
_WARM: Final = 3


def measure(folder: Path) -> list[Measure]:
    """Return the counts of an event at each node, alone and in a batch."""
    federation = Federation.create(folder)
    raw = Sealer(federation, federation.recipient).many(_WARM + sum(BATCHES))
    found = list[Measure]()
    left = _gate(federation, ORIGIN, outbox(ORIGIN), raw, found)
    arrived = _gate(federation, DESTINATION, border(DESTINATION, ORIGIN), left[border(DESTINATION, ORIGIN)], found)
    if not any(topic.startswith(f"{DESTINATION}.inbox.") for topic in arrived):
        raise ValueError("no event reached its recipient")
    return [*found, *_auditor(federation, left[f"{ORIGIN}.audit"])]


def _gate(
    federation: Federation, country: CountryCode, topic: str, values: Sequence[bytes], found: list[Measure]
) -> Mapping[str, list[bytes]]:
    """Let a gate decide and deliver: some that do not count, then each batch. Return all that was delivered."""
    gate, delivered = StandingGate(federation, country), dict[str, list[bytes]]()

    def one(some: Sequence[bytes]) -> None:
        gate.decide(gate.records(topic, some))
        for name, caught in gate.deliver().items():
            delivered.setdefault(name, []).extend(caught)

    where = "the sender's" if country == ORIGIN else "the recipient's"
    for size, counts in _counted(one, values):
        found += _measures(f"the gate of {where} country", size, counts, _GATE_BEFORE)
    gate.close()
    return delivered


def _auditor(federation: Federation, values: Sequence[bytes]) -> Iterator[Measure]:
    """Let the auditor take entries in and publish them: one for each event that left the country."""
    core = auditor_core(federation)
    consumer = Consumer(core.topic, core.entries, EmptyLog)
    consumer.start(None)

    def one(some: Sequence[bytes]) -> None:
        first = consumer.next_offset
        consumer.handle([Record(core.topic, first + at, value, machine_ms()) for at, value in enumerate(some)])
        publish(core)

    for size, counts in _counted(one, values):
        yield from _measures("the auditor of the sender's country", size, counts, 0)
    core.home.close()


def _counted(one: Callable[[Sequence[bytes]], None], values: Sequence[bytes]) -> Iterator[tuple[int, Counts]]:
    for value in values[:_WARM]:
        one([value])
    start = _WARM
    for size in BATCHES:
        with counting() as counts:
            one(values[start : start + size])
        start += size
        yield size, counts


def _measures(who: str, size: int, counts: Counts, before: float) -> Iterator[Measure]:
    name = f"{who}, batches of {size}"
    yield Measure(f"{name}: statements", counts.statements / size, "statements/event", BEFORE, before)
    yield Measure(f"{name}: flushes", counts.flushes / size, "flushes/event", BEFORE, 0)
