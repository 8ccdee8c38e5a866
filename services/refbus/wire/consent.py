"""Consent records: between the values of `core.consent.record` and the canonical bytes that are signed and hashed."""

from __future__ import annotations

from dataclasses import fields
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

from refbus.core.consent.record import (
    Assent,
    ConsentRecord,
    ConsentState,
    Effect,
    Grantor,
    GrantorKind,
    Informed,
    Method,
    NoticeRef,
    Provision,
    SignedConsent,
)
from refbus.core.ids import ConsentId, KeyId, SubjectRef, parse_country, parse_org_id
from refbus.core.vocabulary import Action, DataCategory, Purpose, member
from refbus.errors import Code, MalformedError
from refbus.wire.schema import Document, codec

_Member = TypeVar("_Member", bound=StrEnum)
_PROVISION_LISTS = ("purposes", "actions", "recipients", "countries", "data_categories")
MLDSA65_BYTES = 3309
"""Size of an ML-DSA-65 signature, FIPS 204 table 2."""


def encode_record(record: ConsentRecord) -> bytes:
    """Return the bytes that are signed; lists without an order are sorted. Raises MalformedError."""
    document = _plain(record)
    document["notice"] = _plain(record.notice)
    document["grantor"] = _plain(record.grantor)
    document["informed"] = sorted(set(record.informed))
    document["provisions"] = [_plain_provision(provision) for provision in record.provisions]
    return codec("ConsentRecord").encode(document)


@lru_cache(maxsize=64)
def decode_record(data: bytes) -> ConsentRecord:
    """Return the record in `data`. Raises MalformedError; UNKNOWN_VALUE names a list with a member not known here.

    The same bytes give the same value: what a gate remembers of a consent is what came with the event.
    """
    document = codec("ConsentRecord").decode(data)
    return ConsentRecord(
        schema_version=document["schema_version"],
        consent_id=ConsentId(document["consent_id"]),
        version=document["version"],
        prev_hash=document["prev_hash"],
        subject_ref=SubjectRef(document["subject_ref"]),
        party=parse_org_id(document["party"]),
        state=member(ConsentState, document["state"]),
        event_time_ms=document["event_time_ms"],
        valid_from_ms=document["valid_from_ms"],
        valid_until_ms=document["valid_until_ms"],
        retain_until_ms=document["retain_until_ms"],
        notice=NoticeRef(**document["notice"]),
        grantor=_grantor(document["grantor"]),
        majority_at_ms=document["majority_at_ms"],
        assent=member(Assent, document["assent"]),
        method=member(Method, document["method"]),
        interpreter=document["interpreter"],
        informed=_members(Informed, document["informed"]),
        jurisdiction=parse_country(document["jurisdiction"]),
        collected_by=parse_org_id(document["collected_by"]),
        withdrawal_contact=document["withdrawal_contact"],
        provisions=tuple(_provision(item) for item in document["provisions"]),
    )


def encode_signed(signed: SignedConsent) -> bytes:
    """Return the signed record as it rides in a routing block. Raises MalformedError."""
    return codec("SignedConsent").encode(
        {
            "record": signed.record_bytes,
            "signer": signed.signer,
            "signer_kid": signed.signer_kid,
            "ed25519": signed.ed25519,
            "mldsa65": signed.mldsa65,
        }
    )


@lru_cache(maxsize=64)
def decode_signed(data: bytes) -> SignedConsent:
    """Return the signed record in `data`; its signatures are not verified here. Raises MalformedError.

    The same bytes give the same value: a record is looked at several times on the way of one event.
    """
    document = codec("SignedConsent").decode(data)
    second = document["mldsa65"]
    if second is not None and len(second) != MLDSA65_BYTES:
        raise MalformedError(Code.MALFORMED, "SignedConsent: size of the ML-DSA-65 signature")
    return SignedConsent(
        record_bytes=document["record"],
        record=decode_record(document["record"]),
        signer=parse_org_id(document["signer"]),
        signer_kid=KeyId(document["signer_kid"]),
        ed25519=document["ed25519"],
        mldsa65=second,
    )


def _plain(value: Any) -> Document:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _plain_provision(provision: Provision) -> Document:
    document = _plain(provision)
    for name in _PROVISION_LISTS:
        document[name] = sorted(set(document[name]))
    return document


def _grantor(document: Document) -> Grantor:
    return Grantor(**{**document, "kind": member(GrantorKind, document["kind"])})


def _provision(document: Document) -> Provision:
    return Provision(
        effect=member(Effect, document["effect"]),
        purposes=_members(Purpose, document["purposes"]),
        actions=_members(Action, document["actions"]),
        recipients=tuple(parse_org_id(text) for text in _in_order(document["recipients"])),
        countries=tuple(parse_country(text) for text in _in_order(document["countries"])),
        data_categories=_members(DataCategory, document["data_categories"]),
        onward_transfer=document["onward_transfer"],
        from_ms=document["from_ms"],
        until_ms=document["until_ms"],
    )


def _members(kind: type[_Member], texts: list[str]) -> tuple[_Member, ...]:
    return tuple([member(kind, text) for text in _in_order(texts)])


def _in_order(texts: list[str]) -> list[str]:
    """Return the list when it is in its one order: sorted, none twice."""
    if texts != sorted(set(texts)):
        raise MalformedError(Code.NOT_CANONICAL, "ConsentRecord: a list is not sorted or not unique")
    return texts
