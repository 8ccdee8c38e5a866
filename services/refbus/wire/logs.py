"""The records of the audit log's topics: proofs for members, and what auditors of two countries say to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from refbus.core.ids import CountryCode, parse_country
from refbus.core.vocabulary import member
from refbus.errors import Code, MalformedError
from refbus.wire.schema import codec
from refbus.wire.transport import WireRecord

_MOST_HASHES = 63


class MailKind(StrEnum):
    """What the body of a witness mail is."""

    ADD_CHECKPOINT = "ADD_CHECKPOINT"
    COSIGNED = "COSIGNED"
    CONFLICT = "CONFLICT"


def _mail_kind(text: str) -> MailKind:
    return member(MailKind, text)


@dataclass(frozen=True, slots=True)
class WitnessMail(WireRecord):
    """One message between auditors. `country` says where an answer goes; nothing else rests on it."""

    country: CountryCode = field(metadata={"check": parse_country, "wire": "from"})
    kind: MailKind = field(metadata={"check": _mail_kind})
    body: bytes


@dataclass(frozen=True, slots=True)
class LogProof:
    """One entry of a log and the hashes (32 bytes each) that lead to the root."""

    index: int
    entry: bytes
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class LogProofs:
    """A cosigned checkpoint and proofs in its tree, by index in ascending order."""

    checkpoint: bytes
    proofs: tuple[LogProof, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the record in `data`; its form is checked, no signature and no proof. Raises MalformedError."""
        record = codec(cls.__name__).decode(data)
        proofs = tuple(LogProof(each["index"], each["entry"], tuple(each["hashes"])) for each in record["proofs"])
        indices = [proof.index for proof in proofs]
        if indices != sorted(set(indices)):
            raise MalformedError(Code.MALFORMED, "order of log proofs")
        if any(len(proof.hashes) > _MOST_HASHES for proof in proofs):
            raise MalformedError(Code.MALFORMED, "length of a log proof")
        return cls(record["checkpoint"], proofs)

    def encode(self) -> bytes:
        """Return the canonical bytes; `parse` of them gives an equal value. Raises MalformedError TOO_LARGE."""
        proofs = [{"index": each.index, "entry": each.entry, "hashes": list(each.hashes)} for each in self.proofs]
        return codec(type(self).__name__).encode({"checkpoint": self.checkpoint, "proofs": proofs})
