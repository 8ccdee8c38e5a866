"""Properties of the envelope: any bytes give a value or one of our errors, no bit is free, what goes in comes out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.core.bounds import TIME_MS
from refbus.core.ids import CaseHandle, EventId, ReferralId
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import Action, DataCategory, EventType, Priority, Purpose
from refbus.crypto.kem import KemPublic
from refbus.crypto.padding import pad_exact, pad_padme, unpad_exact, unpad_padme
from refbus.crypto.secretbox import StateKey
from refbus.crypto.signing import check_public_keys
from refbus.crypto.stanza import Box, open_stanza
from refbus.envelope.format import Envelope
from refbus.envelope.notice import open_notice
from refbus.envelope.routing import open_routing, receive
from refbus.errors import Code, MalformedError, RefbusError, UntrustedError
from support.directories import NOW_MS, federation, gate
from support.envelopes import FINGERPRINT, RECIPIENT, block_of, changed, forged, received, sealed

FED = federation()
RAW = sealed(FED)
KEY = FED.kems[RECIPIENT]
START = b"\xc3\x01" + FINGERPRINT
few, some, many = (settings(max_examples=count, deadline=None) for count in (40, 100, 300))


def _refused(raw: bytes) -> RefbusError:
    with pytest.raises(RefbusError) as caught:
        received(FED, raw)
    return caught.value


@given(st.binary(max_size=400))
@some
def test_any_bytes_are_no_envelope_or_one_of_our_errors(data: bytes) -> None:
    """Whatever arrives, parsing ends in a value or in a MalformedError."""
    with pytest.raises(MalformedError):
        Envelope.parse(data)


@given(st.integers(0, len(RAW)), st.binary(min_size=1, max_size=40), st.integers(0, 60))
@many
def test_an_envelope_with_a_piece_replaced_is_refused(start: int, piece: bytes, removed: int) -> None:
    """Cut out any piece and put any other in its place: never a payload, always one of our errors."""
    raw = RAW[:start] + piece + RAW[start + removed :]
    if raw != RAW:
        assert isinstance(_refused(raw), MalformedError | UntrustedError)


@given(st.integers(0, len(RAW) * 8 - 1))
@many
def test_any_changed_bit_is_refused(bit: int) -> None:
    """No bit of an envelope is free: the recipient refuses whichever one changed on the way."""
    raw = bytearray(RAW)
    raw[bit // 8] ^= 1 << bit % 8
    assert _refused(bytes(raw)).code in {
        Code.MALFORMED,
        Code.NOT_CANONICAL,
        Code.TOO_LARGE,
        Code.UNSUPPORTED_VERSION,
        Code.UNSUPPORTED_SUITE,
        Code.MESSAGE_EXPIRED,
        Code.MESSAGE_LIFE_TOO_LONG,
        Code.OPEN_FAILED,
    }


def test_every_bit_of_the_framing_is_refused() -> None:
    """All bits of the header and of the lengths between the parts, one after the other."""
    envelope = Envelope.parse(RAW)
    stanzas = RAW.index(envelope.routing_stanzas[0])
    routing = RAW.index(envelope.routing)
    content = RAW.index(envelope.content)
    framing = [*range(stanzas), *range(routing - 4, routing), *range(content - 4, content), len(RAW) - 1]
    for position in framing:
        for bit in range(8):
            raw = bytearray(RAW)
            raw[position] ^= 1 << bit
            _refused(bytes(raw))


@given(st.integers(0, len(RAW) * 8 - 1))
@many
def test_a_gate_refuses_any_changed_bit_too(bit: int) -> None:
    """What a gate passes on is what the sender made: it checks all but the text itself, and that by its hash."""
    raw = bytearray(RAW)
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(RefbusError):
        receive(Envelope.parse(bytes(raw)), [FED.kems[gate("uz")]], FED.history, NOW_MS)


@st.composite
def _blocks(draw: st.DrawFn) -> RoutingBlock:
    fixed16, times = st.binary(min_size=16, max_size=16), st.integers(TIME_MS.low, TIME_MS.high)
    return dataclasses.replace(
        block_of(FED),
        event_type=draw(st.sampled_from(EventType)),
        event_id=EventId(draw(fixed16)),
        referral_id=ReferralId(draw(fixed16)),
        case_handle=CaseHandle(draw(st.binary(min_size=32, max_size=32))),
        previous=draw(st.none() | fixed16.map(EventId)),
        priority=draw(st.sampled_from(Priority)),
        respond_by_ms=draw(st.none() | times),
        purpose=draw(st.sampled_from(Purpose)),
        actions=tuple(sorted(draw(st.sets(st.sampled_from(Action))))),
        data_categories=tuple(sorted(draw(st.sets(st.sampled_from(DataCategory))))),
        consent_record=draw(st.none() | st.binary(max_size=6_000)),
        legal_basis_record=draw(st.none() | st.binary(max_size=100)),
        occurred_at_ms=draw(times),
    )


@given(_blocks(), st.binary(max_size=5_000))
@few
def test_what_is_sealed_is_received(block: RoutingBlock, text: bytes) -> None:
    """Any block and any text: the recipient has both as they were, both gates have the block."""
    raw = sealed(FED, block, START + text)
    assert received(FED, raw) == START + text
    for reader in (gate("kz"), gate("uz")):
        assert open_routing(Envelope.parse(raw), [FED.kems[reader]]).block == block


@given(st.binary(max_size=60), st.sampled_from((0, 1, 255)))
@few
def test_any_routing_plaintext_is_survived(beginning: bytes, rest: int) -> None:
    """A member may seal any 10 KiB to a gate: the gate ends with one of our errors."""
    plaintext = beginning + bytes([rest]) * (10_240 - len(beginning))
    with pytest.raises((UntrustedError, MalformedError)):
        open_routing(Envelope.parse(forged(FED, routing_plaintext=plaintext)), [FED.kems[gate("kz")]])


@given(st.binary(max_size=300))
@few
def test_any_routing_block_is_survived(block: bytes) -> None:
    """A member may sign any bytes as a block: refused as malformed."""
    with pytest.raises(MalformedError):
        open_routing(Envelope.parse(forged(FED, block=block)), [FED.kems[gate("kz")]])


@cache
def _honest() -> Envelope:
    return Envelope.parse(RAW)


@given(st.binary(max_size=1_300))
@some
def test_any_stanza_is_survived(stanza: bytes) -> None:
    """No bytes but a stanza for this key, purpose and header give a key."""
    assert open_stanza(Box.CONTENT, KEY, _honest().header_sha256, stanza) is None


@given(st.binary(max_size=1_000).map(lambda data: (data + bytes(2_120))[:2_120]))
@some
def test_any_content_box_is_refused(content: bytes) -> None:
    """No bytes in the place of the content give a text."""
    assert _refused(changed(RAW, content=content)).code is Code.OPEN_FAILED


@given(st.binary(max_size=6_000), st.integers(0, 3_000))
@some
def test_padding_round_trips(data: bytes, more: int) -> None:
    """Padding gives every text back, by PADMÉ and to any exact size that holds it."""
    assert unpad_padme(pad_padme(data, 2_048), 2_048) == data
    size = len(data) + 4 + more
    assert unpad_exact(pad_exact(data, size), size) == data


@given(st.binary(max_size=200).map(lambda data: data + bytes(100)))
@some
def test_unpadding_any_bytes(padded: bytes) -> None:
    """What unpads is what padding would have made of it; all else is malformed."""
    try:
        data = unpad_padme(padded, 128)
    except MalformedError:
        return
    assert pad_padme(data, 128) == padded


def _code(call: Callable[[], object]) -> Code | None:
    """Return None for a call that went well, else the code of our error."""
    try:
        call()
    except RefbusError as error:
        return error.code
    return None


@given(st.binary(max_size=1_300) | st.binary(max_size=32).map(lambda tail: (bytes(1_216) + tail)[-1_216:]))
@some
def test_any_public_key_is_a_key_or_refused(raw: bytes) -> None:
    """Key checks end in a key of exactly these bytes or in KEY_INVALID."""
    code = _code(lambda: KemPublic.parse(raw))
    assert code is Code.KEY_INVALID or KemPublic.parse(raw).raw == raw


@given(st.binary(max_size=40), st.none() | st.binary(max_size=40))
@some
def test_any_signing_key_is_a_key_or_refused(ed25519: bytes, mldsa65: bytes | None) -> None:
    """Checks of signing keys end quietly, for 32 bytes, or in KEY_INVALID."""
    code = _code(lambda: check_public_keys(ed25519, mldsa65))
    assert code is Code.KEY_INVALID or (code is None and len(ed25519) == 32)


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=100))
@some
def test_state_keys_open_what_they_sealed_and_nothing_else(context: bytes, other: bytes, value: bytes) -> None:
    """A value comes back in its place; in another place, or as any other bytes, it is refused."""
    key = StateKey(bytes(32))
    sealed_value = key.seal(context, value)
    assert key.open(context, sealed_value) == value
    for place, data in ((context, other), (context + b"x", sealed_value)):
        with pytest.raises(UntrustedError):
            key.open(place, data)


@given(st.binary(max_size=1_800))
@few
def test_any_notice_is_refused(data: bytes) -> None:
    """No bytes but a notice of a gate give one."""
    with pytest.raises((MalformedError, UntrustedError)):
        open_notice(data, RECIPIENT, [KEY], lambda *_: None)
