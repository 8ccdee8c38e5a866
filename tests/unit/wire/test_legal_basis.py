"""The form of legal basis records: one encoding for one value, closed lists, no negative time."""

from __future__ import annotations

from typing import Any

import pytest

from refbus.core.consent.legal_basis import Officer
from refbus.core.vocabulary import DataCategory
from refbus.errors import Code, MalformedError
from refbus.wire.legal_basis import (
    decode_record,
    decode_roll,
    decode_signed,
    decode_signed_roll,
    encode_record,
    encode_roll,
    encode_signed_roll,
)
from refbus.wire.schema import codec
from support.directories import federation
from support.emergencies import officer, record, roll, signed_basis, signed_bytes

FED = federation()


def _changed(name: str, data: bytes, **changes: Any) -> bytes:
    return codec(name).encode({**codec(name).decode(data), **changes})


def test_records_and_rolls_come_back_equal() -> None:
    """Whatever order they were written in."""
    disordered = record(data_categories=(DataCategory.IDENTITY, DataCategory.HEALTH))
    assert decode_record(encode_record(disordered)) == record()
    backwards = roll(officers=tuple(reversed(roll().officers)))
    assert decode_roll(encode_roll(backwards)) == roll()
    kept = signed_basis(FED).roll
    assert decode_signed_roll(encode_signed_roll(kept)) == kept


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ground": "CONVENIENCE"}, Code.UNKNOWN_VALUE),
        ({"protects": "EVERYBODY"}, Code.UNKNOWN_VALUE),
        ({"incapacity": "UNWILLING"}, Code.UNKNOWN_VALUE),
        ({"data_categories": ["SHOE_SIZE"]}, Code.UNKNOWN_VALUE),
        ({"data_categories": ["IDENTITY", "HEALTH"]}, Code.NOT_CANONICAL),
        ({"data_categories": ["HEALTH", "HEALTH"]}, Code.NOT_CANONICAL),
        ({"invoked_at_ms": -1}, Code.MALFORMED),
        ({"organisation": "somebody"}, Code.MALFORMED),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value.value,
)
def test_a_record_of_another_form_is_refused(changes: dict[str, Any], code: Code) -> None:
    """Avro can say it, our rules forbid it."""
    with pytest.raises(MalformedError) as error:
        decode_record(_changed("LegalBasisRecord", encode_record(record()), **changes))
    assert error.value.code is code


def test_a_roll_names_roles_of_the_list_only() -> None:
    """A person's name has no place there, in neither direction."""
    named = Officer(officer("first").kid, officer("first").ed25519, "Aigul")
    with pytest.raises(MalformedError) as error:
        encode_roll(roll(officers=(named,)))
    assert error.value.code is Code.UNKNOWN_VALUE
    listed = codec("OfficerRoll").decode(encode_roll(roll()))["officers"]
    with pytest.raises(MalformedError):
        decode_roll(_changed("OfficerRoll", encode_roll(roll()), officers=[{**listed[0], "role": "Aigul"}]))


def test_keys_stand_in_one_order_and_once() -> None:
    """On the roll and among the signatures."""
    listed = codec("OfficerRoll").decode(encode_roll(roll()))["officers"]
    words = codec("SignedLegalBasis").decode(signed_bytes(FED))["signatures"]
    for wrong in (listed[::-1], [listed[0], listed[0]]):
        with pytest.raises(MalformedError) as error:
            decode_roll(_changed("OfficerRoll", encode_roll(roll()), officers=wrong))
        assert error.value.code is Code.NOT_CANONICAL
    for other in (words[::-1], [words[0], words[0]]):
        with pytest.raises(MalformedError) as error:
            decode_signed(_changed("SignedLegalBasis", signed_bytes(FED), signatures=other))
        assert error.value.code is Code.NOT_CANONICAL


def test_a_signature_of_another_size_is_refused() -> None:
    """Before anything is verified."""
    with pytest.raises(MalformedError):
        decode_signed(_changed("SignedLegalBasis", signed_bytes(FED), roll_mldsa65=b"short"))


def test_a_review_of_another_kind_is_refused() -> None:
    """UPHELD and NOT_UPHELD are all there is; its time is not negative."""
    signed = signed_bytes(FED, reviewer="third")
    review = codec("SignedLegalBasis").decode(signed)["review"]
    for change in ({"result": "PERHAPS"}, {"at_ms": -1}):
        with pytest.raises(MalformedError):
            decode_signed(_changed("SignedLegalBasis", signed, review={**review, **change}))
