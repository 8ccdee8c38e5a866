"""Wire records: one encoding each, every failure our own, documented to the last field."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro.schema
import pytest

from refbus.errors import Code, MalformedError, SetupError
from refbus.resources import data_dir
from refbus.wire import schema
from refbus.wire.schema import Codec, codec, load_codec

WIRE = sorted(path.stem for path in (data_dir("schemas") / "wire").glob("*.avsc"))
FILES = sorted(data_dir("schemas").glob("*/*.avsc"))
PAIR = {
    "type": "record",
    "name": "Pair",
    "max_bytes": 64,
    "fields": [
        {"name": "numbers", "type": {"type": "array", "items": "long"}, "minimum": -9, "maximum": 9},
        {"name": "text", "type": ["null", "string"], "default": None},
    ],
}


def _code_of(data: bytes, document: dict[str, Any] = PAIR) -> Code:
    with pytest.raises(MalformedError) as caught:
        Codec(document).decode(data)
    return caught.value.code


def _varint(number: int) -> bytes:
    zigzag = (number << 1) ^ (number >> 63)
    zigzag &= 2**64 - 1
    out = bytearray()
    while zigzag > 127:
        out.append(zigzag & 127 | 128)
        zigzag >>= 7
    return bytes([*out, zigzag])


def _fields(kind: Any) -> Iterator[dict[str, Any]]:
    """Yield every field declared anywhere in a schema."""
    if isinstance(kind, list):
        for part in kind:
            yield from _fields(part)
    elif isinstance(kind, dict):
        for field in kind.get("fields", ()):
            yield field
            yield from _fields(field["type"])
        yield from _fields(kind.get("items"))


def test_round_trip_and_defaults() -> None:
    """A value comes back equal, and a field that was left out comes back as its default."""
    assert Codec(PAIR).decode(Codec(PAIR).encode({"numbers": [1, -2]})) == {"numbers": [1, -2], "text": None}


@pytest.mark.parametrize(
    "data",
    [
        b"\x02\x04\x00\x00\x00",
        b"\x82\x00\x04\x00\x00",
        b"\x02\x04\x02\x06\x00\x00",
        b"\x01\x02\x04\x00\x00",
    ],
    ids=["trailing byte", "long varint", "split block", "block with its size"],
)
def test_other_encodings_of_a_value_are_refused(data: bytes) -> None:
    """Avro would read these; only the one canonical encoding is accepted."""
    assert _code_of(data) is Code.NOT_CANONICAL


@pytest.mark.parametrize("data", [b"", b"\x02", b"\x00\x04", b"\x00\x02\x02\xff", b"\xff" * 20])
def test_broken_bytes_are_malformed(data: bytes) -> None:
    """Too short, a union branch that does not exist, bytes that are not UTF-8, endless varints."""
    assert _code_of(data) is Code.MALFORMED


@pytest.mark.parametrize("count", [2**62, -(2**62), -(2**63), 2**31])
def test_declared_lengths_allocate_nothing(count: int) -> None:
    """A record that declares more than it holds is refused without memory for what it declares."""
    tracemalloc.start()
    try:
        for name in WIRE:
            for data in (_varint(count), _varint(count) + _varint(count), _varint(0) + _varint(count)):
                with pytest.raises(MalformedError):
                    codec(name).decode(data)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_size_is_checked_first() -> None:
    """What is larger than the schema allows is TOO_LARGE, in both directions."""
    assert _code_of(b"\x00" * 65) is Code.TOO_LARGE
    with pytest.raises(MalformedError) as caught:
        Codec(PAIR).encode({"numbers": [], "text": "x" * 65})
    assert caught.value.code is Code.TOO_LARGE


@pytest.mark.parametrize(
    "value",
    [{}, {"numbers": [1], "txt": "x"}, {"numbers": ["x"]}, {"numbers": [], "text": "\ud800"}],
    ids=["missing", "unknown field", "wrong type", "lone surrogate"],
)
def test_values_that_have_no_encoding(value: dict[str, Any]) -> None:
    """A value that the schema cannot say is MALFORMED, and its text is not in the message."""
    with pytest.raises(MalformedError) as caught:
        Codec(PAIR).encode(value)
    assert caught.value.code is Code.MALFORMED


@pytest.mark.parametrize("value", [{"numbers": [True, 1.5]}, {"numbers": [], "text": 7}, {"numbers": None}, []])
def test_validate_is_strict_about_types(value: Any) -> None:
    """Avro would make the best of another type; `validate` refuses it."""
    with pytest.raises(MalformedError):
        Codec(PAIR).validate(value)


def test_fingerprints_are_those_of_the_specification() -> None:
    """CRC-64-AVRO of the schema "null" is the specification's, little-endian; SHA-256 is over the canonical form."""
    assert fastavro.schema.fingerprint('"null"', "CRC-64-AVRO") == "8a8f25cce724dd63"
    canonical = '{"name":"One","type":"record","fields":[{"name":"a","type":"int"}]}'
    document = json.loads(canonical) | {"max_bytes": 8, "doc": "not part of the canonical form"}
    document["fields"][0] |= {"minimum": 0, "maximum": 9}
    one = Codec(document)
    assert one.sha256 == hashlib.sha256(canonical.encode()).digest()
    assert len(one.fingerprint) == 8


def test_module_functions_take_names() -> None:
    """`encode`, `decode`, `fingerprint` and `sha256` find a wire record by its name."""
    data = schema.encode("DirectoryFile", {"path": "kz/policy.json", "content": b"{}"})
    assert schema.decode("DirectoryFile", data)["content"] == b"{}"
    assert (schema.fingerprint("Header"), schema.sha256("Header")) == (
        codec("Header").fingerprint,
        codec("Header").sha256,
    )


@pytest.mark.parametrize("text", [None, "{", "{}", '{"name": "X", "max_bytes": 1, "type": "recrd"}'])
def test_damaged_installation_says_so(tmp_path: Path, text: str | None) -> None:
    """A schema file that is missing or broken is FILE_UNREADABLE."""
    path = tmp_path / "X.avsc"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(SetupError) as caught:
        load_codec(path)
    assert caught.value.code is Code.FILE_UNREADABLE


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_schema_files_are_documented(path: Path) -> None:
    """Each field says what it means and where it comes from; names equal file names; sizes have a limit."""
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["name"] == path.stem.split(".")[0]
    assert 0 < document["max_bytes"] <= 1_000_000
    for field in [document, *_fields(document)]:
        assert field["doc"].endswith("."), field["name"]
    for field in _fields(document):
        assert "Source: " in field["doc"], field["name"]
