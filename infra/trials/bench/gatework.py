"""Part 2: events a second of one gate on one core, against what its cryptography alone allows; no Faust, no Kafka.

Batches of real events go through the real `GateCore` and its SQLite store with fsync, in turn with the bare
cryptography of the same events on the same core. Deliveries are caught between the batches and not timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

from bench.dissect import take_apart, take_stamped_apart
from bench.events import DESTINATION, EVENTS_PER_CONSENT, ORIGIN, Federation, Sealer
from bench.primitives import GateSteps, Reader, Sealed, Signer, Verifier
from bench.report import Aim, Measure
from bench.standing import StandingGate
from bench.timing import Clock, interleaved
from postgresql import PostgresServer
from refbus.clock import machine_ms
from refbus.core.ids import CountryCode, OrgId, gate_id
from refbus.crypto.kem import KemPublic
from refbus.trust.publisher.ceremony import FederationPaths
from refbus_gate.decide.receipts import inspector_public, public_key_of
from refbus_gate.names import border, outbox

BASELINE = "gate cryptography alone"
AIM = Aim("ratio", ">=", 0.7)
BATCH = 200
"""Records of one transaction, as the gate is set up by default."""
Step = Callable[[Sealed, int], None]


@cache
def _sealer(folder: Path, *, abroad: bool) -> Sealer:
    federation = Federation.of(FederationPaths(folder))
    return Sealer(federation, federation.recipient if abroad else federation.neighbour)


def seal_some(folder: Path, count: int, *, abroad: bool = True) -> list[bytes]:
    """Return sealed events; for a process of its own."""
    return _sealer(folder, abroad=abroad).many(count)


def measure(folder: Path, raw: list[bytes], clock: Clock = time.perf_counter) -> list[Measure]:
    """Return the rates of egress and of ingress, and that of egress with its stores on a server.

    The gates' homes in `folder` must be fresh.
    """
    federation = Federation.of(FederationPaths(folder))
    steps = steps_of(federation, ORIGIN, DESTINATION, federation.sender, per_stamp=BATCH)
    reader = federation.member(gate_id(ORIGIN))
    sealed, egress = [take_apart(each, reader) for each in raw], steps.egress
    gate = Turns(StandingGate(federation, ORIGIN), outbox(ORIGIN), raw)
    out = gate.measured("gate egress, core and store, one core", sealed, egress, clock)
    across = gate.delivered[border(DESTINATION, ORIGIN)]
    reader = federation.member(gate_id(DESTINATION))
    events = [take_stamped_apart(each, reader) for each in across]
    steps = steps_of(federation, DESTINATION, ORIGIN, federation.recipient, per_stamp=BATCH)
    gate = Turns(StandingGate(federation, DESTINATION), border(DESTINATION, ORIGIN), across)
    into = gate.measured("gate ingress, core and store, one core", events, steps.ingress, clock)
    with _on_server(federation) as standing:  # the server works on the same core
        gate = Turns(standing, outbox(ORIGIN), raw)
        slower = gate.measured("gate egress, core and store on PostgreSQL, one core", sealed, egress, clock)
    return [out, into, replace(slower, aim=None)]


def limits(measures: Iterable[Measure]) -> dict[str, float]:
    """Return what cryptography alone allows, events a second, for "egress" and "ingress": of what has our aim."""
    ours = [each for each in measures if (each.baseline, each.aim) == (BASELINE, AIM)]
    return {each.name.split()[1].strip(","): each.baseline_value for each in ours}


@contextmanager
def _on_server(federation: Federation) -> Iterator[StandingGate]:
    """Let the gate of the origin begin anew, with its stores on a PostgreSQL server."""
    home = federation.paths.gate(ORIGIN)
    for path in (*home.glob("store/*"), *home.glob("*.made")):
        path.unlink()
    server = PostgresServer(federation.paths.out / "postgresql")
    server.start()
    try:
        yield StandingGate(federation, ORIGIN, server=server.address(server.new_database()))
    finally:
        server.close()


class Turns:
    """The batches of one gate, one in each round."""

    def __init__(self, gate: StandingGate, topic: str, values: list[bytes]) -> None:
        self._gate = gate
        self._topic = topic
        self._values = values
        self.delivered: dict[str, list[bytes]] = {}

    def measured(self, name: str, events: list[Sealed], bare: Step, clock: Clock) -> Measure:
        """Run all batches and return events a second, by the median batch."""

        def alone(number: int) -> None:
            for place in range(number * BATCH, (number + 1) * BATCH):
                bare(events[place], place)

        rounds = len(self._values) // BATCH
        ours, limit, _ = interleaved((self._decide, alone, self._deliver), rounds - 1, clock=clock)
        self._gate.close()
        return Measure(name, BATCH / ours.median, "events/s", BASELINE, BATCH / limit.median, AIM)

    def _decide(self, number: int) -> None:
        values = self._values[number * BATCH : (number + 1) * BATCH]
        self._gate.decide(self._gate.records(self._topic, values))

    def _deliver(self, _number: int) -> None:
        for topic, values in self._gate.deliver().items():
            self.delivered.setdefault(topic, []).extend(values)


def steps_of(
    federation: Federation,
    here: CountryCode,
    there: CountryCode,
    organisation: OrgId,
    *,
    per_stamp: int,
    per_consent: int = EVENTS_PER_CONSENT,
) -> GateSteps:
    """Return the bare steps of the gate of `here`, which tells `organisation`; one stamp is for so many events."""
    gate, other = federation.member(gate_id(here)), federation.member(gate_id(there))
    sender = federation.directory.organisations[federation.sender].current_signing_key(machine_ms())
    told = public_key_of(federation.directory, organisation, machine_ms())
    inspector = inspector_public(federation.directory, here, machine_ms())
    if sender is None or told is None or inspector is None:
        raise LookupError("the directory has no current keys")
    return GateSteps(
        reader=Reader(gate.kem, Verifier(sender)),
        signer=Signer(gate.pair),
        other_gate=Verifier(other.signing_key),
        inspector=KemPublic.parse(inspector),
        organisation=KemPublic.parse(told),
        per_consent=per_consent,
        per_stamp=per_stamp,
    )
