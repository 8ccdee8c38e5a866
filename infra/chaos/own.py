"""Our own scenarios: faults that the product must bear without a single wrong effect."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from chaos.ground import Ground
from chaos.stage import KZ, UZ, Cast, Scenario
from chaos.timeline import Fault


def _kills(ground: Ground, cast: Cast) -> Sequence[Fault]:
    return [partial(ground.kill, cast.rng.choice((KZ, UZ))) for _ in range(6)]


OWN: tuple[Scenario, ...] = (Scenario("gates killed at random", 2, _kills),)
