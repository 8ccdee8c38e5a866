"""Part 5: what processes cost while nothing happens, in percent of a core."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from bench.report import Aim, Measure

SECONDS = 20.0
SETTLE_S = 5.0
AIM = Aim("value", "<=", 2.0)
BASELINE = "bare Faust worker, idle"


def measure(pids: Mapping[str, int], bare_faust: int) -> list[Measure]:
    """Return the idle cost of each process. Nothing may be sent meanwhile."""
    time.sleep(SETTLE_S)
    everyone = {**pids, BASELINE: bare_faust}
    before, began = {name: _cpu_s(pid) for name, pid in everyone.items()}, time.monotonic()
    time.sleep(SECONDS)
    took = time.monotonic() - began
    percent = {name: 100 * (_cpu_s(pid) - before[name]) / took for name, pid in everyone.items()}
    return [Measure(f"idle {name}", percent[name], "% of a core", BASELINE, percent[BASELINE], AIM) for name in pids]


def _cpu_s(pid: int) -> float:
    """Return the processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
