"""Faults that are played in a live world, until the telephone rings for each, and mended, until it is silent again.

def a_line_that_is_cut(scene):
    \"\"\"Cut the line.\"\"\"
    scene.gate.line.down = True
    yield "RefbusNotWatching"     # what rings for it
    scene.gate.line.down = False   # what ends it

scene.play(a_line_that_is_cut, another_fault, hours=4)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Self

from kafka.patience import wait
from refbus.node.watchdog import Watchdog
from refbus.telemetry.alerts import RULES
from refbus.telemetry.rules import Alert, Burn
from support.live import LiveWorld
from support.watchers import Watchers

_LOOK_S = 0.5
_RUN_S = 10
"""So much further the clock of a world goes at each look: what is measured every few seconds is measured anew."""

_COUNTED = {rule.name for rule in RULES if isinstance(rule, Alert) and rule.increase}
"""What is rung for by what happened lately falls silent by itself, while others are still waited for."""

_SHARED = {rule.name for rule in RULES if isinstance(rule, Burn)}
"""A promise is one for all worlds: what was broken in the world before rings until it is out of the window."""

Fault = Iterator[str | tuple[str, ...]]


@dataclass(slots=True)
class Scene:
    """A world in which faults are played, and who watches it."""

    world: LiveWorld
    watchers: Watchers
    name: str

    def play(self, *faults: Callable[[Self], Fault], hours: float = 0, leaves: Collection[str] | None = ()) -> None:
        """Let faults happen together, let so much time pass, and wait for their alerts; mend them, and wait again.

        Nothing else rings then that was silent before, but what they are known to leave; None: that is not looked at.
        """
        phone = self.watchers.phone
        self.until("clear before the fault", _SHARED, lambda: _SHARED & phone.ringing(self.name))
        before, begun = phone.ringing(self.name), phone.heard
        under_way = [fault(self) for fault in faults]
        names: set[str] = set()
        for each in under_way:
            rules = next(each)
            names |= {rules} if isinstance(rules, str) else set(rules)
        assert not names & before, "it rang before its fault"
        self.world.settle()
        if hours:
            self.world.pass_time(hours=hours)
            self.world.settle()  # what rang for the leap alone is silent again when everybody has worked
        self.until("ring", names, lambda: names - phone.ringing(self.name) - (phone.rang(self.name, begun) & _COUNTED))
        for each in under_way:
            assert next(each, None) is None
        self.until("clear", names, lambda: names & phone.ringing(self.name))
        if leaves is not None:
            self.until("clear", names, lambda: phone.ringing(self.name) - before - set(leaves))

    def until(self, what: str, names: set[str], left: Callable[[], set[str]]) -> None:
        """Let the world work until no name is left."""

        def done() -> bool:
            self.turn()
            return not left()

        try:
            wait(f"{sorted(names)} {what}", done, lambda: (self.watchers.phone.heard, len(left())), pause_s=_LOOK_S)
        except TimeoutError:
            raise AssertionError(f"these do not {what}: {sorted(left())}") from None

    def until_seen(self, watchdog: Watchdog) -> None:
        """Let the world work until a watchdog has seen what waits: from then on it counts how long nothing moves."""

        def seen() -> bool:
            self.turn()
            return any(watchdog.lag.values())

        wait("a watchdog sees what waits", seen, pause_s=_LOOK_S)

    def turn(self) -> None:
        """Let offices work, what has ended begin again, and time go on."""
        self.world.work()
        self.world.clock.move(hours=_RUN_S / 3600)
