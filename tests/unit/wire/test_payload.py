"""Payloads: named by fingerprint, categories from filled fields, unknown codes found and never replaced."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from refbus.core.vocabulary import CONTROL_EVENTS, DataCategory, EventType
from refbus.errors import Code, MalformedError, RefbusError, SetupError, UncheckableError
from refbus.resources import data_dir
from refbus.wire import payload as module
from refbus.wire.codelists import code_list
from refbus.wire.fields import FROM_RECORD, FieldSpec, Kind, read_fields, walk
from refbus.wire.forms import FORMATS
from refbus.wire.payload import (
    UnknownCode,
    categories_of,
    coded,
    decode_payload,
    encode_payload,
    identity_of,
    payload_fields,
    unknown_codes,
    write_payload,
)
from refbus.wire.schema import Codec
from support.payloads import FILE, full, least, newest_fingerprint
from tools.schemas import keep

REQUESTED = EventType.REFERRAL_REQUESTED
EVENTS = list(EventType)


def _leaves(specs: tuple[FieldSpec, ...]) -> Iterator[FieldSpec]:
    for spec in specs:
        if spec.kind is Kind.RECORD:
            yield from _leaves(spec.fields)
        else:
            yield spec


def _refused(event_type: EventType, payload: dict[str, Any]) -> Code:
    """Return the code with which both the writer and the reader refuse a payload."""
    with pytest.raises(RefbusError) as writing:
        encode_payload(event_type, payload)
    codec = module._codec(event_type)
    with pytest.raises(RefbusError) as reading:
        decode_payload(b"\xc3\x01" + codec.fingerprint + codec.encode(payload))
    assert reading.value.code == writing.value.code
    return writing.value.code


@pytest.mark.parametrize("event_type", EVENTS)
def test_every_event_comes_back(event_type: EventType) -> None:
    """Filled and minimal payloads of every event come back equal, and name their schema: of the filled, today's."""
    for payload in (full(event_type), least(event_type)):
        written = write_payload(event_type, payload)
        assert decode_payload(written.data) == (event_type, payload)
        assert identity_of(written.data) == (event_type, written.fingerprint, written.schema_sha256)
        assert written.data[2:10] == written.fingerprint
    assert write_payload(event_type, full(event_type)).fingerprint == newest_fingerprint(event_type)


@pytest.mark.parametrize("event_type", EVENTS)
def test_every_field_names_its_category(event_type: EventType) -> None:
    """A leaf without a category, with an unknown one, or a coded field without a list is a mistake in the schema."""
    for spec in _leaves(payload_fields(event_type)):
        assert "data_category" in spec.attributes, spec.name
        assert spec.category in {None, FROM_RECORD, *DataCategory}, spec.name
        assert spec.attributes.get("format", "date") in FORMATS, spec.name
        if spec.kind in {Kind.CODED, Kind.ENUM}:
            assert spec.code_list == code_list(spec.code_list).name


@pytest.mark.parametrize("event_type", sorted(CONTROL_EVENTS))
def test_control_events_are_closed(event_type: EventType) -> None:
    """Events that need no permit hold no text, no file and nothing about the person; their enums have no default."""
    assert categories_of(event_type, full(event_type)) == frozenset()
    for spec in _leaves(payload_fields(event_type)):
        assert spec.kind in {Kind.ID, Kind.NUMBER, Kind.ENUM}, spec.name
        if spec.kind is Kind.ENUM:
            assert spec.symbols == tuple(code_list(spec.code_list).codes)
    text = (data_dir("schemas") / "events" / f"{event_type.value}.avsc").read_text(encoding="utf-8")
    assert '"symbols"' not in text or '"default": "' not in text


def test_categories_follow_the_filled_fields() -> None:
    """Empty texts and lists do not count; nested fields and the declared category of a file do."""
    assert categories_of(REQUESTED, least(REQUESTED)) == {DataCategory.SERVICE_NEEDS}
    assert categories_of(REQUESTED, full(REQUESTED)) >= set(DataCategory) - {DataCategory.PHOTO_BIOMETRIC}
    photo = {**full(REQUESTED)["attachments"][0], "data_category": "PHOTO_BIOMETRIC"}
    assert DataCategory.PHOTO_BIOMETRIC in categories_of(REQUESTED, least(REQUESTED, attachments=[photo]))
    health = {"urgent": None, "summary": "", "sexual_health": "x"}
    expected = {DataCategory.SERVICE_NEEDS, DataCategory.SEXUAL_HEALTH}
    assert categories_of(REQUESTED, least(REQUESTED, health=health)) == expected
    urgent = {"urgent": False, "summary": None, "sexual_health": None}
    assert DataCategory.HEALTH in categories_of(REQUESTED, least(REQUESTED, health=urgent))


def test_unknown_codes_are_listed_with_their_place() -> None:
    """A code of no list, of another list or of an unknown version is found; the event itself stays readable."""
    other_list = coded("refbus.HoldReason", "OTHER")
    newer = {**coded("htcds.spl_Type", "Legal"), "code_list_version": "9.0"}
    new_code = {**coded("htcds.spl_Type", "Legal"), "code": "Telepathy"}
    sent = least(REQUESTED, services_requested=[coded("htcds.spl_Type", "Legal"), newer, new_code], reason=other_list)
    _, payload = decode_payload(encode_payload(REQUESTED, sent))
    assert unknown_codes(REQUESTED, payload) == (
        UnknownCode("reason", "refbus.HoldReason", "1", "OTHER"),
        UnknownCode("services_requested[1]", "htcds.spl_Type", "9.0", "Legal"),
        UnknownCode(
            "services_requested[2]",
            "htcds.spl_Type",
            newer["code_list_version"].replace("9.0", "2.0+refbus.1"),
            "Telepathy",
        ),
    )
    assert unknown_codes(REQUESTED, full(REQUESTED)) == ()


@pytest.mark.parametrize("data", [b"", b"\xc3\x01", b"\xc3\x02" + bytes(20), b"Obj\x01" + bytes(20)])
def test_other_encodings_are_malformed(data: bytes) -> None:
    """Only single-object encoding is read."""
    with pytest.raises(MalformedError):
        decode_payload(data)


def test_unknown_fingerprint_is_uncheckable() -> None:
    """A schema that is not known here is UNKNOWN_SCHEMA, not malformed: a newer installation may read it."""
    with pytest.raises(UncheckableError) as caught:
        decode_payload(b"\xc3\x01" + bytes(20))
    assert caught.value.code is Code.UNKNOWN_SCHEMA


def test_older_versions_are_read_as_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A payload of a version that is kept in the history gets the defaults of fields that came later."""
    document = json.loads((data_dir("schemas") / "events" / "ReferralResumed.avsc").read_text(encoding="utf-8"))
    older = Codec({**document, "fields": [field for field in document["fields"] if field["name"] != "note"]})
    known = {**module._known_schemas(), older.fingerprint: (EventType.REFERRAL_RESUMED, older)}
    monkeypatch.setattr(module, "_known_schemas", lambda: known)
    ids = {name: least(EventType.REFERRAL_RESUMED)[name] for name in ("event_id", "referral_id")}
    data = b"\xc3\x01" + older.fingerprint + older.encode(ids)
    assert decode_payload(data) == (EventType.REFERRAL_RESUMED, {**ids, "note": None})
    assert identity_of(data)[1:] == (older.fingerprint, older.sha256)


def test_history_is_read_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that was kept is found by its fingerprint, and a current one is never replaced by it."""
    folder = Path(shutil.copytree(data_dir("schemas"), tmp_path / "schemas"))
    path = folder / "events" / "ReferralResumed.avsc"
    document = json.loads(path.read_text(encoding="utf-8"))
    current = Codec({**document, "fields": [field for field in document["fields"] if field["name"] != "note"]})
    keep(folder, "ReferralResumed")
    path.write_text(json.dumps(current.document), encoding="utf-8")
    monkeypatch.setattr(module, "data_dir", lambda _name: folder)
    monkeypatch.setattr(module, "_codec", module._codec.__wrapped__)
    known = module._known_schemas.__wrapped__()
    kept = {Codec(json.loads(each.read_text())).fingerprint for each in (folder / "history" / "events").glob("*.avsc")}
    assert Codec(document).fingerprint in kept
    assert set(known) == {current.fingerprint} | {newest_fingerprint(event) for event in EventType} | kept
    assert known[Codec(document).fingerprint][0] is EventType.REFERRAL_RESUMED


def test_optional_fields_may_be_left_out_when_writing() -> None:
    """What is left out is written as null or as an empty list."""
    short = {name: value for name, value in least(REQUESTED).items() if value not in (None, [])}
    assert decode_payload(encode_payload(REQUESTED, short))[1] == least(REQUESTED)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"services_requested": []}, Code.MALFORMED),
        ({"needs": [coded("refbus.Need", "MEDICAL")] * 201}, Code.MALFORMED),
        ({"reason": {**coded("refbus.Need", "OTHER"), "code": "two words"}}, Code.MALFORMED),
        ({"reason": {**coded("refbus.Need", "OTHER"), "code_list": ""}}, Code.MALFORMED),
        ({"reason": {**coded("refbus.Need", "OTHER"), "code_list_version": "\x1b[2J"}}, Code.MALFORMED),
        ({"reply_by_ms": -1}, Code.MALFORMED),
    ],
)
def test_forms_that_avro_cannot_say(change: dict[str, Any], code: Code) -> None:
    """Empty and endless lists, codes that are no codes, and negative times are refused by writer and reader."""
    assert _refused(REQUESTED, least(REQUESTED, **change)) is code


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("person", {"prs_Birthdate": "31.03.1991"}),
        ("person", {"prs_Birthdate": "1991-13"}),
        ("person", {"prs_MobilePhone": "8 700 000 00 07"}),
        ("person", {"prs_NumberOfChildren": -1}),
        ("trafficking", {"vic_AgeWhenTrafficked": 121}),
        ("risk", {"assessed_on": "2026-02-30"}),
        ("immigration", {"permit_until": "2026-02"}),
    ],
)
def test_forms_of_section_fields(section: str, change: dict[str, Any]) -> None:
    """Dates are real, telephone numbers are E.164, numbers are in range."""
    payload = full(REQUESTED)
    assert _refused(REQUESTED, {**payload, section: {**payload[section], **change}}) is Code.MALFORMED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sha256": bytes(32)}, Code.MALFORMED),
        ({"content": FILE + b"!"}, Code.MALFORMED),
        ({"media_type": "exe"}, Code.MALFORMED),
        ({"data_category": "SHOE_SIZE"}, Code.UNKNOWN_VALUE),
    ],
)
def test_forms_of_attachments(change: dict[str, Any], code: Code) -> None:
    """A file has its own hash, a media type and a category of the vocabulary."""
    file = full(REQUESTED)["attachments"][0]
    assert _refused(REQUESTED, least(REQUESTED, attachments=[{**file, **change}])) is code


def test_reasons_are_compulsory_where_a_code_demands_them() -> None:
    """OTHER needs words; data that is kept after a withdrawal needs the legal reason."""
    other = coded("refbus.RejectReason", "OTHER")
    rejected, acknowledged = EventType.REFERRAL_REJECTED, EventType.WITHDRAWAL_ACKNOWLEDGED
    assert _refused(rejected, least(rejected, reason=other)) is Code.REASON_REQUIRED
    assert encode_payload(rejected, least(rejected, reason=other, reason_text="Причина"))
    assert _refused(acknowledged, least(acknowledged, result="RETAINED_LEGAL")) is Code.REASON_REQUIRED
    assert encode_payload(acknowledged, least(acknowledged, result="ERASED"))


def test_suggested_organisation_has_the_form_of_an_id() -> None:
    """A redirection names an organisation id, not a name."""
    assert (
        _refused(EventType.REFERRAL_REDIRECTED, full(EventType.REFERRAL_REDIRECTED, suggested_organisation="NGO"))
        is Code.MALFORMED
    )


@pytest.mark.parametrize("change", [{"fictional": "false"}, {"person": []}, {"surprise": 1}, {"reason": "Other"}])
def test_wrong_types_are_refused_before_avro_guesses(change: dict[str, Any]) -> None:
    """Avro would write the text "false" as true."""
    with pytest.raises(MalformedError):
        encode_payload(REQUESTED, {**least(REQUESTED), **change})


def test_leaves_keep_values_out_of_their_repr() -> None:
    """A leaf that ends in a traceback or a log shows its path, never its value."""
    leaf = next(
        leaf for leaf in walk(payload_fields(REQUESTED), full(REQUESTED)) if leaf.path == "person.prs_FirstName"
    )
    assert leaf.value not in repr(leaf)


def test_schema_without_documentation_is_a_damaged_installation() -> None:
    """A payload field without a text breaks our own rules and is reported as such."""
    with pytest.raises(SetupError):
        read_fields({"name": "X", "fields": [{"name": "a", "type": "string"}]})
