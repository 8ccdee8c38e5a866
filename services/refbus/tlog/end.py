r"""The early end of a log, as a note that its key signed: nothing more will be signed in this log.

    refbus-log-end/v1\n<origin>\n<size>\n<base64 of root>\n<newest size>\n<base64 of newest root>\n

`size` and `root`: the tree whose entries are published, which is that of the checkpoint. `newest`: the largest tree
that the log is known to have signed; entries between the two are lost. The first line is the name of no log, so nobody
can take this text for a checkpoint, nor a checkpoint for it. Specification: docs/spec/audit-log.md.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

from refbus.core.bounds import COUNT
from refbus.errors import Code, MalformedError
from refbus.tlog.hashing import HASH_SIZE
from refbus.tlog.keys import SignerKey, VerifierKey, decimal, strict_base64
from refbus.tlog.note import Note, check_text, sign_text, verified
from refbus.tlog.proofs import Head

FILE: Final = "end"
"""Its name beside the checkpoint."""
_HEADER: Final = "refbus-log-end/v1"


@dataclass(frozen=True, slots=True)
class LogEnd:
    """That a log has ended: `head` is published, `newest` was signed."""

    origin: str
    head: Head
    newest: Head

    @classmethod
    def parse(cls, text: str) -> LogEnd:
        """Return what the text of a note says. Raises MalformedError."""
        lines = check_text(text)[:-1].split("\n")
        if len(lines) != 6 or lines[0] != _HEADER:
            raise MalformedError(Code.NOT_CANONICAL, "lines of the end of a log")
        found = cls(lines[1], _head(*lines[2:4]), _head(*lines[4:6]))
        if found.head.size > found.newest.size or (found.head.size == found.newest.size and found.head != found.newest):
            raise MalformedError(Code.NOT_CANONICAL, "sizes of the end of a log")
        return found

    @property
    def text(self) -> str:
        """The text that is signed; `parse` of it gives an equal value."""
        heads = (part for head in (self.head, self.newest) for part in (str(head.size), _encoded(head.root)))
        return "\n".join([_HEADER, self.origin, *heads, ""])


def sign_end(end: LogEnd, key: SignerKey) -> Note:
    """Return the note that `key`, the log's, signed."""
    return Note(end.text, (sign_text(end.text, key),))


def read_end(data: bytes, keys: list[VerifierKey]) -> LogEnd:
    """Return the end in a file, signed by one of `keys` of that log.

    Raises MalformedError, UntrustedError SIGNATURE_INVALID, UncheckableError KEY_UNKNOWN.
    """
    note = Note.parse(data)
    end = LogEnd.parse(note.text)
    verified(note, [key for key in keys if key.name == end.origin])
    return end


def _head(size: str, root: str) -> Head:
    found = strict_base64(root)
    if len(found) != HASH_SIZE:
        raise MalformedError(Code.NOT_CANONICAL, "root of the end of a log")
    return Head(COUNT.check(decimal(size), "size of a log"), found)


def _encoded(root: bytes) -> str:
    return base64.b64encode(root).decode()
