"""Values that others worked out, run through our wrappers. The sets come from the `cryptography_vectors` package.

| set | origin | what of ours it goes through |
|---|---|---|
| HPKE/hpke-pq-test-vectors.json | draft-ietf-hpke-pq, draft-connolly-cfrg-xwing-kem | `KemPrivate`, suite of `stanza` |
| HPKE/test-vectors.json | RFC 9180 appendix A | the KDF and AEAD of our suite, over X25519 |
| asymmetric/Ed25519/sign.input | the Ed25519 authors, as in RFC 8032 §7.1 | `SigningPair`, `verify_ed25519` |
| asymmetric/MLDSA/kat_MLDSA_65_det_pure.rsp | FIPS 204 known answers | `SigningPair`, `check_public_keys`, `verify` |
| KDF/rfc-5869-HKDF-SHA256.txt | RFC 5869 appendix A | `hkdf_sha256` |

The chunked-encryption set there is of another instantiation (SHA-256) than Cobblestone-256 (SHA-512), which is tried
against its specification and one published value instead.
Each set has a guard: when the package brings something that we do not know, the guard fails and someone looks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cryptography_vectors
import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from refbus.core.directory import SigningKey
from refbus.crypto import box as boxes
from refbus.crypto import stanza
from refbus.crypto.kem import KemPrivate, KemPublic
from refbus.crypto.secretbox import hkdf_sha256
from refbus.crypto.signing import Signatures, SigningPair, check_public_keys, kid_of_signing, verify, verify_ed25519
from refbus.errors import Code, UntrustedError

Vector = dict[str, Any]
FOLDER = Path(cryptography_vectors.__file__).parent
OUR_SUITE = (0x647A, 1, 3)
"""X-Wing, HKDF-SHA256, ChaCha20-Poly1305, by their numbers in the HPKE registry."""
COBBLESTONE_CASE_2 = (
    "a1a1b56f6db58cd1ede0c5c9db62aef20d3f96a6c594bb9252bb38122de91236502b42a1d7fcab82"
    "0ffa292940d2f86add212cfa42c38df19d3cc9139ee61a5990d3db57433514229beea49a8a72bd"
)


@cache
def _json(path: str) -> Any:
    return json.loads((FOLDER / path).read_text())


@cache
def _records(path: str, first: str) -> list[dict[str, str]]:
    """Return the records of a `name = value` file; each begins with the field `first`."""
    records: list[dict[str, str]] = []
    for line in (FOLDER / path).read_text().splitlines():
        name, equals, value = line.partition("=")
        if not equals or name.startswith("#"):
            continue
        if name.strip() == first:
            records.append({})
        records[-1][name.strip()] = value.strip()
    return records


def _hex(vector: Vector, *names: str) -> Iterator[bytes]:
    return (bytes.fromhex(vector[name]) for name in names)


def _suites(path: str) -> set[tuple[int, ...]]:
    return {tuple(v[name] for name in ("mode", "kem_id", "kdf_id", "aead_id")) for v in _json(path)}


def test_the_sets_hold_what_we_know() -> None:
    """A new suite, field or case in the package is looked at by a person before it passes unseen."""
    hybrid = {(0x40, 1, 1), (0x41, 1, 1), (0x42, 2, 2), (0x50, 1, 1), OUR_SUITE, (0x51, 2, 2), (0x10, 16, 1)}
    hybrid |= {(0x11, 17, 2), (0x20, 18, 3), (0x21, 19, 3), (0x50, 16, 2), (0x647A, 17, 3), (0x42, 19, 1)}
    assert _suites("HPKE/hpke-pq-test-vectors.json") == {(0, *suite) for suite in hybrid}
    assert _suites("HPKE/test-vectors.json") == {
        (mode, kem, kdf, aead)
        for mode in range(4)
        for kem in (0x10, 0x12, 0x20, 0x21)
        for kdf in (1, 3)
        for aead in (1, 2, 3, 0xFFFF)
    }
    lines = (FOLDER / "asymmetric/Ed25519/sign.input").read_text().splitlines()
    assert (len(lines), {line.count(":") for line in lines}) == (1024, {4})
    mldsa = _records("asymmetric/MLDSA/kat_MLDSA_65_det_pure.rsp", "count")
    assert len(mldsa) == 100
    assert {frozenset(v) for v in mldsa} == {
        frozenset({"count", "xi", "seed", "pk", "sk", "msg", "mlen", "ctx", "sm", "smlen"})
    }
    hkdf = _records("KDF/rfc-5869-HKDF-SHA256.txt", "COUNT")
    assert [set(v) for v in hkdf] == [{"COUNT", "Hash", "IKM", "salt", "info", "L", "PRK", "OKM"}] * 3


def _ours() -> Vector:
    found: list[Vector] = [
        v for v in _json("HPKE/hpke-pq-test-vectors.json") if (v["kem_id"], v["kdf_id"], v["aead_id"]) == OUR_SUITE
    ]
    assert len(found) == 1
    return found[0]


def test_x_wing_keys() -> None:
    """The 32-byte seed expands to the public key of the draft, and that key passes our checks."""
    seen = 0
    for vector in _json("HPKE/hpke-pq-test-vectors.json"):
        if vector["kem_id"] == OUR_SUITE[0]:
            seed, public = _hex(vector, "skRm", "pkRm")
            assert KemPrivate(seed).public == public
            assert KemPublic.parse(public).raw == public
            seen += 1
    assert seen == 2


def test_hpke_with_x_wing() -> None:
    """Our suite and our key open the draft's first ciphertext, and not with another `info`."""
    vector = _ours()
    seed, encapsulation, info = _hex(vector, "skRm", "enc", "info")
    first = vector["encryptions"][0]
    ciphertext, plaintext, aad = _hex(first, "ct", "pt", "aad")
    key = KemPrivate(seed).handle
    assert len(encapsulation) + 32 + 16 == stanza.STANZA_SIZE
    opened = openssl.hpke._decrypt_with_aad(stanza._HPKE, encapsulation + ciphertext, key, info=info, aad=aad)
    assert opened == plaintext
    with pytest.raises(InvalidTag):
        openssl.hpke._decrypt_with_aad(stanza._HPKE, encapsulation + ciphertext, key, info=info + b"x", aad=aad)


def test_hpke_of_rfc_9180() -> None:
    """Base mode with X25519, and the KDF and AEAD of our suite: the RFC's first ciphertext opens."""
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    found = [
        v
        for v in _json("HPKE/test-vectors.json")
        if (v["mode"], v["kem_id"], v["kdf_id"], v["aead_id"]) == (0, 0x20, *OUR_SUITE[1:])
    ]
    assert len(found) == 1
    secret, encapsulation, info = _hex(found[0], "skRm", "enc", "info")
    ciphertext, plaintext, aad = _hex(found[0]["encryptions"][0], "ct", "pt", "aad")
    key = X25519PrivateKey.from_private_bytes(secret)
    assert openssl.hpke._decrypt_with_aad(suite, encapsulation + ciphertext, key, info=info, aad=aad) == plaintext


def test_ed25519() -> None:
    """Keys and signatures are those of the authors; label and message are signed as one; one bit more is refused."""
    for line in (FOLDER / "asymmetric/Ed25519/sign.input").read_text().splitlines():
        secret, public, message, signed = (bytes.fromhex(part) for part in line.split(":")[:4])
        pair = SigningPair(secret[:32], None)
        assert pair.public_ed25519 == public
        check_public_keys(public, None)
        half = len(message) // 2
        assert pair.sign_ed25519(message[:half], message[half:]) == signed[:64]
        key = SigningKey(pair.kid, public, None, 0, 1)
        verify_ed25519(key, message[:half], message[half:], signed[:64])
        with pytest.raises(UntrustedError):
            verify_ed25519(key, message, b"\0", signed[:64])


def test_mldsa65() -> None:
    """Seeds give the public keys of FIPS 204's answers, their signatures verify, and not under our empty context."""
    for vector in _records("asymmetric/MLDSA/kat_MLDSA_65_det_pure.rsp", "count"):
        seed, public, message, context, signed = _hex(vector, "xi", "pk", "msg", "ctx", "sm")
        pair = SigningPair(bytes(32), seed)
        assert pair.public_mldsa65 == public
        check_public_keys(pair.public_ed25519, public)
        MLDSA65PublicKey.from_public_bytes(public).verify(signed[:3309], message, context)
        with pytest.raises(InvalidSignature):
            MLDSA65PublicKey.from_public_bytes(public).verify(signed[:3309], message + b"\0", context)
        key = SigningKey(kid_of_signing(pair.public_ed25519, public), pair.public_ed25519, public, 0, 1)
        with pytest.raises(UntrustedError) as caught:
            verify(key, b"", message, Signatures(pair.sign_ed25519(b"", message), signed[:3309]))
        assert (caught.value.code, caught.value.detail) == (Code.SIGNATURE_INVALID, "ML-DSA-65")


def test_hkdf() -> None:
    """The three SHA-256 cases of RFC 5869."""
    for vector in _records("KDF/rfc-5869-HKDF-SHA256.txt", "COUNT"):
        secret, salt, info, output = _hex(vector, "IKM", "salt", "info", "OKM")
        assert hkdf_sha256(secret, info, int(vector["L"]), salt or None) == output


def _read_cobblestone(key: bytes, context: bytes, box: bytes) -> bytes:
    """Read a Cobblestone-256 box by the text of c2sp.org/chunked-encryption, apart from the library's own code."""
    salt, commitment, chunks = box[:24], box[24:56], box[56:]
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + context
    derived = HKDFExpand(algorithm=hashes.SHA512(), length=32 + 12 + 32, info=info).derive(key)
    assert derived[44:] == commitment
    step, nonce = 16_384 + 16, int.from_bytes(derived[32:44], "big")
    parts = [chunks[start : start + step] for start in range(0, len(chunks), step)]
    assert len(parts[-1]) < step
    aead = AESGCM(derived[:32])
    return b"".join(aead.decrypt((nonce ^ n).to_bytes(12, "big"), part, b"") for n, part in enumerate(parts))


@pytest.mark.parametrize("size", [0, 2_048, 10_240, 16_384, 40_000])
def test_cobblestone_by_its_specification(size: int) -> None:
    """What we seal reads by the specification alone: same key derivation, commitment and chunks."""
    plaintext = bytes(range(250)) * (size // 250 + 1)
    box = boxes.seal(b"k" * 32, b"context", plaintext[:size])
    assert _read_cobblestone(b"k" * 32, b"context", box) == plaintext[:size]


def test_cobblestone_of_others() -> None:
    """Case 2 of the C2SP/wycheproof set for Cobblestone-256: seven bytes, made by another implementation."""
    key = b"YELLOW SUBMARINE YELLOW SUBMARIN"
    box = bytes.fromhex(COBBLESTONE_CASE_2)
    plaintext = boxes.open_(key, b"", box)
    assert hashlib.sha512(plaintext).hexdigest().startswith("e85f32a85f1d4f7c9b2d36d20eca8435d81253e7075e9dea")
    assert plaintext == _read_cobblestone(key, b"", box)
    for broken in (box[:-1], box + b"\0", box[:56], box[:55], bytes(24) + box[24:], box[:24] + bytes(32) + box[56:]):
        with pytest.raises(UntrustedError) as caught:
            boxes.open_(key, b"", broken)
        assert caught.value.code is Code.OPEN_FAILED
