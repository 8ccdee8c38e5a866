"""What an audit record says of one decision. It names no person; only the inspector can read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from refbus.core.ids import ConsentId, EventId, OrgId, parse_org_id
from refbus.core.vocabulary import EventType, member
from refbus.errors import Code, MalformedError
from refbus.wire.transport import WireRecord


class Stage(StrEnum):
    """Where on the road the decision was made."""

    SENT = "SENT"  # the sender's gateway, before sealing
    EGRESS = "EGRESS"  # the gate of origin
    INGRESS = "INGRESS"  # the gate of destination
    OPENED = "OPENED"  # the recipient's gateway, before showing
    DELIVERY = "DELIVERY"  # the gate of origin, when an event expired without a hop receipt
    DEADLINE = "DEADLINE"  # a gate, when something was not there in time
    ERASED = "ERASED"  # whoever destroyed the keys of a case


class AuditOutcome(StrEnum):
    """What was decided. DONE is for a stage that has one good end: sent, opened, erased."""

    DONE = "DONE"
    FORWARDED = "FORWARDED"
    HELD = "HELD"
    REFUSED = "REFUSED"
    DUPLICATE = "DUPLICATE"
    QUARANTINED = "QUARANTINED"
    FAILED = "FAILED"


def _codes(texts: Iterable[str]) -> tuple[Code, ...]:
    """Return the codes, sorted and each once, so that equal decisions have equal bytes."""
    return tuple(sorted({member(Code, text) for text in texts}))


def _stage(text: str) -> Stage:
    return member(Stage, text)


def _outcome(text: str) -> AuditOutcome:
    return member(AuditOutcome, text)


def _event_type(text: str | None) -> EventType | None:
    return None if text is None else member(EventType, text)


def _time(at_ms: int) -> int:
    if at_ms < 0:
        raise MalformedError(Code.MALFORMED, "a negative time")
    return at_ms


_EVIDENCE_EVENTS = frozenset({EventType.EMERGENCY_INVOKED, EventType.EMERGENCY_REVIEWED})
_EVIDENCE_CODES = frozenset({Code.EMERGENCY_DISCLOSED, Code.EMERGENCY_UPHELD, Code.EMERGENCY_NOT_UPHELD})


def is_evidence(event_type: EventType | None, codes: Iterable[Code]) -> bool:
    """Whether a decision is about a disclosure without consent: who must answer for it does not erase its record."""
    return event_type in _EVIDENCE_EVENTS or not _EVIDENCE_CODES.isdisjoint(codes)


@dataclass(frozen=True, slots=True)
class AuditRecord(WireRecord):
    """One decision. Ids 16 bytes, hash 32 bytes, time in milliseconds UTC; None for what the writer could not read."""

    decision_id: bytes
    writer: OrgId = field(metadata={"check": parse_org_id})
    stage: Stage = field(metadata={"check": _stage})
    outcome: AuditOutcome = field(metadata={"check": _outcome})
    codes: tuple[Code, ...] = field(metadata={"check": _codes})
    event_type: EventType | None = field(metadata={"check": _event_type})
    event_id: EventId | None
    message_sha256: bytes | None
    consent_id: ConsentId | None
    consent_version: int | None
    at_ms: int = field(metadata={"check": _time})

    @property
    def stays(self) -> bool:
        """Whether its sealed record must stay at the auditor."""
        return is_evidence(self.event_type, self.codes)


@dataclass(frozen=True, slots=True)
class ReplayRecord(WireRecord):
    """An order of two operators to decide a stopped record again, and what came of it. Nothing of the case is in it.

    `replaced` is the decision that was in force, `became` the one in its place. Ids 16 bytes, times in ms UTC.
    """

    decision_id: bytes
    writer: OrgId = field(metadata={"check": parse_org_id})
    stage: Stage = field(metadata={"check": _stage})
    outcome: AuditOutcome = field(metadata={"check": _outcome})
    replaced: bytes
    became: bytes
    reason: str
    asked_by: str
    asked_account: str
    asked_ms: int = field(metadata={"check": _time})
    approved_by: str
    approved_account: str
    approved_ms: int = field(metadata={"check": _time})
    at_ms: int = field(metadata={"check": _time})

    @property
    def stays(self) -> bool:
        """Whether its sealed record must stay at the auditor: no case is erased with it."""
        return True

    @property
    def codes(self) -> tuple[Code, ...]:
        """Return no reason of a decision: those are in the entry of the decision."""
        return ()

    @property
    def event_id(self) -> None:
        """Return no event: it is in the entry of the decision."""
        return

    @property
    def event_type(self) -> None:
        """Return no event, as `event_id`."""
        return

    @property
    def message_sha256(self) -> None:
        """Return no record, as `event_id`."""
        return

    @property
    def consent_id(self) -> None:
        """Return no consent, as `event_id`."""
        return

    @property
    def consent_version(self) -> None:
        """Return no consent, as `event_id`."""
        return


AnyRecord = AuditRecord | ReplayRecord
"""What can be behind a leaf of a decision."""
