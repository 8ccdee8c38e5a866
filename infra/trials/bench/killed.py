"""How soon a gate that was killed works again: SIGKILL, and one event that is waiting for it when it comes back.

The clock runs from the signal until the event is in the border topic. In it are the half second that the restarter
waits, the start of the process, what it owes its store and its topics first, and the event itself.
"""

from __future__ import annotations

import signal
import time

from bench.events import DESTINATION, ORIGIN
from bench.report import Aim, Measure
from bench.stage import Stage
from bench.usage import cpu_s
from demo.gauges import wait_for
from demo.world import produce_all
from refbus.bus import confluent
from refbus.bus.port import Reader
from refbus.wire.transport import BorderKind, BorderRecord, Passed
from refbus_gate.names import border, outbox

AIM = Aim("value", "<=", 8.0)
SECONDS = 120.0
_LOOK_S = 0.02


def measure(stage: Stage, raw: list[bytes]) -> list[Measure]:
    """Kill the gate of the origin, which must run, once for each event; return the slowest return."""
    found = sorted(_killed(stage, event) for event in raw)
    name, baseline = "killed gate works again", "processor time of the new process"
    (fastest, used), (slowest, used_more) = found[0], found[-1]
    return [
        Measure(f"{name}, slowest of {len(found)}", slowest, "s", baseline, used_more, AIM),
        Measure(f"{name}, fastest of {len(found)}", fastest, "s", baseline, used),
    ]


def _killed(stage: Stage, event: bytes) -> tuple[float, float]:
    """Return seconds until the event has left the country, and the processor seconds of the new process so far."""
    gate = stage.stack.services[f"gate-{ORIGIN}"]
    passed = confluent.reader(stage.operator(DESTINATION), border(DESTINATION, ORIGIN))
    passed.seek(passed.end_offset())
    dead, began = gate.pid, time.monotonic()
    gate.signal(signal.SIGKILL)
    produce_all(stage.operator(ORIGIN), outbox(ORIGIN), [event])
    wait_for("the killed gate lets an event out", lambda: _has(passed, event), SECONDS)
    took = time.monotonic() - began
    passed.close()
    if gate.pid == dead:
        raise RuntimeError("the gate was not killed")
    return took, cpu_s(gate.pid)


def _has(passed: Reader, event: bytes) -> bool:
    """Whether the event is among the records that have come within a short time."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        for record in passed.read(100, _LOOK_S):
            parsed = BorderRecord.parse(record.value)
            if parsed.kind is BorderKind.PASSED and Passed.parse(parsed.body).envelope == event:
                return True
    return False
