"""Header and routing block: between the values of `refbus.core.message` and their canonical bytes."""

from __future__ import annotations

from dataclasses import fields
from enum import StrEnum
from typing import TypeVar

from refbus.core.ids import CaseHandle, EventId, KeyId, MessageId, ReferralId, parse_org_id
from refbus.core.message import Header, RoutingBlock
from refbus.core.vocabulary import Action, DataCategory, EventType, Priority, Purpose, member
from refbus.errors import Code, MalformedError
from refbus.wire.schema import Document, codec, decode, encode

_Member = TypeVar("_Member", bound=StrEnum)
_HEADER_FIELDS = tuple(field.name for field in fields(Header))
_BLOCK_FIELDS = tuple(field.name for field in fields(RoutingBlock))


def encode_header(header: Header) -> bytes:
    """Return the header's bytes, the ones that every box and signature is bound to. Raises MalformedError."""
    return codec("Header").encode({name: getattr(header, name) for name in _HEADER_FIELDS})


def decode_header(data: bytes) -> Header:
    """Return the header in `data`. Version and suite are not judged here. Raises MalformedError."""
    record = codec("Header").decode(data)
    return Header(
        version=record["version"],
        suite=record["suite"],
        message_id=MessageId(record["message_id"]),
        expires_at_hour=record["expires_at_hour"],
        directory_version=record["directory_version"],
    )


def encode_block(block: RoutingBlock) -> bytes:
    """Return the bytes that are signed, with both lists in their one order. Raises MalformedError."""
    record: Document = {name: getattr(block, name) for name in _BLOCK_FIELDS}
    for name in ("actions", "data_categories"):
        record[name] = sorted(set(record[name]))
    return encode("RoutingBlock", record)


def decode_block(data: bytes) -> RoutingBlock:
    """Return the routing block in `data`. Raises MalformedError (UNKNOWN_VALUE for a member that is not known here)."""
    record = decode("RoutingBlock", data)
    previous = record["previous"]
    return RoutingBlock(
        sender=parse_org_id(record["sender"]),
        sender_kid=KeyId(record["sender_kid"]),
        recipient=parse_org_id(record["recipient"]),
        recipient_kid=KeyId(record["recipient_kid"]),
        event_type=member(EventType, record["event_type"]),
        event_id=EventId(record["event_id"]),
        referral_id=ReferralId(record["referral_id"]),
        case_handle=CaseHandle(record["case_handle"]),
        previous=None if previous is None else EventId(previous),
        priority=member(Priority, record["priority"]),
        respond_by_ms=record["respond_by_ms"],
        purpose=member(Purpose, record["purpose"]),
        actions=_members(Action, record["actions"]),
        data_categories=_members(DataCategory, record["data_categories"]),
        consent_record=record["consent_record"],
        legal_basis_record=record["legal_basis_record"],
        occurred_at_ms=record["occurred_at_ms"],
        payload_fingerprint=record["payload_fingerprint"],
        payload_schema_sha256=record["payload_schema_sha256"],
        travel_document=record["travel_document"],
    )


def _members(kind: type[_Member], texts: list[str]) -> tuple[_Member, ...]:
    """Return the members in their one order: sorted, none twice."""
    if texts != sorted(set(texts)):
        raise MalformedError(Code.NOT_CANONICAL, f"RoutingBlock: {kind.__name__} not sorted or not unique")
    return tuple(member(kind, text) for text in texts)
