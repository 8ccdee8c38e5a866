"""The observer of `bench.observer`: what it can do at once, and how much less when moments are paced."""

from __future__ import annotations

import random

from bench.observer import NEAR_MS, day, error_s, told
from refbus_gateway.home.pace import Pace


def test_pacing_takes_the_observer_what_it_had() -> None:
    """Without a pace it knows kind and moment of all; with one the kind drowns in a busy office."""
    slow = Pace(300_000, 3_600_000)
    at_once = [day(200, Pace(), random.Random(number)) for number in range(20)]
    paced = [day(200, slow, random.Random(number)) for number in range(20)]
    assert told(at_once, NEAR_MS) > 0.95
    assert error_s(at_once) == 0
    assert told(paced, slow.answer_ms) < 0.6
    assert error_s(paced) > 300
