"""The vector of a bin: whoever reads or writes one gets these bytes, and a bit more or less is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refbus.core.ids import OrgId
from refbus.errors import MalformedError
from refbus.trust.member.enrolment_bin import bin_of, encode_bin, parse_bin
from refbus.trust.member.enrolment_file import Enrolment

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "directory" / "enrolments.json").read_text("utf-8"))
PARTS = {OrgId(org_id): content.encode() for org_id, content in VECTOR["enrolments"].items()}
BIN = VECTOR["bin"].encode()


def test_the_vector_is_written_and_read() -> None:
    """From the parts to the bin and back, byte for byte; each part is an enrolment of its organisation."""
    assert {bin_of(org_id) for org_id in PARTS} == {VECTOR["path"]}
    assert encode_bin(dict(reversed(PARTS.items()))) == BIN
    assert parse_bin(VECTOR["path"], BIN) == PARTS
    assert {org_id: Enrolment.parse(content).org_id for org_id, content in PARTS.items()} == {
        each: each for each in PARTS
    }


@pytest.mark.parametrize("content", [BIN + b"\n", BIN.replace(b":{", b": {", 1), BIN[:-1], b"[]"])
def test_another_spelling_is_none(content: bytes) -> None:
    """A bin has one spelling."""
    with pytest.raises(MalformedError):
        parse_bin(VECTOR["path"], content)


def test_a_bin_under_another_name_is_none() -> None:
    """Its ids lie where their hash says."""
    with pytest.raises(MalformedError):
        parse_bin("enrolments/xx.json", BIN)
