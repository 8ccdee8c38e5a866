"""Part 6: an inclusion proof for any leaf of a very long log, out of its tiles, in time and memory that do not grow.

The log is made for the run, by all cores: the hashes of its leaves are random, since a proof needs no entries; every
hash above them is computed. Each proof begins with nothing but the size: tiles are read from the folder anew, checked
for their size and hashed. The files are in the page cache of the machine. Each leaf is proved three times and the least
time counts, so that the slowest leaf is slow by where it lies and not by what else the machine did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar

from pymerkle import SqliteTree

from bench.pinned import cores, in_child, pool
from bench.report import Aim, Measure
from bench.timing import Samples
from bench.usage import resident_mb
from refbus.audit.published_log import LogFiles
from refbus.audit.sources import FolderSource
from refbus.tlog.hashing import HASH_SIZE, complete_root, tree_root
from refbus.tlog.proofs import Head, inclusion_proof, verify_inclusion
from refbus.tlog.tiles import WIDTH, Tile, TileTrees, split_hashes

LEAVES = 10_000_000
SMALL = 10_000
MOST_LEAVES = WIDTH**3 - 1
PROOFS = 1_000
TIMES = 3
PYMERKLE_LEAVES = 100_000
PYMERKLE_PROOFS = 100
BASELINE = f"pymerkle, SQLite tree of {PYMERKLE_LEAVES:,} leaves"
QUICK = Aim("value", "<=", 10.0)
FLAT = Aim("ratio", "<=", 1.1)
_SPAN = WIDTH * WIDTH
"""Leaves under one full tile of level 1: what one task writes."""


_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Proved:
    """What many proofs took, and the most memory that the process held, in MB."""

    took: Samples
    peak_mb: float


def measure(folder: Path, leaves: int) -> list[Measure]:
    """Return what proofs cost in a log of `leaves` leaves. Writes 32 bytes for each into `folder`."""
    folder.mkdir(parents=True)
    small, large = (in_child(prove, write_log(folder / str(size), size), size) for size in (SMALL, leaves))
    other = in_child(prove_with_pymerkle, folder)
    alone, beside = f"in a log of {leaves:,} leaves", f"{SMALL:,} leaves"
    return [
        _ms(f"inclusion proof {alone}, median", large.took.median, BASELINE, other.median),
        _ms(f"inclusion proof {alone}, slowest", max(large.took.seconds), beside, max(small.took.seconds), QUICK),
        Measure(f"peak memory of {PROOFS:,} proofs {alone}", large.peak_mb, "MB", beside, small.peak_mb, FLAT),
    ]


def write_log(folder: Path, leaves: int) -> Path:
    """Write the tiles of a log on all cores and return its folder."""
    on = cores()
    with pool(on, len(on)) as writers:
        jobs = [writers.submit(_write_span, folder, start, leaves) for start in range(0, leaves, _SPAN)]
        roots = [root for job in jobs for root in job.result()]
    if roots:
        _write(folder, 2, 0, roots)
    return folder


def prove(folder: Path, leaves: int) -> Proved:
    """Prove random leaves, check each proof, and return what the proofs took; for a process of its own."""
    files = LogFiles(FolderSource(folder))
    head = Head(leaves, tree_root(TileTrees(files.tile, leaves), leaves))
    took = Samples()
    for index in _places(leaves, PROOFS):
        proof, seconds = _least(partial(_proof, files, index, leaves), TIMES)
        took.seconds.append(seconds)
        verify_inclusion(_leaf(files, index, leaves), index, head, proof)
    return Proved(took, resident_mb(field="VmHWM"))


def prove_with_pymerkle(folder: Path) -> Samples:
    """Return what proofs of pymerkle take in a shorter log; for a process of its own."""
    took = Samples()
    with SqliteTree(str(folder / "pymerkle.db")) as tree:
        tree.append_entries(b"%d" % number for number in range(PYMERKLE_LEAVES))
        tree.get_root()
        for index in _places(PYMERKLE_LEAVES, PYMERKLE_PROOFS):
            took.seconds.append(
                _least(partial(tree.prove_inclusion, index + 1), 1)[1]
            )  # the second time it is in its cache
    return took


def _proof(files: LogFiles, index: int, leaves: int) -> tuple[bytes, ...]:
    return inclusion_proof(TileTrees(files.tile, leaves), index, leaves)


def _least(work: Callable[[], _Result], times: int) -> tuple[_Result, float]:
    """Do the work so many times; return its result and the least time."""
    seconds = list[float]()
    while True:
        began = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - began)
        if len(seconds) == times:
            return result, min(seconds)


def _places(leaves: int, count: int) -> Iterator[int]:
    """Yield the first leaf, the last, and random ones."""
    random = Random(leaves)  # noqa: S311 - the same leaves in every run
    yield from (0, leaves - 1)
    yield from (random.randrange(leaves) for _ in range(count - 2))


def _leaf(files: LogFiles, index: int, leaves: int) -> bytes:
    first = index - index % WIDTH
    tile = Tile(0, index // WIDTH, min(WIDTH, leaves - first))
    return split_hashes(files.tile(tile), tile.width)[index - first]


def _write_span(folder: Path, start: int, leaves: int) -> list[bytes]:
    """Write the tiles under one of level 1 and return its hash, if it is full."""
    random = Random(start)  # noqa: S311 - not secret, only different
    roots = list[bytes]()
    for first in range(start, min(start + _SPAN, leaves), WIDTH):
        width = min(WIDTH, leaves - first)
        row = split_hashes(random.randbytes(width * HASH_SIZE), width)
        _write(folder, 0, first // WIDTH, row)
        if width == WIDTH:
            roots.append(complete_root(row))
    if roots:
        _write(folder, 1, start // _SPAN, roots)
    return [complete_root(roots)] if len(roots) == WIDTH else []


def _write(folder: Path, level: int, index: int, row: Sequence[bytes]) -> None:
    place = folder / Tile(level, index, len(row)).path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"".join(row))


def _ms(name: str, seconds: float, baseline: str, baseline_seconds: float, aim: Aim | None = None) -> Measure:
    return Measure(name, seconds * 1000, "ms", baseline, baseline_seconds * 1000, aim)
