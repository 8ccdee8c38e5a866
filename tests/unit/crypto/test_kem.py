"""X-Wing keys: derivation, ids and the checks on public keys."""

from __future__ import annotations

import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

from refbus.crypto.kem import PUBLIC_SIZE, KemPrivate, KemPublic, kid_of_kem, throw_away_public
from refbus.errors import Code, MalformedError, UntrustedError
from support.directories import kem_private

PRIME = 2**255 - 19
# Low-order u coordinates of Curve25519, reduced (RFC 7748 §6.1 names the check; the list follows from the curve).
LOW_ORDER = (
    0,
    1,
    PRIME - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)


def _refused(raw: bytes) -> str:
    with pytest.raises(UntrustedError) as caught:
        KemPublic.parse(raw)
    assert caught.value.code is Code.KEY_INVALID
    return caught.value.detail


def test_the_same_seed_gives_the_same_key() -> None:
    """A key is its 32-byte seed: public key and id follow."""
    first, second = KemPrivate(bytes(32)), KemPrivate(bytes(32))
    assert (first.public, first.kid) == (second.public, second.kid)
    assert len(first.public) == PUBLIC_SIZE
    assert first.kid == kid_of_kem(first.public)
    assert len(first.kid) == 16


def test_generated_keys_differ() -> None:
    """Two generated keys have two ids."""
    assert KemPrivate.generate().kid != KemPrivate.generate().kid


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_seed_has_32_bytes(size: int) -> None:
    """A seed of another size is refused."""
    with pytest.raises(MalformedError) as caught:
        KemPrivate(bytes(size))
    assert caught.value.code is Code.KEY_INVALID


def test_public_keys_parse() -> None:
    """A good public key is taken, and its repr shows the id only."""
    private = kem_private("anyone")
    public = KemPublic.parse(private.public)
    assert (public.raw, public.kid) == (private.public, private.kid)
    assert repr(public) == f"KemPublic({private.kid.hex()})"


@pytest.mark.parametrize("size", [0, 1184, 1215, 1217])
def test_another_size_is_refused(size: int) -> None:
    """1216 bytes, no more and no less."""
    assert _refused(bytes(size)) == "KEM key size"


@pytest.mark.parametrize("u", LOW_ORDER)
def test_low_order_x25519_is_refused(u: int) -> None:
    """A low-order point gives everyone the same shared secret."""
    raw = kem_private("anyone").public[:1184] + u.to_bytes(32, "little")
    assert _refused(raw) == "X25519 key of low order"


@pytest.mark.parametrize("u", [PRIME, PRIME + 1, PRIME + 9, 2**255 - 1, 2**255 + 9])
def test_unreduced_x25519_is_refused(u: int) -> None:
    """A second encoding of the same key would be a second id for it."""
    raw = kem_private("anyone").public[:1184] + u.to_bytes(32, "little")
    assert _refused(raw) == "X25519 key is not reduced"


def test_malformed_mlkem_is_refused() -> None:
    """A coefficient of 3329 is out of range (FIPS 203 §7.2), and so are all ones."""
    good = bytearray(kem_private("anyone").public)
    good[0], good[1] = 0x01, (good[1] & 0xF0) | 0x0D
    assert _refused(bytes(good)) == "ML-KEM key"
    assert _refused(b"\xff" * 1184 + kem_private("anyone").public[1184:]) == "ML-KEM key"


def test_private_keys_do_not_leak() -> None:
    """The seed is in no repr, and pickling is refused."""
    private = kem_private("anyone")
    assert private.seed.hex() not in repr(private)
    assert repr(private.seed) not in repr(private)
    with pytest.raises(TypeError):
        pickle.dumps(private)


def test_throw_away_keys_are_fresh() -> None:
    """A decoy's key is new each time, and of the same kind as real ones."""
    assert throw_away_public() is not throw_away_public()
    assert len(MLKEM768PrivateKey.generate().public_key().public_bytes_raw()) == 1184
