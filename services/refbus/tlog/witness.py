"""What a log asks of a witness, and what a witness checks before it cosigns (c2sp.org/tlog-witness).

old <size>
<base64 of a hash of the consistency proof>...
<empty line>
<checkpoint, signed by the log>
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from refbus.errors import Code, MalformedError, UncheckableError, UntrustedError
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.keys import VerifierKey, decimal
from refbus.tlog.note import Note, verified
from refbus.tlog.prooffile import hash_lines, parse_hashes
from refbus.tlog.proofs import Head, verify_consistency

MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request: the size that the log believes the witness has, the proof from there, and the new checkpoint."""

    old_size: int
    proof: tuple[bytes, ...]
    note: Note

    @classmethod
    def parse(cls, body: bytes) -> AddCheckpoint:
        """Return the request in a body. Raises MalformedError."""
        if len(body) > MOST_BYTES:
            raise MalformedError(Code.TOO_LARGE, "request to a witness")
        head, gap, note = body.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise MalformedError(Code.NOT_CANONICAL, "request to a witness") from None
        if not gap or not first.startswith("old "):
            raise MalformedError(Code.NOT_CANONICAL, "first line of a request to a witness")
        return cls(decimal(first[4:]), parse_hashes(lines), Note.parse(note))

    def encode(self) -> bytes:
        """Return the body; `parse` of it gives an equal value."""
        lines = [f"old {self.old_size}", *hash_lines(self.proof), "", ""]
        return "\n".join(lines).encode() + self.note.encode()

    @property
    def origin(self) -> str:
        """Return the origin that the checkpoint claims; nothing of it has been verified."""
        return self.note.text.split("\n", 1)[0]


class OtherSizeError(UntrustedError):
    """The witness knows another size than the log believes; `size` is the one that it knows."""

    def __init__(self, size: int) -> None:
        super().__init__(Code.LOG_OTHER_SIZE, "size of the newest cosigned checkpoint")
        self.size = size


def check(request: AddCheckpoint, known: Head, keys: Iterable[VerifierKey]) -> Checkpoint:
    """Return the checkpoint of `request` if a witness whose newest one is `known` may cosign it.

    `keys` are those of the log with this origin. The order of the checks is the one of the specification. Raises
    UncheckableError KEY_UNKNOWN (no such log), UntrustedError SIGNATURE_INVALID, MalformedError, OtherSizeError,
    UntrustedError LOG_FORKED (another root for the size that is known: both notes together convict the log) or
    PROOF_INVALID (the proof does not lead from `known` to it).
    """
    mine = [key for key in keys if key.name == request.origin]
    if not mine:
        raise UncheckableError(Code.KEY_UNKNOWN, "a log that this witness does not know")
    checkpoint = Checkpoint.parse(_signed(request.note, mine).text)
    if request.old_size > checkpoint.size:
        raise MalformedError(Code.MALFORMED, "the old size is above the new one")
    if request.old_size != known.size:
        raise OtherSizeError(known.size)
    if checkpoint.size == known.size and checkpoint.root != known.root:
        raise UntrustedError(Code.LOG_FORKED, "two roots for one size")
    verify_consistency(known, checkpoint.head, request.proof)
    return checkpoint


def origin_hash(origin: str) -> str:
    """Return the name under which a witness serves the checkpoint of a log: SHA-256 of the origin in hexadecimal."""
    return hashlib.sha256(origin.encode()).hexdigest()


def _signed(note: Note, keys: Iterable[VerifierKey]) -> Note:
    try:
        verified(note, keys)
    except UncheckableError:
        raise UntrustedError(Code.SIGNATURE_INVALID, "no signature of the log") from None
    return note
