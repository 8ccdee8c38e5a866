"""Gates whose stores are on a database server: the leader is killed or frozen, a standby takes over, the late one ends.

Each gate has a standby with a copy of its home. How long the other needs until it decides is measured from the signal.
A frozen leader is woken up in the middle of the work of its successor: it ends, and commits nothing.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from chaos.ground import Ground, wait
from chaos.stage import KZ, UZ, Cast, Scenario
from chaos.timeline import Fault
from demo.gauges import samples
from refbus.core.ids import CountryCode

KILL_S, FREEZE_S = 10.0, 20.0
"""How long a take-over may last, on a machine that has a core for everybody."""
_END_S = 30.0


def _names(country: CountryCode) -> tuple[str, str]:
    return f"gate-{country}", f"gate-{country}-standby"


def start_standby(ground: Ground, country: CountryCode) -> None:
    """Start a second gate on a copy of the home of the first, which has run."""
    active, standby = _names(country)
    home = ground.folder / standby
    shutil.copytree(ground.world.paths.gate(country), home, ignore=shutil.ignore_patterns("store", "faust"))
    ground.start_gate(country, standby, home=home)
    if not wait(lambda: _leads(ground, standby) is not None, 60.0):
        raise TimeoutError(f"{standby} does not stand by beside {active}")


def take_over(ground: Ground, country: CountryCode, number: signal.Signals, seconds: float) -> None:
    """Strike the leader and wait until the other decides; wake the leader up if it is frozen, and wait for its end."""
    ground.wait_working(country)
    if not wait(lambda: _leader(ground, country) is not None, 60.0):
        raise TimeoutError("nobody leads")
    leader = _leader(ground, country) or ""
    service, (other,) = ground.stack.services[leader], [each for each in _names(country) if each != leader]
    pid, before, began = service.pid, ground.decided(country), time.monotonic()
    os.kill(pid, number)
    what = "kill -9" if number is signal.SIGKILL else "SIGSTOP"
    ground.count(f"{what} of a leader")
    try:
        if not wait(lambda: ground.decided(country) > before, seconds):
            raise TimeoutError(f"{other} did not take over within {seconds:g} s of {what}")
        ground.lasted(f"ms until a standby decided after {what}, at most", began)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    if number is signal.SIGSTOP:
        ground.count("a leader woken up late")
        if not wait(lambda: service.pid != pid, _END_S):
            raise TimeoutError(f"{leader} went on beside {other}")
    if not wait(lambda: _leads(ground, leader) is not None, 60.0):
        raise TimeoutError(f"{leader} does not stand by again")


def _leader(ground: Ground, country: CountryCode) -> str | None:
    return next((name for name in _names(country) if _leads(ground, name)), None)


def _leads(ground: Ground, name: str) -> bool | None:
    """Whether a gate leads, by its page; None while it serves none."""
    with suppress(OSError):
        return ({}, 1.0) in samples(ground.stack.ports[name], "refbus_leads")
    return None


def _take_overs(ground: Ground, _cast: Cast) -> Sequence[Fault]:
    for country in (KZ, UZ):
        start_standby(ground, country)
    strikes = [(KZ, signal.SIGKILL, KILL_S), (UZ, signal.SIGSTOP, FREEZE_S), (UZ, signal.SIGKILL, KILL_S)]
    strikes += [(KZ, signal.SIGSTOP, FREEZE_S)]
    return [partial(take_over, ground, *strike) for strike in strikes]


STANDBYS: tuple[Scenario, ...] = (
    Scenario(
        "a standby on a database server takes over",
        7,
        _take_overs,
        server=True,
        requires=("kill -9 of a leader", "SIGSTOP of a leader", "a leader woken up late"),
    ),
)
