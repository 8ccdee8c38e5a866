"""The conformance kit: read a vector, do what it says, and tell what came of it. docs/spec/envelope.md has the steps.

A vector is a text header, an empty line and the exact bytes:

    refbus-vector/v1
    expect: UntrustedError OPEN_FAILED      (or `payload|profile|envelope <SHA-256>`, `sender <id>`, `key <kid>`)
    do: receive uz-she1ter1                 (or `pass|stamp uz-gate`, `hop kz-gate`, `parse-kem`, `check-signing`,
                                             `profile uz-she1ter1`)
    made: derived                           (byte for byte from another vector; or `sealed`, random and frozen)
    comment: one line

The parties, their private keys and the directory's versions are in `parties.json`; they exist for these tests only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from refbus.core.directory import Directory, KemKey, Organisation, OrgRole, OrgStatus, SigningKey
from refbus.core.ids import CountryCode, KeyId, OrgId, gate_id
from refbus.crypto.framing import sha256
from refbus.crypto.kem import KemPrivate, KemPublic
from refbus.crypto.signing import SigningPair, check_public_keys, kid_of_signing
from refbus.envelope.content import open_content
from refbus.envelope.format import Envelope
from refbus.envelope.routing import receive
from refbus.envelope.stamps import verify_hop, verify_pass
from refbus.errors import Code, RefbusError, UncheckableError
from refbus.trust.member.profile import profile_path, read_profile
from refbus.wire.transport import DirectoryFile, HopReceipt, Passed
from support.directories import Federation, FixedHistory, policy

VECTORS = Path(__file__).parents[1] / "vectors"
MAGIC = "refbus-vector/v1"


@dataclass(frozen=True, slots=True)
class Vector:
    """One file: what is done with `body`, and what must come of it."""

    expect: str
    do: str
    made: str
    comment: str
    body: bytes

    @classmethod
    def parse(cls, data: bytes) -> Vector:
        """Return the vector in a file's bytes; the header has these fields in this order and nothing else."""
        head, separator, body = data.partition(b"\n\n")
        lines = [line.split(": ", 1) for line in head.decode("ascii").split("\n")]
        if (
            lines[0] != [MAGIC]
            or not separator
            or [name for name, _ in lines[1:]] != ["expect", "do", "made", "comment"]
        ):
            raise ValueError("not a vector")
        expect, do, made, comment = (value for _, value in lines[1:])
        return cls(expect, do, made, comment, body)

    def encode(self) -> bytes:
        """Return the file's bytes."""
        fields = (f"{name}: {getattr(self, name)}" for name in ("expect", "do", "made", "comment"))
        return "\n".join((MAGIC, *fields)).encode("ascii") + b"\n\n" + self.body


def outcome(vector: Vector) -> str:
    """Do what the vector says; return what came of it, in the words of `expect`."""
    verb, _, who = vector.do.partition(" ")
    try:
        return _VERBS[verb](vector.body, OrgId(who))
    except RefbusError as error:
        return f"{type(error).__name__} {error.code}"


def _receive(body: bytes, me: OrgId) -> str:
    fed = parties()
    key = fed.kems[me]
    authenticated = receive(Envelope.parse(body), [key], fed.history, now_ms())
    return f"payload {sha256(open_content(authenticated, me, key)).hex()}"


def _pass(body: bytes, gate: OrgId) -> str:
    fed = parties()
    return f"sender {receive(Envelope.parse(body), [fed.kems[gate]], fed.history, now_ms()).sender.org_id}"


def _stamp(body: bytes, _: OrgId) -> str:
    passed = Passed.parse(body)
    digest = sha256(passed.envelope)
    verify_pass(passed, digest, _gate_key(passed.from_country, passed.kid))
    return f"envelope {digest.hex()}"


def _hop(body: bytes, _: OrgId) -> str:
    receipt = HopReceipt.parse(body)
    verify_hop(receipt, _gate_key(receipt.to_country, receipt.kid))
    return f"envelope {receipt.envelope_sha256.hex()}"


def _gate_key(country: CountryCode, kid: KeyId) -> SigningKey:
    key = parties().directory.organisations[gate_id(country)].signing_key(kid)
    if key is None:
        raise UncheckableError(Code.KEY_UNKNOWN)
    return key


def _parse_kem(body: bytes, _: OrgId) -> str:
    return f"key {KemPublic.parse(body).kid.hex()}"


def _check_signing(body: bytes, _: OrgId) -> str:
    ed25519, mldsa65 = body[:32], body[32:] or None
    check_public_keys(ed25519, mldsa65)
    return f"key {kid_of_signing(ed25519, mldsa65).hex()}"


def _profile(body: bytes, org: OrgId) -> str:
    fed = parties()
    file = DirectoryFile(profile_path(org), body)
    return f"profile {sha256(read_profile(file, fed.directory, now_ms()).profile_bytes).hex()}"


_VERBS: dict[str, Callable[[bytes, OrgId], str]] = {
    "receive": _receive,
    "pass": _pass,
    "stamp": _stamp,
    "hop": _hop,
    "parse-kem": _parse_kem,
    "check-signing": _check_signing,
    "profile": _profile,
}


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((VECTORS / "parties.json").read_text())
    return document


def now_ms() -> int:
    """Return the moment at which every vector is opened."""
    moment: int = _document()["now_ms"]
    return moment


@cache
def parties() -> Federation:
    """Return the parties of `parties.json`, with their private keys and all versions of their directory."""
    members = _document()["members"]
    pairs = {OrgId(m["id"]): SigningPair.from_secret(bytes.fromhex(m["signing"])) for m in members}
    kems = {OrgId(m["id"]): KemPrivate(bytes.fromhex(m["kem"])) for m in members}
    versions = tuple(
        Directory(
            version=version["version"],
            published_at_ms=version["published_at_ms"],
            expires_at_ms=now_ms() * 2,
            organisations={
                OrgId(m["id"]): _organisation(m, pairs[OrgId(m["id"])], kems[OrgId(m["id"])])
                for m in members
                if version["version"] >= m["since_version"]
            },
            policies={
                CountryCode(country): policy(country, max_message_life_hours=720, directory_grace_hours=72)
                for country in ("kz", "uz")
            },
            superseded_at_ms=version["superseded_at_ms"],
        )
        for version in _document()["versions"]
    )
    return Federation(versions[-1], FixedHistory(versions), pairs, kems)


def _organisation(member: dict[str, Any], pair: SigningPair, kem: KemPrivate) -> Organisation:
    window = member["not_before_ms"], member["not_after_ms"]
    return Organisation(
        org_id=OrgId(member["id"]),
        country=CountryCode(member["id"][:2]),
        role=OrgRole(member["role"]),
        status=OrgStatus(member["status"]),
        label=member["label"],
        services=(),
        languages=(),
        signing_keys=(
            SigningKey(pair.kid, pair.public_ed25519, pair.public_mldsa65, *window, member["compromised_since_ms"]),
        ),
        kem_keys=(KemKey(kem.kid, kem.public, *window),),
    )
