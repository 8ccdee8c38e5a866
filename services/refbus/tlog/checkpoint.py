r"""Checkpoints: the size and root of a log, as the text of a note (c2sp.org/tlog-checkpoint).

<origin>\n<size>\n<base64 of root>\n[<extension>\n...]
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from refbus.core.bounds import COUNT
from refbus.errors import Code, MalformedError
from refbus.tlog.hashing import HASH_SIZE
from refbus.tlog.keys import SignerKey, decimal, strict_base64
from refbus.tlog.note import Note, check_text, sign_text
from refbus.tlog.proofs import Head


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself. `extensions` are lines that nobody audits; our logs have none."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Return the checkpoint in the text of a note. Raises MalformedError."""
        lines = check_text(text)[:-1].split("\n")
        if len(lines) < 3 or not all(lines):
            raise MalformedError(Code.NOT_CANONICAL, "lines of a checkpoint")
        root = strict_base64(lines[2])
        if len(root) != HASH_SIZE:
            raise MalformedError(Code.NOT_CANONICAL, "root of a checkpoint")
        return cls(lines[0], COUNT.check(decimal(lines[1]), "size of a log"), root, tuple(lines[3:]))

    @property
    def text(self) -> str:
        """The text that is signed; `parse` of it gives an equal value."""
        return "\n".join([self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions, ""])

    @property
    def head(self) -> Head:
        """The tree that it is about."""
        return Head(self.size, self.root)


def sign_checkpoint(checkpoint: Checkpoint, key: SignerKey) -> Note:
    """Return the note that `key`, a log's, signed."""
    return Note(checkpoint.text, (sign_text(checkpoint.text, key),))
