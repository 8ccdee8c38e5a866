r"""Signed notes: a text, an empty line, and a line for each signature (c2sp.org/signed-note).

    <text>\n
    \n
    — <key name> <base64 of key id || signature>\n

A note is not to be read before a known key has signed it. Signatures of unknown keys are passed over; a signature that
has the name and id of a known key and is false refuses the whole note.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from refbus.errors import Code, MalformedError, UncheckableError
from refbus.tlog.keys import SignerKey, SigType, VerifierKey, check_name, strict_base64

MOST_NOTE_BYTES: Final = 1 << 20
MOST_SIGNATURES: Final = 64
_DASH = "— "
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line. `key_id` 4 bytes; what `data` is depends on the type of the key."""

    name: str
    key_id: bytes
    data: bytes

    @property
    def line(self) -> str:
        """The line as it stands in a note, with its end."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.data).decode()}\n"

    @classmethod
    def parse(cls, line: str) -> Signature:
        """Return the signature of a line without its end. Raises MalformedError."""
        name, found, encoded = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or not found:
            raise MalformedError(Code.NOT_CANONICAL, "signature line")
        check_name(name)
        data = strict_base64(encoded)
        if len(data) < 5:
            raise MalformedError(Code.NOT_CANONICAL, "size of a note signature")
        return cls(name, data[:4], data[4:])

    def of(self, key: VerifierKey) -> bool:
        """Whether this line claims to be of `key`."""
        return (self.name, self.key_id) == (key.name, key.key_id)


@dataclass(frozen=True, slots=True)
class Note:
    """A note as it was received; nothing of it has been verified. `text` ends with a line end."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, data: bytes) -> Note:
        """Return the note in `data`. Raises MalformedError NOT_CANONICAL, TOO_LARGE, KEY_INVALID (a name)."""
        if len(data) > MOST_NOTE_BYTES:
            raise MalformedError(Code.TOO_LARGE, "note")
        text, gap, lines = _decoded(data).rpartition("\n\n")
        if not gap or not lines.endswith("\n"):
            raise MalformedError(Code.NOT_CANONICAL, "note without signatures")
        return cls(check_text(text + "\n"), parse_lines(lines))

    def encode(self) -> bytes:
        """Return the bytes; `parse` of them gives an equal value."""
        return (self.text + "\n" + "".join(each.line for each in self.signatures)).encode()

    def with_signatures(self, more: Iterable[Signature]) -> Note:
        """Return this note with more signatures: one of each key, a later one in the place of an earlier."""
        lines = {(each.name, each.key_id): each for each in (*self.signatures, *more)}
        return Note(self.text, tuple(lines.values()))


def parse_lines(lines: str) -> tuple[Signature, ...]:
    """Return the signatures in lines that each end properly. Raises MalformedError."""
    if not lines.endswith("\n") or lines.count("\n") > MOST_SIGNATURES:
        raise MalformedError(Code.NOT_CANONICAL, "signature lines")
    return tuple(Signature.parse(line) for line in lines[:-1].split("\n"))


def check_text(text: str) -> str:
    """Return a text that may be signed: lines with ends, no control characters. Raises MalformedError."""
    if not text.endswith("\n") or _CONTROL.search(text):
        raise MalformedError(Code.NOT_CANONICAL, "text of a note")
    return text


def sign_text(text: str, key: SignerKey) -> Signature:
    """Return the plain Ed25519 signature of a text. Raises MalformedError KEY_INVALID for a key of another type."""
    if key.verifier.type is not SigType.ED25519:
        raise MalformedError(Code.KEY_INVALID, "type of a note key")
    return Signature(key.verifier.name, key.verifier.key_id, key.sign(check_text(text).encode()))


def verified(note: Note, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Return those of `keys`, of the plain Ed25519 type, that signed the note.

    Raises UntrustedError SIGNATURE_INVALID when a signature of one of them is false, UncheckableError KEY_UNKNOWN when
    none of them signed.
    """
    found = list[VerifierKey]()
    for key in keys:
        lines = [each for each in note.signatures if each.of(key)]
        for line in lines:
            key.verify(note.text.encode(), line.data)
        if lines:
            found.append(key)
    if not found:
        raise UncheckableError(Code.KEY_UNKNOWN, "no known key signed the note")
    return tuple(found)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError(Code.NOT_CANONICAL, "UTF-8") from None
