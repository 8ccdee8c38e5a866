"""The two parts of an envelope that decisions read: the header in the clear, and the routing block that gates open."""

from __future__ import annotations

from dataclasses import dataclass

from refbus.core.ids import CaseHandle, EventId, KeyId, MessageId, OrgId, ReferralId
from refbus.core.vocabulary import Action, DataCategory, EventType, Priority, Purpose


@dataclass(frozen=True, slots=True)
class Header:
    """All that travels unencrypted. Times are hours since the Unix epoch, UTC."""

    version: int
    suite: int
    message_id: MessageId
    expires_at_hour: int
    directory_version: int


@dataclass(frozen=True, slots=True)
class RoutingBlock:
    """What both gates and the recipient may read of an event; never the payload. Times in milliseconds, UTC."""

    sender: OrgId
    sender_kid: KeyId
    recipient: OrgId
    recipient_kid: KeyId
    event_type: EventType
    event_id: EventId
    referral_id: ReferralId
    case_handle: CaseHandle
    previous: EventId | None
    priority: Priority
    respond_by_ms: int | None
    purpose: Purpose
    actions: tuple[Action, ...]
    data_categories: tuple[DataCategory, ...]
    consent_record: bytes | None
    legal_basis_record: bytes | None
    occurred_at_ms: int
    payload_fingerprint: bytes
    payload_schema_sha256: bytes
    travel_document: str | None = None  # kind of one that is not accepted everywhere: both gates ask the policies


def is_urgent(block: RoutingBlock) -> bool:
    """Whether somebody is in danger while this event waits."""
    return block.priority is Priority.EMERGENCY or block.event_type is EventType.EMERGENCY_INVOKED
