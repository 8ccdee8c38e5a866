"""Consent records in bytes: what is signed has one reading."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.consent.record import Assent, Grantor, GrantorKind, SignedConsent
from refbus.core.ids import KeyId
from refbus.errors import Code, MalformedError
from refbus.wire.consent import decode_record, decode_signed, encode_record, encode_signed
from refbus.wire.schema import codec
from support.consents import COLLECTOR, consent_record, provision
from support.extremes import as_written

RECORD = consent_record()
SIGNED = SignedConsent(encode_record(RECORD), RECORD, COLLECTOR, KeyId(b"k" * 16), b"e" * 64, b"m" * 3309)


def _changed(**changes: Any) -> bytes:
    """Return the record as a writer without our checks would write it."""
    return as_written("ConsentRecord", {**codec("ConsentRecord").decode(encode_record(RECORD)), **changes})


def _code_of(data: bytes) -> Code:
    with pytest.raises(MalformedError) as caught:
        decode_record(data)
    return caught.value.code


def test_record_round_trip() -> None:
    """A record comes back equal, for an adult and for a child with a guardian."""
    guardian = Grantor(GrantorKind.LEGAL_GUARDIAN, b"c" * 32, 2_000_000_000_000, conflict_checked=True)
    child = dataclasses.replace(
        RECORD, version=2, prev_hash=b"p" * 32, grantor=guardian, assent=Assent.GIVEN, majority_at_ms=2_000_000_000_000
    )
    assert (decode_record(encode_record(RECORD)), decode_record(encode_record(child))) == (RECORD, child)


def test_signed_round_trip() -> None:
    """A signed record comes back equal, with and without the second signature."""
    single = dataclasses.replace(SIGNED, mldsa65=None)
    assert (decode_signed(encode_signed(SIGNED)), decode_signed(encode_signed(single))) == (SIGNED, single)


def test_second_signature_has_its_size() -> None:
    """An ML-DSA-65 signature of another size is malformed before anybody verifies it."""
    with pytest.raises(MalformedError):
        decode_signed(encode_signed(dataclasses.replace(SIGNED, mldsa65=b"short")))


def test_lists_have_one_order() -> None:
    """Writing sorts the lists of a provision; reading refuses any other order."""
    one = provision()
    turned = dataclasses.replace(one, data_categories=tuple(reversed(one.data_categories)), actions=one.actions * 2)
    assert encode_record(dataclasses.replace(RECORD, provisions=(turned,))) == encode_record(
        dataclasses.replace(RECORD, provisions=(one,))
    )
    document = codec("ConsentRecord").decode(encode_record(RECORD))["provisions"][0]
    assert _code_of(_changed(provisions=[{**document, "countries": ["uz", "kz"]}])) is Code.NOT_CANONICAL
    assert _code_of(_changed(informed=["PURPOSE", "PURPOSE"])) is Code.NOT_CANONICAL


@pytest.mark.parametrize("name", ["state", "assent", "method"])
def test_unknown_words_are_never_read_as_others(name: str) -> None:
    """A word of a newer version is UNKNOWN_VALUE, which decisions count as a denial."""
    assert _code_of(_changed(**{name: "SOMETHING_NEW"})) is Code.UNKNOWN_VALUE


@pytest.mark.parametrize(
    "change",
    [{"version": 0}, {"event_time_ms": -1}, {"valid_until_ms": -1}, {"party": "nobody"}, {"jurisdiction": "UZ"}],
)
def test_impossible_values_are_malformed(change: dict[str, Any]) -> None:
    """Versions count from 1, times are never negative, ids and countries have one form."""
    assert _code_of(_changed(**change)) is Code.MALFORMED


def test_writing_checks_too() -> None:
    """A record with an impossible number is refused before it is signed."""
    with pytest.raises(MalformedError):
        encode_record(dataclasses.replace(RECORD, version=0))
