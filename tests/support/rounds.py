"""Gateways that go on working until nothing moves: each keeps its synchroniser, as `refbus run` does.

rounds = Rounds(bus, gateways)
with closing(rounds):
    rounds.go()      # each that may have something to do does one round

Who was left with nothing to do rests until something arrives for it, or somebody moves the clock. Nobody else touches
a gateway meanwhile: what a test does to one comes before or after.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from refbus.bus.memory import MemoryBus
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.sync.synchroniser import Synchroniser


class _Sight(NamedTuple):
    """What a gateway can see of the world: its time, and how far each topic goes (-1: there is none)."""

    now_ms: int
    ends: tuple[int, ...]


class Rounds:
    """The rounds of some gateways. Close it."""

    def __init__(self, bus: MemoryBus, gateways: Iterable[Gateway]) -> None:
        self._bus = bus
        self._working = {each.me: (each, Synchroniser(each, bus)) for each in gateways}
        self._rests: dict[str, _Sight] = {}

    def go(self) -> None:
        """Let each gateway that may have something to do, do one round."""
        for me, (gateway, synchroniser) in self._working.items():
            before = self._sight(gateway)
            if self._rests.get(me) == before:
                continue
            synchroniser.once()
            if self._sight(gateway) == before:
                self._rests[me] = before

    def close(self) -> None:
        """End all synchronisers."""
        for _, synchroniser in self._working.values():
            synchroniser.close()

    def _sight(self, gateway: Gateway) -> _Sight:
        topics = (gateway.inbox_topic, *(f"{gateway.country}.{name}" for name in ("directory", "proofs", "outbox")))
        there = self._bus.states()
        return _Sight(gateway.now_ms(), tuple(self._bus.end(name) if name in there else -1 for name in topics))
