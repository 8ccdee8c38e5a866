"""The records of the node topics: what passes a border, what comes back, what is in an inbox, what is audited.

Each class has `parse(bytes)` and `encode()`; parsed fields are typed and checked for form. Signatures are made and
verified elsewhere (`refbus.crypto.signing`); these values only carry them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self

from refbus.core.bounds import MOST_PATH
from refbus.core.ids import CountryCode, EventId, KeyId, OrgId, ReferralId, parse_country, parse_org_id
from refbus.core.vocabulary import member
from refbus.errors import Code, MalformedError
from refbus.wire.schema import decode, encode

SALT_BYTES = 32
"""Size of what keeps the leaf of a stamp from being guessed."""
LEAF_BYTES = 47
"""Size of an audit leaf: the 15 bytes "refbus-audit/v1" and a 32-byte commitment."""


class HopOutcome(StrEnum):
    """What the destination gate did with the bytes that it says it has. QUARANTINED: put aside, and nobody told."""

    TAKEN = "TAKEN"
    QUARANTINED = "QUARANTINED"


class NoticeKind(StrEnum):
    """Why a gate writes to an organisation."""

    RECEIPT = "RECEIPT"
    REFUSAL = "REFUSAL"
    HEARTBEAT = "HEARTBEAT"
    DELIVERY_FAILED = "DELIVERY_FAILED"
    REMINDER = "REMINDER"
    ESCALATION = "ESCALATION"
    EXPIRED = "EXPIRED"
    ALARM = "ALARM"


class NoticeOutcome(StrEnum):
    """What became of the envelope. NONE, the empty text, is for heartbeats and deadlines."""

    FORWARDED = "FORWARDED"
    TAKEN = "TAKEN"
    HELD = "HELD"
    REFUSED = "REFUSED"
    DUPLICATE = "DUPLICATE"
    QUARANTINED = "QUARANTINED"
    NONE = ""


class InboxKind(StrEnum):
    """What the body of an inbox record is."""

    EVENT = "EVENT"
    NOTICE = "NOTICE"


class BorderKind(StrEnum):
    """What the body of a border record is."""

    PASSED = "PASSED"
    HOP = "HOP"
    NOTICE = "NOTICE"


def _leaf(data: bytes) -> bytes:
    if len(data) != LEAF_BYTES:
        raise MalformedError(Code.MALFORMED, "size of the audit leaf")
    return data


def _mldsa65(data: bytes | None) -> bytes | None:
    if data is not None and len(data) != 3309:
        raise MalformedError(Code.MALFORMED, "size of the ML-DSA-65 signature")
    return data


def _salt(data: bytes) -> bytes:
    if len(data) not in {0, SALT_BYTES}:
        raise MalformedError(Code.MALFORMED, "size of the salt of a leaf")
    return data


def _path(data: bytes) -> bytes:
    """Return a path of whole hashes (32 bytes each), at most so many as the largest tree needs."""
    if len(data) % 32 or len(data) > 32 * MOST_PATH:
        raise MalformedError(Code.MALFORMED, "length of the path of a stamp")
    return data


def _relative_path(path: str) -> str:
    """Return a repository path that stays inside the repository."""
    if not path or "\\" in path or "\0" in path or any(part in {"", ".", ".."} for part in path.split("/")):
        raise MalformedError(Code.MALFORMED, "path of a directory file")
    return path


def _one_of(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    return lambda text: member(kind, text)


def _decisions(names: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return the names of decisions: at least one, in ascending order, each once."""
    found = tuple(names)
    if not found or list(found) != sorted(set(found)):
        raise MalformedError(Code.MALFORMED, "order of decision ids")
    return found


# How a decoded value is checked ("check"), and the name on the wire where Python reserves it ("wire").
_DECISIONS = {"check": _decisions}
_LEAF = {"check": _leaf}
_MLDSA65 = {"check": _mldsa65}
_ORG = {"check": parse_org_id}
_FILE = {"check": _relative_path}
_PATH = {"check": _path}
_SALT = {"check": _salt}
_TEXTS = {"check": tuple}
_FROM = {"check": parse_country, "wire": "from"}
_TO = {"check": parse_country, "wire": "to"}


@dataclass(frozen=True, slots=True)
class WireRecord:
    """A record whose class, schema file and fields have the same names."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the record in `data`. Raises MalformedError."""
        record = decode(cls.__name__, data)
        values: dict[str, Any] = {}
        for name, wire, check in _plan(cls):
            value = record[wire]
            values[name] = check(value) if check else value
        return cls(**values)

    def encode(self) -> bytes:
        """Return the canonical bytes; `parse` of them gives an equal value. Raises MalformedError."""
        record: dict[str, Any] = {}
        for name, wire, check in _plan(type(self)):
            value = getattr(self, name)
            record[wire] = check(value) if check else value
        return encode(type(self).__name__, record)


_Plan = tuple[tuple[str, str, Callable[[Any], Any] | None], ...]
_PLANS: dict[str, _Plan] = {}


def _plan(kind: type[WireRecord]) -> _Plan:
    """Return for each field its name, its name on the wire, and its check; looked up once, since every record asks."""
    plan = _PLANS.get(kind.__name__)
    if plan is None:
        found = ((f.name, f.metadata.get("wire", f.name), f.metadata.get("check")) for f in fields(kind))
        plan = _PLANS[kind.__name__] = tuple(found)
    return plan


@dataclass(frozen=True, slots=True)
class Passed(WireRecord):
    """An envelope with the exit stamp of its origin gate. `ed25519` 64 bytes, `mldsa65` 3309; hour UTC.

    From version 2 on (`refbus.envelope.stamps`) the signatures are over the root of a tree, in which this record's leaf
    has `salt` (32 bytes), stands at `index` of `size`, and is led to the root by `path` (32 bytes a hash).
    """

    envelope: bytes
    hour: int
    from_country: CountryCode = field(metadata=_FROM)
    to_country: CountryCode = field(metadata=_TO)
    kid: KeyId
    ed25519: bytes
    mldsa65: bytes | None = field(metadata=_MLDSA65)
    version: int = 1
    salt: bytes = field(default=b"", metadata=_SALT)
    index: int = 0
    size: int = 0
    path: bytes = field(default=b"", metadata=_PATH)


@dataclass(frozen=True, slots=True)
class HopReceipt(WireRecord):
    """The destination gate has it in its store. Hour since the epoch, UTC; `ed25519` 64 bytes; else as in `Passed`."""

    envelope_sha256: bytes
    from_country: CountryCode = field(metadata=_FROM)
    to_country: CountryCode = field(metadata=_TO)
    outcome: HopOutcome = field(metadata={"check": _one_of(HopOutcome)})
    hour: int
    kid: KeyId
    ed25519: bytes
    version: int = 1
    salt: bytes = field(default=b"", metadata=_SALT)
    index: int = 0
    size: int = 0
    path: bytes = field(default=b"", metadata=_PATH)


@dataclass(frozen=True, slots=True)
class SealedNotice(WireRecord):
    """A gate notice that only one organisation can open. `stanza` 1168 bytes."""

    stanza: bytes
    box: bytes


@dataclass(frozen=True, slots=True)
class GateNotice(WireRecord):
    """What a gate tells an organisation. Hashes 32 bytes, `decision_id` 16; `codes` are those of errors.

    Five fields are about a deadline: its course, kind, step of the ladder, when it was due (UTC), whose turn it is.
    `statement` is what the gate logged of the decision (refbus.audit.statement), empty when nothing new was decided.
    `receipt` is the HopReceipt of the destination's gate, as signed, when the notice tells what that gate has.
    `generation` (16 bytes, or none) says in a heartbeat that the gate's store goes on from a copy, `restored_from_ms`
    (UTC, 0: empty) what the last moment was that the copy knew of.
    """

    from_gate: OrgId = field(metadata=_ORG)
    kid: KeyId
    kind: NoticeKind = field(metadata={"check": _one_of(NoticeKind)})
    envelope_sha256: bytes
    event_id: EventId | None
    outcome: NoticeOutcome = field(metadata={"check": _one_of(NoticeOutcome)})
    codes: tuple[str, ...] = field(metadata=_TEXTS)
    at_ms: int
    inbox_count: int
    inbox_hash: bytes
    decision_id: bytes
    referral_id: ReferralId | None = None
    deadline: str = ""
    level: int = 0
    due_ms: int = 0
    responsible: str = ""
    statement: bytes = b""
    receipt: bytes = b""
    generation: bytes = b""
    restored_from_ms: int = 0


@dataclass(frozen=True, slots=True)
class InboxRecord(WireRecord):
    """One numbered record of an inbox; `sequence` counts from 1."""

    kind: InboxKind = field(metadata={"check": _one_of(InboxKind)})
    sequence: int
    body: bytes


@dataclass(frozen=True, slots=True)
class BorderRecord(WireRecord):
    """One record of a border topic."""

    kind: BorderKind = field(metadata={"check": _one_of(BorderKind)})
    body: bytes


@dataclass(frozen=True, slots=True)
class RelayedNotice(WireRecord):
    """A sealed notice on its way to the organisation that sent the envelope. `envelope_sha256` 32 bytes."""

    envelope_sha256: bytes
    notice: bytes


@dataclass(frozen=True, slots=True)
class DirectoryFile(WireRecord):
    """One file of the directory repository, by its relative path."""

    path: str = field(metadata=_FILE)
    content: bytes


@dataclass(frozen=True, slots=True)
class AuditEntry(WireRecord):
    """A committed decision. `decision_id` 16 bytes, `leaf` 47, `ed25519` 64.

    `stays`: its sealed record is evidence, and its writer cannot have it deleted.
    """

    decision_id: bytes
    writer: OrgId = field(metadata=_ORG)
    kid: KeyId
    leaf: bytes = field(metadata=_LEAF)
    at_ms: int
    sealed_record: bytes
    ed25519: bytes
    stays: bool = False


@dataclass(frozen=True, slots=True)
class ErasureOrder(WireRecord):
    """The sealed records of these decisions (16 bytes each) of its writer are to be deleted. `ed25519` 64 bytes."""

    writer: OrgId = field(metadata=_ORG)
    kid: KeyId
    decision_ids: tuple[bytes, ...] = field(metadata=_DECISIONS)
    at_ms: int
    ed25519: bytes


@dataclass(frozen=True, slots=True)
class StoppedRecord(WireRecord):
    """A refused or quarantined record as received, with every reason. `decision_id` 16 bytes orders a replay."""

    decision_id: bytes
    topic: str
    offset: int
    codes: tuple[str, ...] = field(metadata=_TEXTS)
    record: bytes
