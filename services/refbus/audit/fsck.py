"""Checking a whole log: every entry, every hash, every file, the root, the signature (one shard, tlog-tiles).

Shares with whoever wrote the log only the format. Each hash is compared with what lies below it as it is stored, so one
edited place is one finding where it is, or two when what is above it is as it was; if nothing is found, the root that
the log signed is the root of exactly these entries. Memory does not grow with the log: files are read once, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final, TypeVar

from refbus.audit.leaf import PREFIX
from refbus.audit.published_log import CHECKPOINT, Finding, LogFiles, LogSource
from refbus.audit.repeats import Repeats
from refbus.audit.shapes import Shape, shape_of
from refbus.errors import Code, MalformedError, RefbusError, UncheckableError, UntrustedError
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.end import FILE as END
from refbus.tlog.end import read_end
from refbus.tlog.hashing import EMPTY_ROOT, complete_root, leaf_hash, node_hash, parts_of
from refbus.tlog.policy import Policy, Seen
from refbus.tlog.tiles import HEIGHT, WIDTH, Tile, split_hashes

MOST_FINDINGS: Final = 1_000
"""After so many the check ends: the log is beyond counting."""
_Found = TypeVar("_Found")
Hashes = Sequence[bytes | None]
"""Hashes side by side; None where a file is missing."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a check. The log holds when `findings` is empty; witnesses are another question."""

    checkpoint: Checkpoint | None
    """The checkpoint that the log signed; None when there is none that holds."""
    seen: Seen | None
    """Who cosigned it, when the quorum of the policy did."""
    quorum: Code | None
    """Why the quorum does not hold; None when it does, or was not looked at for want of a checkpoint."""
    findings: tuple[Finding, ...]
    complete: bool
    """Whether the check went to the end; it stops after MOST_FINDINGS."""


def check_log(source: LogSource, policy: Policy, scratch: BinaryIO, now_s: int | None = None) -> Report:
    """Check all of a log. `scratch` is an empty file that may grow to 40 bytes for each entry.

    With `now_s` (seconds since the epoch) cosignatures from the future do not count. Raises what the source raises when
    it cannot be read: TransportError, SetupError.
    """
    check = _Check(source, scratch)
    seen, quorum = None, None
    try:
        note = check.files.checkpoint()
        checkpoint = policy.signed(note)
    except (MalformedError, UncheckableError, UntrustedError) as error:
        return Report(None, None, None, (Finding.of_checkpoint(error),), complete=False)
    try:
        seen = policy.check(note, now_s)
    except UntrustedError as error:
        quorum = error.code
    try:
        check.run(checkpoint)
        signed = check.end(policy, checkpoint)
        check.listed(checkpoint.size, signed)
    except _TooManyError:
        return Report(checkpoint, seen, quorum, tuple(check.findings), complete=False)
    return Report(checkpoint, seen, quorum, tuple(check.findings), complete=True)


class _TooManyError(Exception):
    """The list of findings is full."""


@dataclass(slots=True)
class _Check:
    source: LogSource
    scratch: BinaryIO
    findings: list[Finding] = field(default_factory=list)
    pending: dict[int, list[bytes | None]] = field(default_factory=dict)
    """Of each level above 0: what its unfinished tile must hold."""
    edge: dict[int, Hashes] = field(default_factory=dict)
    """The hashes of the last, partial tile of each level: the root is made of them."""
    files: LogFiles = field(init=False)
    repeats: Repeats = field(init=False)

    def __post_init__(self) -> None:
        self.files = LogFiles(self.source)
        self.repeats = Repeats(self.scratch)

    def run(self, checkpoint: Checkpoint) -> None:
        size = checkpoint.size
        for first in range(0, size, WIDTH):
            self.bundle(Tile(None, first // WIDTH, min(WIDTH, size - first)))
        for level in sorted(self.pending):
            if self.pending[level]:
                self.row(level, (size >> HEIGHT * level) // WIDTH, self.pending[level])
        root = _root(self.edge)
        if root not in {None, checkpoint.root}:
            self.find(Finding(Code.LOG_INCONSISTENT, CHECKPOINT, "the root is another one"))
        for number, before in self.repeats.found():
            self.find(Finding(Code.LOG_ENTRY_TWICE, f"entry {number}", f"the same as entry {before}"))

    def listed(self, size: int, signed: int) -> None:
        """Judge all files of a log of `size` entries by their paths, where more, or no more, were `signed` in all."""
        for path in self.source.paths() or ():
            self.file(path, size, signed)

    def bundle(self, bundle: Tile) -> None:
        """Check entries and the tile over them."""
        entries = self.attempt(lambda: self.files.entries(bundle))
        if entries is None:
            return self.row(0, bundle.index, [None] * bundle.width)
        for number, entry in enumerate(entries, bundle.index * WIDTH):
            self.entry(entry, number)
        return self.row(0, bundle.index, [leaf_hash(entry) for entry in entries])

    def entry(self, entry: bytes, number: int) -> None:
        shape = shape_of(entry)
        if shape is None:
            self.find(Finding(Code.LOG_ENTRY_UNKNOWN, f"entry {number}", f"{len(entry)} bytes"))
        elif shape is Shape.AUDIT:
            self.repeats.add(entry[len(PREFIX) :], number)

    def row(self, level: int, index: int, computed: Hashes) -> None:
        """Compare a tile with what it must hold, and hand its own hash on to the level above when it is full."""
        tile = Tile(level, index, len(computed))
        hashes = self.stored(tile, computed)
        if tile.width < WIDTH:
            self.edge[level] = hashes
            return
        above = self.pending.setdefault(level + 1, [])
        above.append(_complete(hashes))
        if len(above) == WIDTH:
            self.pending[level + 1] = []
            self.row(level + 1, index // WIDTH, above)

    def stored(self, tile: Tile, computed: Hashes) -> Hashes:
        """Return the hashes of a tile as it is; without it, as it must be."""
        data = self.attempt(lambda: self.files.tile(tile))
        if data is None:
            return computed
        hashes = split_hashes(data, tile.width)
        for at, (found, right) in enumerate(zip(hashes, computed, strict=True)):
            if right not in {None, found}:
                below = "entry" if tile.level == 0 else "tile"
                self.find(Finding(Code.LOG_INCONSISTENT, f"{tile.path}[{at}]", f"not the hash of the {below} below"))
        return hashes

    def file(self, path: str, size: int, signed: int) -> None:
        """Judge a file by its path; an older partial tile must begin as the one that is in force.

        A log that has ended at a smaller tree may have files of the entries that are lost: nobody vouches for them.
        """
        if path in {CHECKPOINT, END}:
            return
        tile = _tile(path)
        held = 0 if tile is None else _held(tile, size)
        if tile is None or max(held, _held(tile, signed)) < tile.width:
            self.find(Finding(Code.LOG_UNEXPECTED, path))
        elif tile.width < held:
            self.older(tile, replace(tile, width=held))

    def end(self, policy: Policy, checkpoint: Checkpoint) -> int:
        """Judge what a log that has ended early says of itself: it is about this checkpoint, and the log signed it.

        Return how many entries were signed in all.
        """
        data = self.source.fetch(END)
        if data is None:
            return checkpoint.size
        try:
            told = read_end(data, policy.log_keys(checkpoint.origin))
        except (MalformedError, UncheckableError, UntrustedError) as error:
            self.find(Finding.of_checkpoint(error, END))
            return checkpoint.size
        if told.head != checkpoint.head:
            self.find(Finding(Code.LOG_INCONSISTENT, END, "it is about another checkpoint"))
            return checkpoint.size
        return told.newest.size

    def older(self, tile: Tile, present: Tile) -> None:
        read = self.files.tile if tile.level is not None else self.files.entries
        old = self.attempt(lambda: read(tile))
        try:
            now = read(present)
        except RefbusError:
            return  # found before
        if old is not None and old != now[: len(old)]:
            self.find(Finding(Code.LOG_INCONSISTENT, tile.path, f"not how {present.path} begins"))

    def attempt(self, read: Callable[[], _Found]) -> _Found | None:
        try:
            return read()
        except (UncheckableError, UntrustedError) as error:
            self.find(Finding.of_file(error))
            return None

    def find(self, finding: Finding) -> None:
        self.findings.append(finding)
        if len(self.findings) >= MOST_FINDINGS:
            raise _TooManyError


def _held(tile: Tile, size: int) -> int:
    """Return how wide a tile is in a tree of `size` entries; 0 or less where it is not in it."""
    return min(WIDTH, (size >> HEIGHT * (tile.level or 0)) - tile.index * WIDTH)


def _tile(path: str) -> Tile | None:
    try:
        return Tile.parse(path)
    except MalformedError:
        return None


def _complete(hashes: Hashes) -> bytes | None:
    known = [each for each in hashes if each is not None]
    return complete_root(known) if len(known) == len(hashes) else None


def _root(edge: dict[int, Hashes]) -> bytes | None:
    """Return the root over the right edge of a tree, None when a part of it is not known."""
    parts = list[bytes | None]()
    for level in sorted(edge, reverse=True):
        row = edge[level]
        parts += [_complete(row[at << height : (at + 1) << height]) for height, at in parts_of(0, len(row))]
    found, *left = reversed(parts or [EMPTY_ROOT])
    for part in left:
        if part is None or found is None:
            return None
        found = node_hash(part, found)
    return found
