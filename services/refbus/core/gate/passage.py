"""What a gate has in its hands when it decides: the event as verified, and what its store knows. Plain values.

A record is decided twice at most: as it comes in, and, when it was held or an operator replays it, again (`resumed`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Protocol

from refbus.core.consent.denials import Denials
from refbus.core.consent.legal_basis import BasisClaim
from refbus.core.consent.record import Evidence, KnownConsent
from refbus.core.courses.facts import EventFact
from refbus.core.ids import CaseHandle, ConsentId, CountryCode, EventId, OrgId, ReferralId, SubjectRef
from refbus.core.message import Header, RoutingBlock
from refbus.errors import Code, RefbusError

_SEALED_AGAIN = frozenset({"sender_kid", "recipient_kid", "consent_record", "legal_basis_record"})
_LATER = frozenset({"travel_document"})
"""Fields that the first release did not have: an event without one has the identity that it had there."""
_SAME = tuple(field.name for field in fields(RoutingBlock) if field.name not in _SEALED_AGAIN)


@dataclass(frozen=True, slots=True)
class Pass:
    """The verified word of the gate of origin that it let this envelope out; `hour` since the epoch, UTC."""

    origin: CountryCode
    hour: int


@dataclass(frozen=True, slots=True)
class Presented:
    """An event whose routing box opened here and whose sender's signatures are verified."""

    record_sha256: bytes  # of the record as read from the topic
    signed_sha256: bytes  # of the bytes that the sender signed
    header: Header
    block: RoutingBlock
    consent: Evidence | None = None  # the record that rides in the block, checked
    consent_error: Code | None = None  # why the record in the block could not be read
    basis: BasisClaim | None = None  # the legal basis record that rides in the block, checked
    basis_error: Code | None = None  # why it could not be read
    passed: Pass | None = None  # at ingress, when the signature of the gate of origin is verified
    resumed: bool = False  # decided again: a resend of itself it is not


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that could not be opened or believed. `error` says why; the header is there when it parsed.

    `signer`: who has signed it as far as the directory here can tell, when only a newer version of it is missing, or
    only its header's time is against it.
    """

    record_sha256: bytes
    error: RefbusError
    header: Header | None = None
    resumed: bool = False
    signer: OrgId | None = None


class Outcome(StrEnum):
    """What became of a record. Every record has exactly one, and their counts add up to the records read."""

    FORWARDED = "FORWARDED"
    HELD = "HELD"
    REFUSED = "REFUSED"
    DUPLICATE = "DUPLICATE"
    QUARANTINED = "QUARANTINED"


@dataclass(frozen=True, slots=True)
class KnownReferral:
    """A referral as this node knows it: its case, the pseudonym of the person in it, and its events.

    `minor`: whether the person was a child when asked, by the first consent record that came along; None without one.
    `of_age_ms`: when that child comes of age, UTC.
    """

    case_handle: CaseHandle
    subject_ref: SubjectRef | None
    facts: tuple[EventFact, ...]
    minor: bool | None = None
    of_age_ms: int | None = None


class NodeView(Protocol):
    """What the node store knows, read inside the deciding transaction; nothing here writes."""

    @property
    def country(self) -> CountryCode:
        """The country of this node."""
        ...

    def record_seen(self, record_sha256: bytes) -> bool:
        """Return whether exactly this record was decided at this point before."""
        ...

    def signed_seen(self, signed_sha256: bytes) -> bool:
        """Return whether these signed bytes were decided at this point before, in whatever record they came."""
        ...

    def event_seen(self, sender: OrgId, event_id: EventId) -> bytes | None:
        """Return the `event_identity` of what this sender sent under this event id before, or None."""
        ...

    def consent(self, consent_id: ConsentId) -> KnownConsent:
        """Return what is remembered of a consent id."""
        ...

    def denials(self, subject_ref: SubjectRef) -> Denials:
        """Return what is remembered of a person's refusals between two organisations; read for emergencies only."""
        ...

    def referral(self, referral_id: ReferralId) -> KnownReferral | None:
        """Return what is remembered of a referral."""
        ...

    def disclosed(self, referral_id: ReferralId) -> Collection[OrgId]:
        """Return the organisations that the disclosure ledger names for this referral; kept beyond erasure."""
        ...

    def case_held(self, case_handle: CaseHandle, sender: OrgId) -> bool:
        """Return whether an earlier event of this sender in this case is being held. Nobody holds up another's."""
        ...


def event_identity(block: RoutingBlock) -> bytes:
    """Return 32 bytes (SHA-256) that stay the same when an event is sealed again: all of it but keys and consent."""
    digest = hashlib.sha256(b"refbus/v1/event\0")
    for name in _SAME:
        if name in _LATER and getattr(block, name) is None:
            continue
        text = _text(getattr(block, name))
        digest.update(len(text).to_bytes(4, "big") + text)
    return digest.digest()


def _text(value: object) -> bytes:
    """Render a field; lists in their canonical order, since a decoded block has them sorted."""
    if isinstance(value, tuple):
        return b",".join(sorted(str(member).encode() for member in value))
    return value if isinstance(value, bytes) else str(value).encode()
