"""`enrolment/<org>.json`, signed by the threshold of anchors: who a member is, its first keys, and keys that are over.

No country's delegation can write these files, so none can bring in a member, change its role or restart its keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from refbus.core.directory import OrgRole, SigningKey
from refbus.core.ids import CountryCode, KeyId, OrgId, parse_country, parse_org_id
from refbus.core.vocabulary import member
from refbus.errors import Code, MalformedError
from refbus.trust.canonical import Fields, dumps, loads, parse_hex

FORMAT = "refbus/enrolment/1"
_LABEL = b"refbus/v1/first-key\0"


def fingerprint(key: SigningKey) -> bytes:
    """Return the 32 bytes by which anchors recognise a first key: SHA-256 over the label and both public keys."""
    mldsa = key.mldsa65 or b""
    size = len(key.ed25519).to_bytes(4, "big")
    return hashlib.sha256(_LABEL + size + key.ed25519 + len(mldsa).to_bytes(4, "big") + mldsa).digest()


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the anchors vouch for. `revoked` (kid -> since, ms UTC) overrides anything the country's file says."""

    org_id: OrgId
    country: CountryCode
    role: OrgRole
    generation: int  # 1 at first, one more for each recovery
    first_keys: tuple[bytes, ...]  # fingerprints, 32 bytes each, sorted
    revoked: Mapping[KeyId, int]

    @classmethod
    def parse(cls, content: bytes) -> Enrolment:
        """Return what `content` says. Raises MalformedError."""
        fields = Fields(loads(content), "enrolment")
        fields.fixed("format", FORMAT)
        revoked = fields.items("revoked", _revoked)
        enrolment = cls(
            org_id=parse_org_id(fields.text("org_id")),
            country=parse_country(fields.text("country")),
            role=member(OrgRole, fields.text("role")),
            generation=fields.integer("generation", 1, 1_000),
            first_keys=fields.items("first_keys", lambda item: parse_hex(item, 32, "first_keys")),
            revoked=dict(revoked),
        )
        fields.done()
        if enrolment.encode() != content:
            raise MalformedError(Code.NOT_CANONICAL, "enrolment: lists are sorted and hold nothing twice")
        return enrolment

    def encode(self) -> bytes:
        """Return the bytes of the target file."""
        return dumps(
            {
                "format": FORMAT,
                "org_id": self.org_id,
                "country": self.country,
                "role": self.role.value,
                "generation": self.generation,
                "first_keys": sorted({key.hex() for key in self.first_keys}),
                "revoked": [{"kid": kid.hex(), "since_ms": self.revoked[kid]} for kid in sorted(self.revoked)],
            }
        )


def _revoked(value: object) -> tuple[KeyId, int]:
    fields = Fields(value, "revoked")
    entry = KeyId(fields.hexed("kid", 16)), fields.time_ms("since_ms")
    fields.done()
    return entry
