"""What one signature for a batch saves: processor time of an event at both gates, in batches of 1, 10 and 100.

Two federations that differ in one thing, which stamps their countries read, decide the same events in turn with the
bare cryptography of an event with a stamp of its own. Processor time, not time on the clock: other work does not count.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.dissect import take_apart, take_stamped_apart
from bench.events import DESTINATION, ORIGIN, Federation
from bench.gatework import BASELINE, Step, steps_of
from bench.primitives import Sealed
from bench.report import Measure
from bench.standing import StandingGate
from bench.timing import interleaved
from refbus.core.directory import Directory, DirectoryHistory
from refbus.core.ids import CountryCode, gate_id
from refbus.envelope.stamps import ALONE, IN_A_BATCH
from refbus.trust.publisher.ceremony import FederationPaths
from refbus_gate.names import border, outbox

SIZES = ((1, 100), (10, 30), (100, 8))
"""Records of a batch, and how many batches are timed; one more goes before them."""
EVENTS = sum(size * (rounds + 1) for size, rounds in SIZES)
_NAMES = {ALONE: "each signed alone", IN_A_BATCH: "one signature"}


@dataclass(frozen=True, slots=True)
class _Reading:
    """A directory whose countries read stamps of one version."""

    latest: Directory
    history: DirectoryHistory

    @classmethod
    def of(cls, history: DirectoryHistory, version: int) -> _Reading:
        policies = {country: replace(each, stamps=version) for country, each in history.latest.policies.items()}
        return cls(replace(history.latest, policies=policies), history)

    def at(self, version: int) -> Directory | None:
        return self.latest if version == self.latest.version else self.history.at(version)


def measure(folder: Path, raw: list[bytes]) -> list[Measure]:
    """Return microseconds of an event at egress and ingress. The gates' homes in `folder` must be fresh."""
    other = folder.with_name(f"{folder.name}-alone")
    shutil.copytree(folder, other)
    found = {ALONE: Federation.of(FederationPaths(other)), IN_A_BATCH: Federation.of(FederationPaths(folder))}
    federation = found[IN_A_BATCH]
    both = {version: replace(each, history=_Reading.of(each.history, version)) for version, each in found.items()}
    bare = steps_of(federation, ORIGIN, DESTINATION, federation.sender, per_stamp=1).egress
    reader = federation.member(gate_id(ORIGIN))
    out = _Sides(both, ORIGIN, outbox(ORIGIN), [take_apart(each, reader) for each in raw], bare)
    measures = out.measured("egress", dict.fromkeys(both, raw))
    across = {version: caught[border(DESTINATION, ORIGIN)] for version, caught in out.delivered.items()}
    bare = steps_of(federation, DESTINATION, ORIGIN, federation.recipient, per_stamp=1).ingress
    reader = federation.member(gate_id(DESTINATION))
    events = [take_stamped_apart(each, reader) for each in across[ALONE]]
    come = _Sides(both, DESTINATION, border(DESTINATION, ORIGIN), events, bare)
    return measures + come.measured("ingress", across)


class _Sides:
    """The gate of one country in each of the federations."""

    def __init__(
        self, both: dict[int, Federation], country: CountryCode, topic: str, events: list[Sealed], bare: Step
    ) -> None:
        self._gates = {version: StandingGate(federation, country) for version, federation in both.items()}
        self._topic = topic
        self._events = events
        self._bare = bare
        self.delivered: dict[int, dict[str, list[bytes]]] = {version: {} for version in both}

    def measured(self, name: str, values: dict[int, list[bytes]]) -> list[Measure]:
        measures, first = list[Measure](), 0
        for size, rounds in SIZES:
            decide = [partial(self._decide, version, values[version], first, size) for version in self._gates]
            tasks: list[Callable[[int], object]] = [*decide, partial(self._alone, first, size), self._deliver]
            *ours, limit, _ = interleaved(tasks, rounds, clock=time.process_time)
            for version, samples in zip(self._gates, ours, strict=True):
                what = f"gate {name}, batches of {size}, {_NAMES[version]}"
                took, least = (1e6 * each.median / size for each in (samples, limit))
                measures.append(Measure(what, took, "us of processor an event", BASELINE, least))
            first += size * (rounds + 1)
        for gate in self._gates.values():
            gate.close()
        return measures

    def _decide(self, version: int, values: Sequence[bytes], first: int, size: int, number: int) -> None:
        start = first + number * size
        gate = self._gates[version]
        gate.decide(gate.records(self._topic, values[start : start + size]))

    def _alone(self, first: int, size: int, number: int) -> None:
        for place in range(first + number * size, first + (number + 1) * size):
            self._bare(self._events[place], place)

    def _deliver(self, _number: int) -> None:
        for version, gate in self._gates.items():
            for topic, values in gate.deliver().items():
                self.delivered[version].setdefault(topic, []).extend(values)
