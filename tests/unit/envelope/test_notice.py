"""Notices open for one organisation and count when a gate signed them."""

from __future__ import annotations

import dataclasses

import pytest

from refbus.audit.statement import Statement
from refbus.core.directory import OrgRole, SigningKey
from refbus.core.ids import EventId, KeyId, OrgId
from refbus.crypto.framing import lp, sha256
from refbus.crypto.kem import KemPublic
from refbus.crypto.padding import pad_padme
from refbus.crypto.sealed import seal_for
from refbus.crypto.stanza import Box
from refbus.envelope.notice import NOTICE_MINIMUM, open_notice, seal_notice
from refbus.errors import Code, MalformedError, RefbusError, UncheckableError, UntrustedError
from refbus.wire.transport import GateNotice, NoticeKind, NoticeOutcome, SealedNotice
from support.audit import AUDIT_KEY, audit_record
from support.directories import NOW_MS, federation, gate, kem_private, ngo
from support.envelopes import RECIPIENT, SENDER, fixed

FED = federation()
GATE = gate("kz")
RECEIPT = GateNotice(
    from_gate=GATE,
    kid=FED.pairs[GATE].kid,
    kind=NoticeKind.RECEIPT,
    envelope_sha256=bytes(32),
    event_id=EventId(fixed("event")),
    outcome=NoticeOutcome.FORWARDED,
    codes=(),
    at_ms=NOW_MS,
    inbox_count=0,
    inbox_hash=bytes(32),
    decision_id=fixed("decision"),
)


def _gate_key(org: OrgId, kid: KeyId) -> SigningKey | None:
    member = FED.directory.find(org)
    return member.signing_key(kid) if member is not None and member.role is OrgRole.GATE else None


def _seal(notice: GateNotice = RECEIPT, org: OrgId = SENDER, signer: OrgId = GATE) -> bytes:
    return seal_notice(notice, org, FED.kems[org].public, FED.pairs[signer])


def _open(data: bytes, me: OrgId = SENDER) -> GateNotice:
    return open_notice(data, me, [kem_private("next epoch"), FED.kems[me]], _gate_key)


def _code(kind: type[RefbusError], data: bytes, me: OrgId = SENDER) -> Code:
    with pytest.raises(kind) as caught:
        _open(data, me)
    return caught.value.code


def test_a_notice_comes_through() -> None:
    """The organisation reads what its gate wrote."""
    assert _open(_seal()) == RECEIPT


def test_all_kinds_have_one_size() -> None:
    """A receipt, a refusal, with what the gate logged or without, and a heartbeat look alike from outside."""
    refusal = dataclasses.replace(
        RECEIPT, kind=NoticeKind.REFUSAL, outcome=NoticeOutcome.REFUSED, codes=("NO_CONSENT",)
    )
    proven = dataclasses.replace(refusal, statement=Statement.of(audit_record(), AUDIT_KEY).encode())
    beat = dataclasses.replace(RECEIPT, kind=NoticeKind.HEARTBEAT, outcome=NoticeOutcome.NONE, event_id=None)
    assert {len(_seal(notice)) for notice in (RECEIPT, refusal, proven, beat)} == {len(_seal())}
    assert len(SealedNotice.parse(_seal()).box) == NOTICE_MINIMUM + 72


def test_nobody_else_opens_it() -> None:
    """Another organisation, and an organisation without keys, fail alike."""
    assert _code(UntrustedError, _seal(), RECIPIENT) is Code.OPEN_FAILED
    with pytest.raises(UntrustedError):
        open_notice(_seal(), SENDER, [], _gate_key)


def test_a_notice_for_one_organisation_is_none_for_another() -> None:
    """Sealed to my key and signed over another's name: refused."""
    encoded = RECEIPT.encode()
    signature = FED.pairs[GATE].sign_ed25519(b"refbus/v1/notice\0", encoded + SENDER.encode())
    sealed = seal_for(
        Box.NOTICE,
        KemPublic.parse(FED.kems[RECIPIENT].public),
        sha256(RECIPIENT.encode()),
        pad_padme(lp(encoded) + lp(signature), NOTICE_MINIMUM),
    )
    assert _code(UntrustedError, SealedNotice(sealed.stanza, sealed.box).encode(), RECIPIENT) is Code.OPEN_FAILED


def test_only_a_gates_key_counts() -> None:
    """A notice that an organisation signed, under its own name or the gate's, is refused."""
    own = dataclasses.replace(RECEIPT, from_gate=ngo("kz"), kid=FED.pairs[ngo("kz")].kid)
    assert _code(UncheckableError, _seal(own, signer=ngo("kz"))) is Code.KEY_UNKNOWN
    assert _code(UntrustedError, _seal(signer=ngo("kz"))) is Code.OPEN_FAILED


def test_broken_bytes_are_refused() -> None:
    """Every changed or cut part is refused, and another shape inside is one error."""
    data = _seal()
    for broken in (data[:-1] + bytes([data[-1] ^ 1]), bytes([data[0] ^ 1]) + data[1:]):
        assert _code(UntrustedError, broken) is Code.OPEN_FAILED
    with pytest.raises(MalformedError):
        _open(data[:500])
    sealed = seal_for(Box.NOTICE, KemPublic.parse(FED.kems[SENDER].public), sha256(SENDER.encode()), bytes(512))
    assert _code(UntrustedError, SealedNotice(sealed.stanza, sealed.box).encode()) is Code.OPEN_FAILED


def test_a_bad_public_key_is_never_sealed_to() -> None:
    """The check is made here too, not only at the directory's door."""
    with pytest.raises(UntrustedError) as caught:
        seal_notice(RECEIPT, SENDER, bytes(1216), FED.pairs[GATE])
    assert caught.value.code is Code.KEY_INVALID
