"""Strict JSON: one spelling for each value, and every field asked for."""

from __future__ import annotations

import pytest

from refbus.errors import Code, MalformedError, RefbusError
from refbus.trust.canonical import MAX_BYTES, Fields, b64, dumps, loads, parse_hex


def test_what_is_written_reads_back_the_same() -> None:
    """A value survives the round trip, text in any script included."""
    value = {"b": [1, None, True], "a": {"имя": "қазақша"}}
    assert loads(dumps(value)) == value


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"a": 1}', Code.NOT_CANONICAL),
        (b'{"b":1,"a":2}', Code.NOT_CANONICAL),
        (b'{"a":1}\n', Code.NOT_CANONICAL),
        (b'{"a":"\\u0041"}', Code.NOT_CANONICAL),
        (b'{"a":-0}', Code.NOT_CANONICAL),
        (b'{"a":1,"a":1}', Code.MALFORMED),
        (b'{"a":1.5}', Code.MALFORMED),
        (b'{"a":1e2}', Code.MALFORMED),
        (b'{"a":NaN}', Code.MALFORMED),
        (b'{"a":Infinity}', Code.MALFORMED),
        (b'{"a":"\\ud800"}', Code.MALFORMED),
        (b"[1]", Code.MALFORMED),
        (b"null", Code.MALFORMED),
        (b"", Code.MALFORMED),
        (b"\xff\xfe{}", Code.MALFORMED),
        (b'{"a":' + b"9" * 5_000 + b"}", Code.MALFORMED),
        (b'{"a":' * 100_000, Code.TOO_LARGE),
        (b'{"a":' * 50_000, Code.MALFORMED),
        (b" " * (MAX_BYTES + 1), Code.TOO_LARGE),
    ],
)
def test_another_spelling_is_refused(content: bytes, code: Code) -> None:
    """Space, order, escapes, numbers with a point, a key twice, depth and size are refused with their code."""
    with pytest.raises(MalformedError) as caught:
        loads(content)
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("text", ""),
        ("text", 5),
        ("text", "x" * 201),
        ("text", "line\nbreak"),
        ("time_ms", True),
        ("time_ms", -1),
        ("time_ms", "1"),
        ("time_ms", 2**53),
        ("flag", 1),
        ("flag", "true"),
        ("texts", ["b", "a"]),
        ("texts", ["a", "a"]),
        ("texts", "a"),
        ("texts", [1]),
        ("optional_time_ms", "1"),
    ],
)
def test_a_field_of_another_kind_is_refused(method: str, value: object) -> None:
    """Each reader takes its kind of value only."""
    with pytest.raises(MalformedError):
        getattr(Fields({"name": value}, "test"), method)("name")


@pytest.mark.parametrize("value", ["AA", "AA=", "QQ==", "A A=", "QUFB!", b64(b"ab"), "ÄÄ==", 1, None, "QR=="])
def test_base64_is_exact(value: object) -> None:
    """Only canonical base64 of the right size is bytes."""
    with pytest.raises(MalformedError):
        Fields({"name": value}, "test").raw("name", 3)


def test_base64_of_the_right_size_is_taken() -> None:
    """Three bytes come out as they went in, and null is None where it may be."""
    assert Fields({"name": b64(b"abc")}, "test").raw("name", 3) == b"abc"
    assert Fields({"name": None}, "test").optional_raw("name", 3) is None
    assert Fields({"name": None}, "test").optional_time_ms("name") is None


@pytest.mark.parametrize("value", ["AB", "a", "abc", "0x", " 1", 12])
def test_hexadecimal_is_lower_case_and_exact(value: object) -> None:
    """Upper case, another size or another kind is refused."""
    with pytest.raises(MalformedError):
        parse_hex(value, 1, "test")


def test_an_unknown_field_is_refused_without_quoting_it() -> None:
    """What nobody asked for is an error, and its name (which may be anything) is not repeated."""
    fields = Fields({"known": 1, "secret name": 2}, "test")
    fields.integer("known", 0, 9)
    with pytest.raises(RefbusError) as caught:
        fields.done()
    assert caught.value.code is Code.MALFORMED
    assert "secret name" not in str(caught.value)


def test_a_missing_field_is_named() -> None:
    """The error says which field is missing."""
    with pytest.raises(MalformedError, match=r"test\.wanted: missing"):
        Fields({}, "test").take("wanted")
    with pytest.raises(MalformedError, match="not an object"):
        Fields([], "test")
    with pytest.raises(MalformedError, match="'x' is needed"):
        Fields({"format": "y"}, "test").fixed("format", "x")
