"""Payloads: what an event says, in Avro single-object encoding (`C3 01`, fingerprint, record).

The schema is named by its fingerprint, so a payload says itself which version it was written with. A payload of an
older version, kept under `schemas/history`, is read as the current one, and written wherever it can say all. A
fingerprint that is not known here is UNKNOWN_SCHEMA, which a newer installation may be able to read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code, MalformedError, UncheckableError
from refbus.resources import data_dir
from refbus.wire.codelists import code_list
from refbus.wire.fields import FieldSpec, Kind, read_fields, walk
from refbus.wire.forms import check_forms
from refbus.wire.schema import Codec, Document, load_codec, load_document
from refbus.wire.versions import Versions, versions_of

MARKER = b"\xc3\x01"
"""First two bytes of single-object encoding; the next eight are the CRC-64-AVRO fingerprint, little-endian."""
_PREFIX = 10


@dataclass(frozen=True, slots=True)
class UnknownCode:
    """A code that no list here has: a person must decide, so the event is parked (CODE_PARKED)."""

    path: str
    code_list: str
    code_list_version: str
    code: str


@dataclass(frozen=True, slots=True)
class Written:
    """A payload in single-object encoding, and the schema that it names: fingerprint (8 bytes) and SHA-256 (32)."""

    data: bytes = field(repr=False)
    fingerprint: bytes
    schema_sha256: bytes


def encode_payload(event_type: EventType, payload: Mapping[str, Any]) -> bytes:
    """Return the payload in single-object encoding, as `write_payload` does. Raises MalformedError."""
    return write_payload(event_type, payload).data


def write_payload(event_type: EventType, payload: Mapping[str, Any]) -> Written:
    """Return the payload in the oldest version of its schema that can say it; optional fields may be left out.

    So a reader that was not updated reads whatever it could. Raises MalformedError.
    """
    newest = _codec(event_type)
    newest.validate(payload)
    check_forms(payload_fields(event_type), payload)
    codec, body = newest, newest.encode(payload)
    for number in _versions(event_type).able(payload):
        with suppress(MalformedError):  # longer than that version allows
            older = _kept_codec(event_type, number)
            codec, body = older, older.encode_checked(payload)
            break
    return Written(MARKER + codec.fingerprint + body, codec.fingerprint, codec.sha256)


def decode_payload(data: bytes) -> tuple[EventType, Document]:
    """Return the event type and the payload as the current schema has it.

    Raises MalformedError, or UncheckableError UNKNOWN_SCHEMA for a fingerprint that is not known here.
    """
    event_type, writer = _writer(data)
    reader = _codec(event_type)
    body = data[_PREFIX:]
    payload = writer.decode(body) if writer is reader else writer.resolve(body, reader)
    check_forms(payload_fields(event_type), payload)
    return event_type, payload


def as_decoded(event_type: EventType, fields: Mapping[str, Any]) -> Document:
    """Return fields that are not sent yet as whoever decodes them has them: every optional one is there, ids are zero.

    Raises MalformedError.
    """
    no_ids = {"event_id": bytes(16), "referral_id": bytes(16)}
    return decode_payload(encode_payload(event_type, {**fields, **no_ids}))[1]


def identity_of(data: bytes) -> tuple[EventType, bytes, bytes]:
    """Return the event type, fingerprint and SHA-256 of the schema that an encoded payload names.

    Raises MalformedError, or UncheckableError UNKNOWN_SCHEMA.
    """
    event_type, codec = _writer(data)
    return event_type, codec.fingerprint, codec.sha256


def categories_of(event_type: EventType, payload: Mapping[str, Any]) -> frozenset[DataCategory]:
    """Return the data categories of the filled fields, which a sender must have declared. Raises MalformedError."""
    leaves = walk(payload_fields(event_type), payload)
    return frozenset([leaf.category for leaf in leaves if leaf.category is not None])


def unknown_codes(event_type: EventType, payload: Mapping[str, Any]) -> tuple[UnknownCode, ...]:
    """Return every code that is not in the list of its field, or of a version not known here. Raises MalformedError."""
    found = []
    for leaf in walk(payload_fields(event_type), payload):
        if leaf.spec.kind is not Kind.CODED:
            continue
        coded = leaf.value
        expected = code_list(leaf.spec.code_list)
        if coded["code_list"] != expected.name or not expected.knows(coded["code"], coded["code_list_version"]):
            found.append(UnknownCode(leaf.path, coded["code_list"], coded["code_list_version"], coded["code"]))
    return tuple(found)


@cache
def payload_fields(event_type: EventType) -> tuple[FieldSpec, ...]:
    """Return the fields of the current payload schema of an event."""
    return read_fields(load_document(_path(event_type)))


def coded(list_name: str, code: str) -> dict[str, str]:
    """Return `code` as a coded value of the oldest version that has it; whether it is known is not checked."""
    return {"code": code, "code_list": list_name, "code_list_version": code_list(list_name).version_of(code)}


@cache
def _codec(event_type: EventType) -> Codec:
    return load_codec(_path(event_type))


_older = cache(load_codec)


@cache
def _versions(event_type: EventType) -> Versions:
    """Return the older versions of the payload of an event."""
    kept = (data_dir("schemas") / "history" / "events").glob(f"{event_type.value}.*.avsc")
    return versions_of(_codec(event_type).document, [load_document(path) for path in sorted(kept)])


@cache
def _kept_codec(event_type: EventType, number: int) -> Codec:
    return Codec(_versions(event_type).older[number])


def _path(event_type: EventType) -> Path:
    return data_dir("schemas") / "events" / f"{event_type.value}.avsc"


@cache
def _known_schemas() -> Mapping[bytes, tuple[EventType, Codec]]:
    """Return every current and older payload schema by fingerprint."""
    known = {_codec(event_type).fingerprint: (event_type, _codec(event_type)) for event_type in EventType}
    for path in sorted((data_dir("schemas") / "history" / "events").glob("*.avsc")):
        older = _older(path)
        known.setdefault(older.fingerprint, (EventType(older.name), older))
    return known


@cache
def schemas_known() -> str:
    """Return a short name of the set of payload schemas that this installation reads; another set has another."""
    return hashlib.sha256(b"".join(sorted(_known_schemas()))).hexdigest()[:16]


@cache
def _schema_files() -> Mapping[str, Path]:
    """Return the files of payload schemas by fingerprint (16 hexadecimal digits), as schemas/LOCK lists them."""
    folder = data_dir("schemas")
    try:
        lines = (folder / "LOCK").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    rows = [line.split() for line in lines if line.startswith(("events ", "history/events "))]
    return {digits: folder / kind / f"{name}.avsc" for kind, name, digits, *_ in (row for row in rows if len(row) > 2)}


def _named_schema(fingerprint: bytes) -> tuple[EventType, Codec] | None:
    """Return the schema with this fingerprint, None when there is none. The list says where to look, never what is."""
    path = _schema_files().get(fingerprint.hex())
    found = None if path is None else _schema_in(path)
    return found if found is not None and found[1].fingerprint == fingerprint else _known_schemas().get(fingerprint)


@cache
def _schema_in(path: Path) -> tuple[EventType, Codec] | None:
    """Return the schema in a file, looked for once: each payload asks for its own."""
    if not path.is_file():
        return None
    name = EventType(path.name.partition(".")[0])
    return name, _codec(name) if path == _path(name) else _older(path)


def _writer(data: bytes) -> tuple[EventType, Codec]:
    if len(data) < _PREFIX or data[:2] != MARKER:
        raise MalformedError(Code.MALFORMED, "payload is not in single-object encoding")
    found = _named_schema(bytes(data[2:_PREFIX]))
    if found is None:
        raise UncheckableError(Code.UNKNOWN_SCHEMA, "payload")
    return found
