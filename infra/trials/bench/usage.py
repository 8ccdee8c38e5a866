"""What running processes use: processor time and memory, as the kernel counts them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

Pids = Mapping[str, tuple[int, ...]]
"""Processes by what they are called; several under one name count together."""


def cpu_s(pid: int) -> float:
    """Return the processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int | None = None, *, field: str = "VmRSS") -> float:
    """Return the memory of a process in MB, of this one without `pid`; "VmHWM" is the most that it had so far."""
    for line in Path(f"/proc/{pid or 'self'}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


def cpu_of(pids: Pids) -> dict[str, float]:
    """Return the processor seconds that each has used."""
    return {name: _sum(map(cpu_s, each)) for name, each in pids.items()}


def memory_of(pids: Pids) -> dict[str, float]:
    """Return the memory of each in MB."""
    return {name: _sum(map(resident_mb, each)) for name, each in pids.items()}


def _sum(values: Iterable[float]) -> float:
    return float(sum(values))
