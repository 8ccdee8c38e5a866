"""Header and routing block in bytes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.ids import CaseHandle, EventId, KeyId, MessageId, OrgId, ReferralId
from refbus.core.message import Header, RoutingBlock
from refbus.core.vocabulary import Action, DataCategory, EventType, Priority, Purpose
from refbus.errors import Code, MalformedError
from refbus.wire.message import decode_block, decode_header, encode_block, encode_header
from support.extremes import as_written

HEADER = Header(version=1, suite=1, message_id=MessageId(b"m" * 16), expires_at_hour=500_000, directory_version=3)
BLOCK = RoutingBlock(
    sender=OrgId("kz-4f7k2m9q"),
    sender_kid=KeyId(b"s" * 16),
    recipient=OrgId("uz-0000000z"),
    recipient_kid=KeyId(b"r" * 16),
    event_type=EventType.REFERRAL_REQUESTED,
    event_id=EventId(b"e" * 16),
    referral_id=ReferralId(b"f" * 16),
    case_handle=CaseHandle(b"h" * 32),
    previous=None,
    priority=Priority.URGENT,
    respond_by_ms=None,
    purpose=Purpose.REFERRAL_SERVICES,
    actions=(Action.DISCLOSE, Action.REPORT_BACK),
    data_categories=(DataCategory.IDENTITY, DataCategory.SERVICE_NEEDS),
    consent_record=b"record",
    legal_basis_record=None,
    occurred_at_ms=1_800_000_000_000,
    payload_fingerprint=b"p" * 8,
    payload_schema_sha256=b"q" * 32,
)


def _changed(**changes: Any) -> bytes:
    """Return a routing block as a writer without our checks would send it."""
    record = {field.name: getattr(BLOCK, field.name) for field in dataclasses.fields(BLOCK)}
    del record["travel_document"]
    return as_written("RoutingBlock", {**record, **changes})


def _code_of(data: bytes) -> Code:
    with pytest.raises(MalformedError) as caught:
        decode_block(data)
    return caught.value.code


def test_header_round_trip() -> None:
    """A header comes back equal."""
    assert decode_header(encode_header(HEADER)) == HEADER


@pytest.mark.parametrize("change", [{"expires_at_hour": -1}, {"directory_version": 0}])
def test_header_refuses_impossible_numbers(change: dict[str, Any]) -> None:
    """Negative hours and a directory before the first are malformed."""
    with pytest.raises(MalformedError):
        decode_header(encode_header(dataclasses.replace(HEADER, **change)))


def test_block_round_trip() -> None:
    """A routing block comes back equal, with and without its optional parts."""
    other = dataclasses.replace(
        BLOCK,
        previous=EventId(b"v" * 16),
        respond_by_ms=1_800_000_000_000,
        consent_record=None,
        legal_basis_record=b"basis",
    )
    assert (decode_block(encode_block(BLOCK)), decode_block(encode_block(other))) == (BLOCK, other)


def test_a_block_without_a_travel_document_has_the_bytes_of_the_first_release() -> None:
    """Older gates read it; with one it comes back equal, and a null that is written out is NOT_CANONICAL."""
    paper = dataclasses.replace(BLOCK, travel_document="ID_CARD")
    assert decode_block(encode_block(paper)) == paper
    assert encode_block(paper)[: len(encode_block(BLOCK))] == encode_block(BLOCK)
    assert _code_of(encode_block(BLOCK) + b"\0") is Code.NOT_CANONICAL


def test_block_lists_have_one_order() -> None:
    """Writing sorts the lists; a block with another order or a repeated member is NOT_CANONICAL."""
    turned = dataclasses.replace(BLOCK, actions=(Action.REPORT_BACK, Action.DISCLOSE, Action.DISCLOSE))
    assert encode_block(turned) == encode_block(BLOCK)
    assert _code_of(_changed(actions=["REPORT_BACK", "DISCLOSE"])) is Code.NOT_CANONICAL
    assert _code_of(_changed(data_categories=["IDENTITY", "IDENTITY"])) is Code.NOT_CANONICAL


@pytest.mark.parametrize("name", ["event_type", "priority", "purpose"])
def test_unknown_members_are_named_by_their_list(name: str) -> None:
    """A word that is not in the vocabulary is UNKNOWN_VALUE, not a default."""
    assert _code_of(_changed(**{name: "SOMETHING_NEW"})) is Code.UNKNOWN_VALUE
    assert _code_of(_changed(actions=["SOMETHING_NEW"])) is Code.UNKNOWN_VALUE


@pytest.mark.parametrize(
    "change", [{"sender": "KZ-4f7k2m9q"}, {"recipient": ""}, {"occurred_at_ms": -1}, {"respond_by_ms": -1}]
)
def test_block_refuses_wrong_forms(change: dict[str, Any]) -> None:
    """Organisation ids have one form; times are those of the bus."""
    assert _code_of(_changed(**change)) is Code.MALFORMED
    if "occurred_at_ms" in change:
        with pytest.raises(MalformedError):
            encode_block(dataclasses.replace(BLOCK, **change))
