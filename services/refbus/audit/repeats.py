"""Which entries stand twice in a log, in little memory however long the log is.

Digests with their numbers are sorted in runs, the runs are written to a scratch file and merged: equal ones meet.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO, Final

DIGEST_SIZE: Final = 32
_RECORD: Final = DIGEST_SIZE + 8
_RUN: Final = 1 << 15
"""Records that are sorted at once."""
_READ: Final = 1 << 7
"""Records that are read at once from each run."""


class Repeats:
    """Takes digests (32 bytes) with ascending numbers, then tells which of them are equal. `scratch` is empty."""

    def __init__(self, scratch: BinaryIO) -> None:
        self._scratch = scratch
        self._run: list[bytes] = []
        self._ends: list[int] = []

    def add(self, digest: bytes, number: int) -> None:
        """Take one more."""
        self._run.append(digest + number.to_bytes(8, "big"))
        if len(self._run) == _RUN:
            self._write()

    def found(self) -> Iterator[tuple[int, int]]:
        """Yield (number, the number before it with the same digest)."""
        self._write()
        runs = [self._read(start, end) for start, end in pairwise([0, *self._ends])]
        for one, next_one in pairwise(heapq.merge(*runs)):
            if one[:DIGEST_SIZE] == next_one[:DIGEST_SIZE]:
                yield _number(next_one), _number(one)

    def _write(self) -> None:
        if self._run:
            self._scratch.write(b"".join(sorted(self._run)))
            self._ends.append(self._scratch.tell())
            self._run = []

    def _read(self, start: int, end: int) -> Iterator[bytes]:
        for at in range(start, end, _RECORD * _READ):
            self._scratch.seek(at)
            block = self._scratch.read(min(_RECORD * _READ, end - at))
            yield from (block[each : each + _RECORD] for each in range(0, len(block), _RECORD))


def _number(record: bytes) -> int:
    return int.from_bytes(record[DIGEST_SIZE:], "big")
