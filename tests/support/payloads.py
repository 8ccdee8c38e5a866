"""Payloads and case files for tests, made from the schemas themselves. Everything in them is fictional.

full(EventType.REFERRAL_ACCEPTED)        # every field filled
least(EventType.REFERRAL_ACCEPTED)       # only what is compulsory
case_bytes(person={"is_minor": True})    # a small valid case file, changed
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from refbus.core.vocabulary import EventType
from refbus.resources import data_dir
from refbus.wire.codelists import code_list
from refbus.wire.fields import FieldSpec, Kind
from refbus.wire.payload import coded, payload_fields
from refbus.wire.schema import load_codec

EVENT_ID, REFERRAL_ID = bytes.fromhex("e1" * 16), bytes.fromhex("2f" * 16)
SOME_MS = 1_800_000_000_000
FILE = b"Fictional file: no such person exists.\n"
TEXTS = {
    "date": "2026-03-31",
    "partial_date": "1991-05",
    "e164": "+77000000007",
    "media_type": "text/plain",
    "reference": "A-2026/117",
    "org_id": "uz-4f7k2m9q",
}
PERSON = {"prs_FirstName": "Вымышленное лицо 07", "prs_Citizenship": ["UZ"]}


def full(event_type: EventType, **changes: Any) -> dict[str, Any]:
    """Return a payload of an event with every field filled."""
    return {**_record(payload_fields(event_type), everything=True), **_ids(), **changes}


def least(event_type: EventType, **changes: Any) -> dict[str, Any]:
    """Return a payload of an event with only the compulsory fields; the rest are null or empty."""
    return {**_record(payload_fields(event_type), everything=False), **_ids(), **changes}


def newest_fingerprint(event_type: EventType) -> bytes:
    """Return the fingerprint of the newest schema of an event, 8 bytes."""
    return load_codec(data_dir("schemas") / "events" / f"{event_type.value}.avsc").fingerprint


def case_document(**changes: Any) -> dict[str, Any]:
    """Return a small valid case file as a mapping."""
    return {
        "format": "refbus-case/1",
        "fictional": True,
        "recipient": {"organisation": "uz-4f7k2m9q"},
        "purpose": "REFERRAL_SERVICES",
        "priority": "URGENT",
        "reply_within_hours": 24,
        "reason": "AdditionalServicesRequired",
        "source_of_referral": "NGO",
        "services_requested": ["SocialCare"],
        "responsible_worker_role": "CASE_MANAGER",
        "person": dict(PERSON),
        **changes,
    }


def case_bytes(**changes: Any) -> bytes:
    """Return a small valid case file, with fields changed."""
    return json.dumps(case_document(**changes), ensure_ascii=False).encode()


def _ids() -> dict[str, bytes]:
    return {"event_id": EVENT_ID, "referral_id": REFERRAL_ID}


def _record(specs: Iterable[FieldSpec], *, everything: bool) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for spec in specs:
        wanted = everything or spec.required
        if spec.many:
            values[spec.name] = [_value(spec, everything=everything)] if wanted else []
        else:
            values[spec.name] = _value(spec, everything=everything) if wanted else None
    for spec in specs:
        if "hash_of" in spec.attributes:
            values[spec.name] = hashlib.sha256(values[spec.attributes["hash_of"]]).digest()
    return values


def _value(spec: FieldSpec, *, everything: bool) -> Any:
    match spec.kind:
        case Kind.RECORD:
            return _record(spec.fields, everything=everything)
        case Kind.CODED:
            return coded(spec.code_list, next(iter(code_list(spec.code_list).codes)))
        case Kind.ENUM:
            return spec.symbols[0]
        case Kind.NUMBER:
            assert spec.bound is not None
            return spec.bound.nearest(SOME_MS) if spec.name.endswith("_ms") else spec.bound.low + 7
        case Kind.FLAG:
            return True
        case Kind.FILE:
            return FILE
        case Kind.ID:
            return bytes(range(spec.size))
        case _:
            return _text(spec)


def _text(spec: FieldSpec) -> str:
    if "values" in spec.attributes:
        return "FAMILY"
    return TEXTS.get(str(spec.attributes.get("format")), "Ойдан шығарылған мәтін, “fictional” — 07")
