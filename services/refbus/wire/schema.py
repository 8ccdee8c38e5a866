"""Avro records, schemaless and canonical: what decodes must encode to the same bytes again.

Avro itself is malleable (long varints, split array blocks, trailing bytes), so `decode` refuses whatever is not the one
encoding of its value. Whatever the bytes are, the outcome is a value or a MalformedError; declared lengths are checked
against the bytes that are there before anything is allocated. Integers are within the bounds of `refbus.core.bounds`,
written and read: what this side would refuse it cannot send.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from refbus.errors import Code, MalformedError, SetupError
from refbus.resources import data_dir
from refbus.wire.limits import check_elements, integers

Document = dict[str, Any]
"""A schema file as JSON gives it, or a decoded record."""


class Codec:
    """One record schema: encodes and decodes its values, and knows its fingerprints.

    `fingerprint` is CRC-64-AVRO, 8 bytes little-endian (Avro 1.12 specification, "Single object encoding");
    `sha256` is over the Parsing Canonical Form, 32 bytes. Raises SetupError for a document that is no schema.
    """

    __slots__ = ("_avro", "_integers", "_parsed", "document", "fingerprint", "max_bytes", "name", "sha256")

    def __init__(self, document: Document) -> None:
        from refbus.wire import avro  # late: see there

        self._avro = avro
        try:
            self.document = document
            self.name: str = document["name"]
            self.max_bytes: int = document["max_bytes"]
            self._parsed = avro.parse_schema(document)
            canonical = avro.to_parsing_canonical_form(document)
        except (ValueError, KeyError, TypeError, avro.SchemaParseException) as error:
            raise SetupError(Code.FILE_UNREADABLE, f"not a schema: {type(error).__name__}") from error
        self._integers = integers(document)
        self.fingerprint = bytes.fromhex(avro.avro_fingerprint(canonical, "CRC-64-AVRO"))
        self.sha256 = hashlib.sha256(canonical.encode()).digest()

    def encode(self, value: Mapping[str, Any]) -> bytes:
        """Return the bytes of `value`; a field left out takes its default. Raises MalformedError (also TOO_LARGE)."""
        data = self._write(value, strict_allow_default=True)
        self._within_bounds(value)
        return self._within_limit(data)

    def encode_checked(self, value: Mapping[str, Any]) -> bytes:
        """Return the bytes of a value that a newer version of this schema has encoded: what this one lacks is left out.

        Raises MalformedError TOO_LARGE.
        """
        return self._within_limit(self._write(value))

    def validate(self, value: Mapping[str, Any]) -> None:
        """Refuse a value of another type, before Avro makes the best of it. Raises MalformedError."""
        try:
            self._avro.validate(value, self._parsed, strict=True, disable_tuple_notation=True)
        except Exception as error:  # noqa: BLE001 - the library has no common class; its text may quote the value
            raise MalformedError(Code.MALFORMED, f"{self.name}: {type(error).__name__}") from None

    def decode(self, data: bytes) -> Document:
        """Return the record in `data`. Raises MalformedError: TOO_LARGE, MALFORMED or NOT_CANONICAL."""
        check_elements(self.document, self._within_limit(data))
        value = self._read(data, None)
        if self._write(value) != data:
            raise MalformedError(Code.NOT_CANONICAL, self.name)
        self._within_bounds(value)
        return value

    def resolve(self, data: bytes, reader: Codec) -> Document:
        """Return canonical `data` of this schema as a record of `reader`, a compatible one. Raises MalformedError."""
        self.decode(data)
        return self._read(data, reader._parsed)

    def _write(self, value: Mapping[str, Any], *, strict_allow_default: bool = False) -> bytes:
        """Encode; what was just decoded is complete and skips the look for fields that do not belong."""
        stream = BytesIO()
        try:
            self._avro.schemaless_writer(
                stream, self._parsed, value, strict_allow_default=strict_allow_default, disable_tuple_notation=True
            )
        except Exception as error:  # noqa: BLE001 - the library has no common class; its text may quote the value
            raise MalformedError(Code.MALFORMED, f"{self.name} to Avro: {type(error).__name__}") from None
        return stream.getvalue()

    def _read(self, data: bytes, reader: Any) -> Document:
        try:
            value: Document = self._avro.schemaless_reader(BytesIO(data), self._parsed, reader)
        except Exception as error:  # noqa: BLE001 - whatever bytes do to the library, they are malformed
            raise MalformedError(Code.MALFORMED, f"{self.name} from Avro: {type(error).__name__}") from None
        return value

    def _within_bounds(self, value: Mapping[str, Any]) -> None:
        for integer in self._integers:
            integer.check(value, self.name)

    def _within_limit(self, data: bytes) -> bytes:
        if len(data) > self.max_bytes:
            raise MalformedError(Code.TOO_LARGE, f"{self.name}: {len(data)} bytes, at most {self.max_bytes}")
        return data


def load_codec(path: Path) -> Codec:
    """Return the codec of one schema file. Raises SetupError FILE_UNREADABLE: the installation is damaged."""
    return Codec(load_document(path))


def load_document(path: Path) -> Document:
    """Return what one schema file says. Raises SetupError FILE_UNREADABLE: the installation is damaged."""
    try:
        document: Document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SetupError(Code.FILE_UNREADABLE, f"schema {path.name}: {type(error).__name__}") from error
    return document


@cache
def codec(name: str) -> Codec:
    """Return the codec of a wire record, by the name of its file under `schemas/wire`."""
    return load_codec(data_dir("schemas") / "wire" / f"{name}.avsc")


@cache
def forms_of(name: str) -> tuple[Codec, ...]:
    """Return every form of a wire record, the oldest first and the one of today last."""
    kept = (data_dir("schemas") / "history" / "wire").glob(f"{name}.*.avsc")
    older = sorted((load_codec(path) for path in kept), key=lambda each: len(each.document["fields"]))
    return (*older, codec(name))


@cache
def _older(name: str) -> tuple[tuple[Codec, frozenset[str], dict[str, Any]], ...]:
    """Return each older form of a wire record, its fields, and what a value has of the later ones that it can say."""
    *older, newest = forms_of(name)
    fields = newest.document["fields"]
    made = []
    for form in older:
        known = frozenset([field["name"] for field in form.document["fields"]])
        made.append((form, known, {each["name"]: default_of(each) for each in fields if each["name"] not in known}))
    return tuple(made)


def encode(name: str, value: Mapping[str, Any]) -> bytes:
    """Return the bytes of a wire record, in the oldest form that can say it. Raises MalformedError.

    So a reader of an older version reads all that it could read before, and each value has one encoding.
    """
    for form, known, added in _older(name):
        if {key: value.get(key, default) for key, default in added.items()} == added:
            return form.encode({key: each for key, each in value.items() if key in known})
    return codec(name).encode(value)


def decode(name: str, data: bytes) -> Document:
    """Return the wire record in `data`, canonical, in any of its forms, as the one of today. Raises MalformedError."""
    for form, _, added in _older(name):
        try:
            value = form.decode(data)
        except MalformedError:
            continue
        return {**value, **added}
    value = codec(name).decode(data)
    if _older(name) and encode(name, value) != data:
        raise MalformedError(Code.NOT_CANONICAL, name)
    return value


def default_of(field: Mapping[str, Any]) -> Any:
    """Return the default of a field as a decoded record has it: JSON writes bytes as text (Avro 1.12, "Records")."""
    default = field["default"]
    return default.encode("latin-1") if field["type"] == "bytes" else default


def fingerprint(name: str) -> bytes:
    """Return the CRC-64-AVRO fingerprint of a wire record's schema, 8 bytes little-endian."""
    return codec(name).fingerprint


def sha256(name: str) -> bytes:
    """Return the SHA-256 of the Parsing Canonical Form of a wire record's schema, 32 bytes."""
    return codec(name).sha256
