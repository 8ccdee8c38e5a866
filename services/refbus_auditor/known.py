"""What is known of this country's own logs, by whoever knows it: checkpoints and ends that the log's key has signed.

They stand in published files, in what witnesses show of other logs, in proofs on the bus, and in what a witness showed
when it refused. Whoever says it, the signature alone counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from refbus.audit.published_log import CHECKPOINT, LogSource
from refbus.crypto.framing import sha256
from refbus.errors import Code, MalformedError, RefbusError, UntrustedError
from refbus.files import write_whole
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.cosignature import cosigned_at
from refbus.tlog.end import FILE as END
from refbus.tlog.end import LogEnd, read_end
from refbus.tlog.hashing import leaf_hash
from refbus.tlog.keys import SignerKey
from refbus.tlog.note import Note, Signature, verified
from refbus.tlog.policy import Policy
from refbus.tlog.proofs import Head, verify_inclusion
from refbus.tlog.witness import origin_hash
from refbus.wire.logs import LogProofs
from refbus_auditor.cosignatures import readable

_NEWER: Final = "log_rolled_back"


@dataclass(slots=True)
class Known:
    """One log: its checkpoints by size, each with the cosignatures of witnesses, and entries that were proven.

    `end`: that it has ended, where that was signed.
    """

    key: SignerKey
    policy: Policy
    notes: dict[int, Note] = field(default_factory=dict)
    roots: dict[int, bytes] = field(default_factory=dict)
    entries: dict[int, bytes] = field(default_factory=dict)
    end: LogEnd | None = None

    @property
    def origin(self) -> str:
        """The origin of the log."""
        return self.key.verifier.name

    @property
    def heads(self) -> list[Head]:
        """The trees that were signed, largest first."""
        return [Head(size, self.roots[size]) for size in sorted(self.roots, reverse=True)]

    def add(self, note: Note) -> Checkpoint | None:
        """Take a checkpoint; None when the log's key did not sign it. Raises UntrustedError LOG_FORKED."""
        try:
            verified(note, [self.key.verifier])
            checkpoint = Checkpoint.parse(note.text)
        except RefbusError:
            return None
        if checkpoint.origin != self.origin:
            return None
        before = self.notes.get(checkpoint.size)
        if before is not None and before.text != note.text:
            raise UntrustedError(Code.LOG_FORKED, f"{self.origin}: two roots for {checkpoint.size} entries")
        self.roots[checkpoint.size] = checkpoint.root
        lines = [line for line in note.signatures if self._counts(line, checkpoint)]
        self.notes[checkpoint.size] = Note(note.text, tuple(lines)) if before is None else before.with_signatures(lines)
        return checkpoint

    def tell(self, head: Head) -> None:
        """Tell what this log has signed: the checkpoint is signed once more, which gives the same one."""
        self.add(sign_checkpoint(Checkpoint(self.origin, head.size, head.root), self.key))

    def take_end(self, data: bytes) -> None:
        """Take a file that says that the log has ended. Raises UntrustedError LOG_FORKED."""
        try:
            end = read_end(data, [self.key.verifier])
        except RefbusError:
            return
        self.tell(end.head)
        self.tell(end.newest)
        if self.end is None or (self.end.newest.size, self.end.head.size) < (end.newest.size, end.head.size):
            self.end = end

    def take(self, record: LogProofs) -> None:
        """Take proofs that members were given. Raises UntrustedError LOG_FORKED."""
        with suppress(MalformedError):
            checkpoint = self.add(Note.parse(record.checkpoint))
            if checkpoint is None:
                return
            for each in record.proofs:
                with suppress(RefbusError):
                    verify_inclusion(leaf_hash(each.entry), each.index, checkpoint.head, each.hashes)
                    self.entries[each.index] = each.entry

    def cosigned(self, size: int, now_s: int) -> tuple[bytes, int] | None:
        """Return the largest checkpoint up to `size` that its quorum stands behind, and since when (seconds)."""
        for each in sorted((known for known in self.notes if known <= size), reverse=True):
            with suppress(RefbusError):
                seen = self.policy.check(self.notes[each], now_s)
                return readable(self.notes[each], self.policy).encode(), seen.quorum_at_s or now_s
        return None

    def _counts(self, line: Signature, checkpoint: Checkpoint) -> bool:
        if line.of(self.key.verifier):
            return True
        for witness in self.policy.witnesses.values():
            if line.of(witness.key):
                with suppress(RefbusError):
                    return cosigned_at(checkpoint, witness.key, line) >= 0
        return False


def hear_places(logs: Iterable[Known], places: Sequence[LogSource]) -> None:
    """Tell each of `logs` what is published of it, and what witnesses show. Raises as the places do, LOG_FORKED."""
    for known in logs:
        for place in places:
            _add(known, place.fetch(f"{shard_of(known.origin)}/{CHECKPOINT}"))
            _add(known, place.fetch(f"witness/{origin_hash(known.origin)}/{CHECKPOINT}"))
            if (end := place.fetch(f"{shard_of(known.origin)}/{END}")) is not None:
                known.take_end(end)


def kept_newer(evidence: Path) -> Iterator[Note]:
    """Yield the checkpoints that witnesses showed when they refused; a file that cannot be read says nothing."""
    for kept in sorted(evidence.glob(f"*-{_NEWER}.txt")):
        with suppress(MalformedError):
            yield Note.parse(kept.read_bytes())


def hear_kept(logs: Iterable[Known], evidence: Path) -> None:
    """Tell each of `logs` what witnesses showed when they refused. Raises UntrustedError LOG_FORKED."""
    for known in logs:
        for kept in sorted(evidence.glob(f"{origin_hash(known.origin)[:16]}-*-{_NEWER}.txt")):
            _add(known, kept.read_bytes())


def hear_proofs(logs: Iterable[Known], proofs: Iterable[LogProofs]) -> None:
    """Tell each of `logs` what members were given proofs of. Raises UntrustedError LOG_FORKED."""
    by_origin = {each.origin: each for each in logs}
    for record in proofs:
        origin = record.checkpoint.partition(b"\n")[0].decode("utf-8", "replace")
        if origin in by_origin:
            by_origin[origin].take(record)


def keep_newer(evidence: Path, note: Note) -> None:
    """Keep a checkpoint of an own log that the store of this home does not have: it says how far to rebuild."""
    checkpoint = Checkpoint.parse(note.text)
    short = sha256(note.text.encode()).hex()[:8]
    name = f"{origin_hash(checkpoint.origin)[:16]}-{checkpoint.size}-{short}-{_NEWER}.txt"
    write_whole(evidence / name, note.encode())


def shard_of(origin: str) -> str:
    """Return the half-year of a log, which is the folder that its files lie in."""
    return origin.rpartition("/")[2]


def widths(notes: Iterable[int], index: int, width: int) -> Iterator[int]:
    """Yield how wide the bundle `index` of at least `width` entries may be in files, the fitting one first."""
    yield from sorted({width, 256, *(size - index * 256 for size in notes if width < size - index * 256 < 256)})


def _add(known: Known, data: bytes | None) -> None:
    if data is not None:
        with suppress(MalformedError):
            known.add(Note.parse(data))
