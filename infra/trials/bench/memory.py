"""Part 4: what 100,000 events leave behind in the memory of a gate. A gate that runs for a year must not grow.

The real core and store on the measured core, events sealed meanwhile on the others. Most events stay in the country, as
the exit stamp (most of the cost of the others) leaves nothing in memory; for every tenth batch, which goes abroad, the
destination's hop receipts come back, so that what was delivered is forgotten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

from bench.events import DESTINATION, ORIGIN, Federation
from bench.gatework import BATCH, seal_some
from bench.pinned import pool
from bench.report import Aim, Measure
from bench.standing import StandingGate
from bench.usage import resident_mb
from refbus.clock import machine_ms
from refbus.core.ids import gate_id
from refbus.core.units import HOUR_MS
from refbus.crypto.framing import sha256
from refbus.envelope.stamps import Stamper
from refbus.trust.publisher.ceremony import FederationPaths
from refbus.wire.transport import BorderKind, BorderRecord, HopOutcome, Passed
from refbus_gate.names import GateKeys, border, outbox

FIRST = 1_000
AIM = Aim("ratio", "<=", 1.25)
_AHEAD = 3
_ABROAD = 10
"""One batch in so many crosses the border."""


def measure(folder: Path, events: int, sealing_on: list[int]) -> list[Measure]:
    """Return resident memory after `events` events against after the first thousand. The gate's home must be fresh."""
    federation = Federation.of(FederationPaths(folder))
    gate = StandingGate(federation, ORIGIN)
    other = federation.member(gate_id(DESTINATION))
    keys = GateKeys(DESTINATION, other.pair, [other.kem])
    done, first = 0, 0.0
    with pool(sealing_on, len(sealing_on)) as sealers:
        for raw in _sealed(sealers, folder, events):
            gate.decide(gate.records(outbox(ORIGIN), raw))
            _confirm(gate, keys)
            done += len(raw)
            if not first and done >= FIRST:
                first = resident_mb()
    last = resident_mb()
    gate.close()
    return [Measure(f"memory of a gate after {done:,} events", last, "MB", f"after {FIRST:,} events", first, AIM)]


def _sealed(sealers: ProcessPoolExecutor, folder: Path, events: int) -> Iterator[list[bytes]]:
    """Yield batches; a few are always being made."""
    waiting: deque[Future[list[bytes]]] = deque()
    asked = 0
    while asked < events or waiting:
        while asked < events and len(waiting) < _AHEAD:
            abroad = asked % (BATCH * _ABROAD) == 0
            waiting.append(sealers.submit(seal_some, folder, BATCH, abroad=abroad))
            asked += BATCH
        yield waiting.popleft().result()


def _confirm(gate: StandingGate, keys: GateKeys) -> None:
    """Deliver what waits, and let the other gate confirm it."""
    caught = gate.deliver().get(border(DESTINATION, ORIGIN), [])
    envelopes = [Passed.parse(BorderRecord.parse(each).body).envelope for each in caught]
    stamper = Stamper(keys.pair, (ORIGIN, DESTINATION), machine_ms() // HOUR_MS)
    signed = stamper.hops([(sha256(each), HopOutcome.TAKEN) for each in envelopes])
    receipts = [BorderRecord(BorderKind.HOP, each.encode()).encode() for each in signed]
    if receipts:
        gate.decide(gate.records(border(ORIGIN, DESTINATION), receipts))
        gate.deliver()
