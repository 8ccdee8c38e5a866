"""Records of the audit log's topics: each comes back equal, and each refuses what its form forbids."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.ids import CountryCode
from refbus.errors import Code, MalformedError
from refbus.wire.logs import LogProof, LogProofs, MailKind, WitnessMail
from refbus.wire.schema import codec

MAIL = WitnessMail(CountryCode("kz"), MailKind.ADD_CHECKPOINT, b"old 0\n\nkz.audit.example/2026b\n")
PROOFS = LogProofs(
    b"checkpoint",
    (LogProof(0, b"first entry", ()), LogProof(7, b"eighth entry", (b"a" * 32, b"b" * 32))),
)


def _mapping(*proofs: LogProof) -> dict[str, Any]:
    listed = [{"index": each.index, "entry": each.entry, "hashes": list(each.hashes)} for each in proofs]
    return {"checkpoint": b"checkpoint", "proofs": listed}


def _refused(*proofs: LogProof) -> None:
    with pytest.raises(MalformedError) as caught:
        LogProofs.parse(codec("LogProofs").encode(_mapping(*proofs)))
    assert caught.value.code is Code.MALFORMED


@pytest.mark.parametrize("kind", MailKind)
def test_mail_comes_back(kind: MailKind) -> None:
    """Every kind, also with an empty body."""
    for mail in (dataclasses.replace(MAIL, kind=kind), dataclasses.replace(MAIL, kind=kind, body=b"")):
        found = WitnessMail.parse(mail.encode())
        assert found == mail
        assert isinstance(found.kind, MailKind)


@pytest.mark.parametrize(("field", "value"), [("from", "KZ"), ("from", ""), ("kind", "HELLO"), ("kind", "cosigned")])
def test_mail_of_another_form_is_refused(field: str, value: str) -> None:
    """A country that is none, a kind that nobody knows; on the way in and on the way out."""
    raw = codec("WitnessMail").encode({"from": "kz", "kind": "COSIGNED", "body": b"", field: value})
    with pytest.raises(MalformedError):
        WitnessMail.parse(raw)
    changed = {"country" if field == "from" else field: value}
    with pytest.raises(MalformedError):
        dataclasses.replace(MAIL, **changed).encode()  # type: ignore[arg-type]


def test_proofs_come_back() -> None:
    """One record carries many; a first entry has no hashes, and a record may hold none at all."""
    assert LogProofs.parse(PROOFS.encode()) == PROOFS
    empty = LogProofs(b"checkpoint", ())
    assert LogProofs.parse(empty.encode()) == empty


def test_proofs_stand_by_index() -> None:
    """Each entry once, in rising order, from 0 on: one set of proofs is one record."""
    one, two = PROOFS.proofs
    _refused(two, one)
    _refused(one, one)
    _refused(dataclasses.replace(one, index=-1))


def test_a_proof_is_no_longer_than_a_tree_is_high() -> None:
    """63 hashes lead through the largest tree; one more is refused."""
    longest = dataclasses.replace(PROOFS.proofs[0], hashes=(b"h" * 32,) * 63)
    assert LogProofs.parse(LogProofs(b"", (longest,)).encode()).proofs == (longest,)
    _refused(dataclasses.replace(longest, hashes=(b"h" * 32,) * 64))


@pytest.mark.parametrize("raw", [b"", MAIL.encode(), PROOFS.encode() + b"\0", PROOFS.encode()[:-1]])
def test_bytes_of_another_record_are_refused(raw: bytes) -> None:
    """Nothing, another record, one byte more and one byte less."""
    with pytest.raises(MalformedError):
        LogProofs.parse(raw)


def test_a_record_has_a_largest_size() -> None:
    """So that it fits into a topic: refused by its writer, not by the broker."""
    with pytest.raises(MalformedError) as caught:
        LogProofs(b"", (LogProof(0, bytes(900_000), ()),)).encode()
    assert caught.value.code is Code.TOO_LARGE
    with pytest.raises(MalformedError) as caught:
        dataclasses.replace(MAIL, body=bytes(900_000)).encode()
    assert caught.value.code is Code.TOO_LARGE
