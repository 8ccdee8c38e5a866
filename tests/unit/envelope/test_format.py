"""The bytes of an envelope: one form, and nothing else is taken."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import pytest

from refbus.envelope.format import MAX_ENVELOPE, ROUTING_BOX_SIZE, Envelope
from refbus.errors import Code, MalformedError
from refbus.wire.message import encode_header
from support.directories import federation
from support.envelopes import changed, header_of, sealed

FED = federation()
RAW = sealed(FED)


def _code(raw: bytes) -> Code:
    with pytest.raises(MalformedError) as caught:
        Envelope.parse(raw)
    return caught.value.code


def test_what_a_sender_makes_parses() -> None:
    """The exact bytes are kept, and hashes are over what was received."""
    envelope = Envelope.parse(RAW)
    assert envelope.raw == RAW
    assert envelope.sha256 == hashlib.sha256(RAW).digest()
    assert envelope.header_sha256 == hashlib.sha256(envelope.header_bytes).digest()
    assert [len(stanza) for stanza in envelope.routing_stanzas] == [1168] * 4
    assert len(envelope.routing) == ROUTING_BOX_SIZE == 10_312
    assert len(envelope.content) == 2_048 + 72


def test_a_repr_is_short() -> None:
    """Logging an envelope shows its header and hash, not kilobytes of ciphertext."""
    assert len(repr(Envelope.parse(RAW))) < 600


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_there_are_four_routing_stanzas(count: int) -> None:
    """Another number of stanzas would tell how many read."""
    stanzas = [Envelope.parse(RAW).content_stanza] * count
    assert _code(changed(RAW, routing_stanzas=stanzas)) is Code.MALFORMED


@pytest.mark.parametrize("size", [0, ROUTING_BOX_SIZE - 1, ROUTING_BOX_SIZE + 1])
def test_the_routing_box_has_one_size(size: int) -> None:
    """10 KiB of plaintext, always."""
    assert _code(changed(RAW, routing=bytes(size))) is Code.MALFORMED


@pytest.mark.parametrize("size", [0, 2_048 + 71])
def test_the_content_box_has_a_least_size(size: int) -> None:
    """Less than 2 KiB of plaintext is what no sender makes."""
    assert _code(changed(RAW, content=bytes(size))) is Code.MALFORMED


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("version", 0, Code.UNSUPPORTED_VERSION),
        ("version", 2, Code.UNSUPPORTED_VERSION),
        ("suite", 0, Code.UNSUPPORTED_SUITE),
        ("suite", 2, Code.UNSUPPORTED_SUITE),
        ("suite", -1, Code.UNSUPPORTED_SUITE),
    ],
)
def test_versions_and_suites_are_an_allow_list(field: str, value: int, code: Code) -> None:
    """There is one version and one suite; anything else is named and refused before any decryption."""
    change: dict[str, Any] = {field: value}
    header = dataclasses.replace(header_of(FED), **change)
    assert _code(changed(RAW, header=encode_header(header))) is code


@pytest.mark.parametrize("extra", [b"\0", b"\xff", bytes(100)])
def test_trailing_bytes_are_refused(extra: bytes) -> None:
    """The envelope ends where it ends, and so does its header."""
    assert _code(RAW + extra) is Code.NOT_CANONICAL
    header = Envelope.parse(RAW).header_bytes
    assert _code(changed(RAW, header=header + extra)) in {Code.NOT_CANONICAL, Code.TOO_LARGE}


def test_a_longer_spelling_of_a_number_is_refused() -> None:
    """Avro lets 1 be written in more than one byte; we do not."""
    header = Envelope.parse(RAW).header_bytes
    assert header[0] == 2
    assert _code(changed(RAW, header=b"\x82\x00" + header[1:])) is Code.NOT_CANONICAL


def test_a_split_array_is_refused() -> None:
    """Avro lets four items be two blocks of two; we do not."""
    envelope = Envelope.parse(RAW)
    start = RAW.index(envelope.routing_stanzas[0]) - 1
    items = RAW[start + 1 : start + 1 + 4 * 1168]
    assert RAW[start] == 8
    split = RAW[:start] + b"\x04" + items[: 2 * 1168] + b"\x04" + items[2 * 1168 :] + RAW[start + 1 + 4 * 1168 :]
    assert _code(split) is Code.NOT_CANONICAL


@pytest.mark.parametrize("cut", [0, 1, 100, 5_000, -1])
def test_cut_bytes_are_refused(cut: int) -> None:
    """A part of an envelope is none."""
    assert _code(RAW[:cut]) in {Code.MALFORMED, Code.NOT_CANONICAL}


def test_too_large_is_said_before_parsing() -> None:
    """One byte over the limit is refused whatever the bytes are."""
    assert _code(bytes(MAX_ENVELOPE + 1)) is Code.TOO_LARGE
