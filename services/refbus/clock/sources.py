"""Where times come from: the machine's clock, its monotonic clock, and a file that moves both for demonstrations."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from refbus.core.bounds import TIME_MS
from refbus.errors import Code, SetupError
from refbus.said import said

Millis = Callable[[], int]
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Sources:
    """Both clocks in ms. `boot` names the start of the machine from which `steady_ms` counts; "" when unknown."""

    wall_ms: Millis
    steady_ms: Millis
    boot: str = ""


def machine_ms() -> int:
    """Return the time of this machine, UTC ms, within the bounds of every record.

    A machine that has forgotten its time says 1970; with 2020 it can still write down and send a no.
    """
    return TIME_MS.nearest(time.time_ns() // 1_000_000)


def steady_ms() -> int:
    """Return the monotonic clock of this machine, ms; where the system has one, the clock that runs in sleep too."""
    now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic_ns()
    return now_ns // 1_000_000


def clock_from(file: Path | None) -> Millis:
    """Return the wall clock of `sources_from`."""
    return sources_from(file).wall_ms


def sources_from(file: Path | None) -> Sources:
    """Return the clocks of this machine, moved by what `file` holds when there is one.

    The file has one or two whole numbers of ms, read at each look: the first is added to the wall clock (it goes
    wrong), the second to both (time passes). A clock raises SetupError FILE_UNREADABLE when the file is missing or
    holds anything else: whoever moves it must replace the file in one step.
    """
    boot = _BOOT.read_text(encoding="ascii").strip() if _BOOT.is_file() else ""
    if file is None:
        return Sources(machine_ms, steady_ms, boot)
    place = file
    return Sources(
        lambda: TIME_MS.nearest(machine_ms() + sum(_moved(place))), lambda: steady_ms() + _moved(place)[1], boot
    )


def _moved(file: Path) -> tuple[int, int]:
    try:
        wrong, passed, *rest = (*map(int, file.read_text(encoding="ascii").split()), 0)
    except (OSError, ValueError):
        raise _unreadable(file) from None
    if rest not in ([], [0]):
        raise _unreadable(file)
    return wrong, passed


def _unreadable(file: Path) -> SetupError:
    return SetupError(
        Code.FILE_UNREADABLE, said("%(file)s is not one or two whole numbers of milliseconds", file=file.name)
    )
