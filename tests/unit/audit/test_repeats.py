from __future__ import annotations

import io
from random import Random

from refbus.audit.repeats import Repeats


def test_repeats_across_runs() -> None:
    """Equal digests are found in one run, across runs and three times, and nothing else is."""
    random = Random(1)
    digests = [random.randbytes(32) for _ in range(100_000)]
    for number, before in [(10, 3), (99_999, 4), (70_000, 4)]:
        digests[number] = digests[before]
    repeats = Repeats(io.BytesIO())
    for number, digest in enumerate(digests):
        repeats.add(digest, number)
    assert sorted(repeats.found()) == [(10, 3), (70_000, 4), (99_999, 70_000)]


def test_nothing_to_compare() -> None:
    """No entry and one entry are no repeats."""
    assert list(Repeats(io.BytesIO()).found()) == []
    one = Repeats(io.BytesIO())
    one.add(bytes(32), 0)
    assert list(one.found()) == []
