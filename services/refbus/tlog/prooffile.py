"""A proof that an entry is in a log, in one file that is checked offline (c2sp.org/tlog-proof@v1).

c2sp.org/tlog-proof@v1
[extra <base64>]
index <number>
<base64 of a hash>...
<empty line>
<checkpoint, cosigned>
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from refbus.errors import Code, MalformedError
from refbus.tlog.hashing import HASH_SIZE, leaf_hash
from refbus.tlog.keys import decimal, strict_base64
from refbus.tlog.note import Note
from refbus.tlog.policy import Policy, Seen
from refbus.tlog.proofs import MOST_HASHES, verify_inclusion

HEADER: Final = "c2sp.org/tlog-proof@v1"
MOST_BYTES: Final = 1 << 21


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Where an entry is in a log. `extra` is not authenticated: it only helps to find what was logged."""

    index: int
    hashes: tuple[bytes, ...]
    note: Note
    extra: bytes | None = None

    @classmethod
    def parse(cls, data: bytes) -> TlogProof:
        """Return the proof in a file. Raises MalformedError."""
        if len(data) > MOST_BYTES:
            raise MalformedError(Code.TOO_LARGE, "proof")
        head, gap, note = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise MalformedError(Code.NOT_CANONICAL, "proof") from None
        if not gap or lines.pop(0) != HEADER:
            raise MalformedError(Code.NOT_CANONICAL, "first line of a proof")
        extra = strict_base64(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else None
        if not lines or not lines[0].startswith("index "):
            raise MalformedError(Code.NOT_CANONICAL, "index of a proof")
        return cls(decimal(lines[0][6:]), parse_hashes(lines[1:]), Note.parse(note), extra)

    def encode(self) -> bytes:
        """Return the file; `parse` of it gives an equal value."""
        return "\n".join([*self._lines(), "", ""]).encode() + self.note.encode()

    def verify(self, entry: bytes, policy: Policy, now_s: int | None = None) -> Seen:
        """Check that `entry` is in a log of the policy under a checkpoint that its quorum cosigned.

        Raises MalformedError, UncheckableError KEY_UNKNOWN, UntrustedError PROOF_INVALID, SIGNATURE_INVALID,
        QUORUM_MISSING.
        """
        seen = policy.check(self.note, now_s)
        verify_inclusion(leaf_hash(entry), self.index, seen.checkpoint.head, self.hashes)
        return seen

    def _lines(self) -> Iterator[str]:
        yield HEADER
        if self.extra is not None:
            yield "extra " + base64.b64encode(self.extra).decode()
        yield f"index {self.index}"
        yield from hash_lines(self.hashes)


def hash_lines(hashes: tuple[bytes, ...]) -> Iterator[str]:
    """Yield hashes of a proof as lines without their ends."""
    yield from (base64.b64encode(each).decode() for each in hashes)


def parse_hashes(lines: list[str]) -> tuple[bytes, ...]:
    """Return the hashes in lines of base64, at most 63. Raises MalformedError."""
    hashes = tuple(strict_base64(line) for line in lines)
    if len(hashes) > MOST_HASHES or any(len(each) != HASH_SIZE for each in hashes):
        raise MalformedError(Code.NOT_CANONICAL, "hashes of a proof")
    return hashes
