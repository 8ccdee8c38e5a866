"""One secret for one auditor: what is derived from it, and that it does not leak by accident."""

from __future__ import annotations

import copy
import hashlib
import hmac
import pickle

import pytest

from refbus.errors import Code, MalformedError, UntrustedError
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.custody import LogSecret
from refbus.tlog.keys import SignerKey, SigType
from refbus.tlog.note import verified

SECRET = LogSecret(bytes(range(32)))
NAME = "kz.audit.example"
ORIGIN = f"{NAME}/2026b"


def _hkdf(secret: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 by the letter of RFC 5869, no salt, 32 bytes."""
    extracted = hmac.digest(bytes(32), secret, hashlib.sha256)
    return hmac.digest(extracted, info + b"\1", hashlib.sha256)


def test_the_keys_are_those_of_the_formula() -> None:
    """Written anew from RFC 5869, so that another program finds the same keys."""
    log = SignerKey(ORIGIN, SigType.ED25519, _hkdf(SECRET.secret, b"refbus/v1/log-key\0" + ORIGIN.encode()))
    assert SECRET.log_key(ORIGIN).verifier == log.verifier
    name = f"{NAME}/witness"
    expected = [
        SignerKey(name, kind, _hkdf(SECRET.secret, label + name.encode())).verifier
        for kind, label in (
            (SigType.ED25519_COSIGNATURE, b"refbus/v1/witness-ed25519\0"),
            (SigType.MLDSA44_COSIGNATURE, b"refbus/v1/witness-mldsa44\0"),
        )
    ]
    assert [key.verifier for key in SECRET.witness_keys(NAME)] == expected


def test_no_two_keys_are_alike() -> None:
    """Every origin, name, type and secret has a key of its own."""
    keys = [
        key.verifier.public
        for secret in (SECRET, LogSecret(bytes(32)))
        for name in (NAME, "uz.audit.example")
        for key in (
            secret.log_key(f"{name}/2026b"),
            secret.log_key(f"{name}/2027a"),
            secret.log_key(f"{name}/witness"),
            *secret.witness_keys(name),
        )
    ]
    assert len(set(keys)) == len(keys) == 20


def test_a_derived_key_signs_for_its_shard_alone() -> None:
    """The same secret gives the same key again; the key of the next half-year is another one."""
    note = sign_checkpoint(Checkpoint(ORIGIN, 1, bytes(32)), LogSecret(SECRET.secret).log_key(ORIGIN))
    assert verified(note, [SECRET.log_key(ORIGIN).verifier])
    other = SECRET.log_key(f"{NAME}/2027a").verifier
    with pytest.raises(UntrustedError) as caught:
        other.verify(note.text.encode(), note.signatures[0].data)
    assert caught.value.code is Code.SIGNATURE_INVALID


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_secret_has_one_size(size: int) -> None:
    """32 bytes, and new ones differ."""
    with pytest.raises(MalformedError) as caught:
        LogSecret(bytes(size))
    assert caught.value.code is Code.KEY_INVALID
    assert LogSecret.generate().secret != LogSecret.generate().secret
    assert len(LogSecret.generate().secret) == 32


def test_a_secret_is_not_shown_and_not_copied() -> None:
    """Neither in its repr nor by pickle or copy; the keys made from it neither."""
    keys = (SECRET.log_key(ORIGIN), *SECRET.witness_keys(NAME))
    for each in (SECRET, *keys):
        assert SECRET.secret.hex() not in repr(each)
        assert "***" in repr(each)
        for take in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                take(each)
