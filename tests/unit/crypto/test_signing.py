"""Signing pairs: both algorithms, closed labels, and the checks on public keys that the library leaves out."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from refbus.core.directory import SigningKey
from refbus.crypto import signing
from refbus.crypto.signing import Signatures, SigningPair, check_public_keys, kid_of_signing, sign_ed25519, verify
from refbus.errors import Code, MalformedError, UntrustedError
from support.directories import signing_key, signing_pair

LABEL = signing.LABEL_CONSENT
PAIR = signing_pair("signer")
KEY = signing_key(PAIR)
ED_ONLY = signing_pair("signer without ML-DSA", mldsa=False)

PRIME = 2**255 - 19
D = -121665 * pow(121666, -1, PRIME) % PRIME


def _fails(key: SigningKey, label: bytes, message: bytes, signatures: Signatures) -> None:
    with pytest.raises(UntrustedError) as caught:
        verify(key, label, message, signatures)
    assert caught.value.code is Code.SIGNATURE_INVALID


def test_both_signatures_verify() -> None:
    """A pair signs with both algorithms, 64 and 3309 bytes, and both are checked."""
    made = PAIR.sign(LABEL, b"message")
    assert (len(made.ed25519), len(made.mldsa65 or b"")) == (64, 3309)
    verify(KEY, LABEL, b"message", made)


def test_either_false_signature_is_refused() -> None:
    """One good signature does not make up for a bad one."""
    made = PAIR.sign(LABEL, b"message")
    other = PAIR.sign(LABEL, b"other")
    _fails(KEY, LABEL, b"message", dataclasses.replace(made, ed25519=other.ed25519))
    _fails(KEY, LABEL, b"message", dataclasses.replace(made, mldsa65=other.mldsa65))
    _fails(KEY, LABEL, b"message", Signatures(b"", b""))


def test_an_mldsa_key_makes_its_signature_compulsory() -> None:
    """Leaving the post-quantum signature out is no downgrade, it is refused; so is one that no key is for."""
    _fails(KEY, LABEL, b"message", dataclasses.replace(PAIR.sign(LABEL, b"message"), mldsa65=None))
    made = ED_ONLY.sign(LABEL, b"message")
    assert made.mldsa65 is None
    verify(signing_key(ED_ONLY), LABEL, b"message", made)
    _fails(signing_key(ED_ONLY), LABEL, b"message", dataclasses.replace(made, mldsa65=bytes(3309)))


def test_labels_separate_purposes() -> None:
    """A signature under one label is none under another, and no label begins another."""
    _fails(KEY, signing.LABEL_PASS, b"message", PAIR.sign(LABEL, b"message"))
    labels = [value for name, value in vars(signing).items() if name.startswith("LABEL_")]
    assert len(set(labels)) == len(labels) >= 8
    assert all(label.startswith((b"refbus/v1/", b"refbus/v2/")) for label in labels)
    assert all(label.index(b"\0") == len(label) - 1 for label in labels)


def test_operational_messages_have_ed25519_alone() -> None:
    """Short-lived messages carry 64 bytes of signature."""
    signature = sign_ed25519(PAIR, signing.LABEL_HOP, b"hop")
    signing.verify_ed25519(KEY, signing.LABEL_HOP, b"hop", signature)
    with pytest.raises(UntrustedError) as caught:
        signing.verify_ed25519(KEY, signing.LABEL_HOP, b"hoq", signature)
    assert caught.value.code is Code.SIGNATURE_INVALID


def test_a_directory_key_of_the_wrong_size_verifies_nothing() -> None:
    """A malformed public key is a failed check, never another exception."""
    made = PAIR.sign(LABEL, b"message")
    _fails(dataclasses.replace(KEY, ed25519=bytes(31)), LABEL, b"message", made)
    _fails(dataclasses.replace(KEY, mldsa65=bytes(9)), LABEL, b"message", made)


def test_ids_follow_from_both_keys() -> None:
    """The id is over both public keys; the same Ed25519 key with another partner is another key."""
    assert PAIR.kid == kid_of_signing(PAIR.public_ed25519, PAIR.public_mldsa65)
    assert kid_of_signing(PAIR.public_ed25519, None) != PAIR.kid
    assert len(PAIR.kid) == 16


@pytest.mark.parametrize("pair", [PAIR, ED_ONLY])
def test_a_pair_comes_back_from_its_secret(pair: SigningPair) -> None:
    """The secret, 64 or 32 bytes, is all that a key file needs to hold."""
    assert SigningPair.from_secret(pair.secret).kid == pair.kid


@pytest.mark.parametrize("size", [0, 31, 33, 63, 65])
def test_a_secret_of_another_size_is_refused(size: int) -> None:
    """Seeds are 32 bytes each."""
    with pytest.raises(MalformedError) as caught:
        SigningPair.from_secret(bytes(size))
    assert caught.value.code is Code.KEY_INVALID


def test_generated_pairs_have_both_algorithms() -> None:
    """New pairs are hybrid, and each is another one."""
    first, second = SigningPair.generate(), SigningPair.generate()
    assert first.kid != second.kid
    assert len(first.public_mldsa65 or b"") == 1952


def test_private_keys_do_not_leak() -> None:
    """No seed is in a repr, and pickling is refused."""
    assert repr(PAIR) == f"SigningPair({PAIR.kid.hex()}, secret=***)"
    with pytest.raises(TypeError):
        pickle.dumps(PAIR)


def test_good_public_keys_pass() -> None:
    """What key generation gives is taken, with and without ML-DSA."""
    for name in ("a", "b", "c", "d"):
        pair = signing_pair(name)
        check_public_keys(pair.public_ed25519, pair.public_mldsa65)
        check_public_keys(pair.public_ed25519, None)


def _double(x: int, y: int) -> tuple[int, int]:
    """RFC 8032 §5.1.4, affine: the sum of a point with itself."""
    c = D * x * x * y * y % PRIME
    return 2 * x * y * pow(1 + c, -1, PRIME) % PRIME, (y * y + x * x) * pow(1 - c, -1, PRIME) % PRIME


def _x_of(y: int) -> int:
    """RFC 8032 §5.1.3: a square root of (y² - 1) / (d y² + 1)."""
    u, v = (y * y - 1) % PRIME, (D * y * y + 1) % PRIME
    x = u * pow(v, 3, PRIME) * pow(u * pow(v, 7, PRIME), (PRIME - 5) // 8, PRIME) % PRIME
    return x if v * x * x % PRIME == u else x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME


def test_the_small_order_list_is_right_and_whole() -> None:
    """Each listed y is on the curve with an order that divides 8, and they make up all eight such points."""
    points = set()
    for y in signing._SMALL_ORDER_Y:
        x = _x_of(y)
        assert (-x * x + y * y - 1 - D * x * x * y * y) % PRIME == 0
        point = (x, y)
        for _ in range(3):
            point = _double(*point)
        assert point == (0, 1)
        points |= {(x, y), (-x % PRIME, y)}
    assert len(points) == 8


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", sorted(signing._SMALL_ORDER_Y))
def test_small_order_keys_are_refused(y: int, sign: int) -> None:
    """The library loads them; under such a key one signature fits any message."""
    raw = (y | sign << 255).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(raw)
    with pytest.raises(UntrustedError) as caught:
        check_public_keys(raw, None)
    assert (caught.value.code, caught.value.detail) == (Code.KEY_INVALID, "Ed25519 key of small order")


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", [PRIME, PRIME + 1, PRIME + 3, 2**255 - 1])
def test_unreduced_keys_are_refused(y: int, sign: int) -> None:
    """The library loads a second encoding of the same point; two ids for one key are refused."""
    raw = (y | sign << 255).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(raw)
    with pytest.raises(UntrustedError) as caught:
        check_public_keys(raw, None)
    assert (caught.value.code, caught.value.detail) == (Code.KEY_INVALID, "Ed25519 key is not reduced")


@pytest.mark.parametrize(("ed", "mldsa"), [(31, None), (33, None), (32, 0), (32, 1951), (32, 1953)])
def test_sizes_of_public_keys_are_checked(ed: int, mldsa: int | None) -> None:
    """32 and 1952 bytes, exactly."""
    with pytest.raises(UntrustedError) as caught:
        check_public_keys(b"\2" * ed, None if mldsa is None else bytes(mldsa))
    assert caught.value.code is Code.KEY_INVALID
