"""Part 5: what processes cost while nothing happens, in percent of a core."""

from __future__ import annotations

import time
from collections.abc import Mapping

from bench.report import Aim, Measure
from bench.usage import cpu_s

SECONDS = 20.0
SETTLE_S = 5.0
AIMS = {name: Aim("ratio", "<=", limit) for name, limit in (("gate", 1.5), ("gateway", 0.6), ("auditor", 1.5))}
BASELINE = "bare Faust worker, idle"


def measure(pids: Mapping[str, int], bare_faust: int) -> list[Measure]:
    """Return the idle cost of each process. Nothing may be sent meanwhile."""
    time.sleep(SETTLE_S)
    everyone = {**pids, BASELINE: bare_faust}
    before, began = {name: cpu_s(pid) for name, pid in everyone.items()}, time.monotonic()
    time.sleep(SECONDS)
    took = time.monotonic() - began
    percent = {name: 100 * (cpu_s(pid) - before[name]) / took for name, pid in everyone.items()}
    return [
        Measure(f"idle {name}", percent[name], "% of a core", BASELINE, percent[BASELINE], AIMS.get(name))
        for name in pids
    ]
