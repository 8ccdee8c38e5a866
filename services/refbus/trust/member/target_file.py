"""An organisation's target file `<cc>/<org>.json`: strict JSON <-> the directory's values, with the proofs of each key.

Parsing checks shape only. Whether the keys are good and vouched for is `endorsement`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from refbus.core.directory import KemKey, Organisation, OrgRole, OrgStatus, SigningKey
from refbus.core.ids import KeyId, parse_country, parse_org_id
from refbus.core.vocabulary import member
from refbus.crypto.signing import Signatures
from refbus.errors import Code, MalformedError
from refbus.trust.canonical import Fields, b64, dumps, loads
from refbus.trust.member.audit_keys import MAX_AUDIT_KEYS

FORMAT = "refbus/organisation/1"
MAX_SIGNING_KEYS = 8
MAX_KEM_KEYS = 24
MAX_VKEY_CHARS = 2_000
ED25519_BYTES = 32
MLDSA65_BYTES = 1952
KEM_BYTES = 1216
ED25519_SIGNATURE_BYTES = 64
MLDSA65_SIGNATURE_BYTES = 3309


@dataclass(frozen=True, slots=True)
class Endorsement:
    """Signatures of a key of the same organisation over another of its keys."""

    signer: KeyId
    signatures: Signatures


@dataclass(frozen=True, slots=True)
class SigningEntry:
    """A signing key, its signature over itself, and its predecessor's over it (None for a first key)."""

    key: SigningKey
    possession: Signatures
    endorsement: Endorsement | None


@dataclass(frozen=True, slots=True)
class KemEntry:
    """A KEM epoch and the organisation's signature over it."""

    key: KemKey
    endorsement: Endorsement


@dataclass(frozen=True, slots=True)
class AuditKeyEntry:
    """A key of an auditor's log or witness, as vkey, and the organisation's signature over it."""

    vkey: str
    endorsement: Endorsement


@dataclass(frozen=True, slots=True)
class MemberFile:
    """A parsed organisation file. Only `parse` and the ceremony make one."""

    organisation: Organisation
    signing: tuple[SigningEntry, ...]
    kem: tuple[KemEntry, ...]
    audit: tuple[AuditKeyEntry, ...] = ()

    @classmethod
    def of(
        cls,
        organisation: Organisation,
        signing: tuple[SigningEntry, ...],
        kem: tuple[KemEntry, ...],
        audit: tuple[AuditKeyEntry, ...] = (),
    ) -> MemberFile:
        """Return the file of an organisation, whose key lists are taken from the entries.

        Signing and KEM keys stand oldest first, audit keys in the order of their text.
        """
        signing = tuple(sorted(signing, key=lambda entry: (entry.key.not_before_ms, entry.key.kid)))
        kem = tuple(sorted(kem, key=lambda entry: (entry.key.not_before_ms, entry.key.kid)))
        audit = tuple(sorted(audit, key=lambda entry: entry.vkey))
        held = replace(
            organisation,
            signing_keys=tuple(entry.key for entry in signing),
            kem_keys=tuple(entry.key for entry in kem),
            audit_keys=tuple(entry.vkey for entry in audit),
        )
        return cls(held, signing, kem, audit)

    @classmethod
    def parse(cls, content: bytes) -> MemberFile:
        """Return what `content` says. Raises MalformedError."""
        return cls.from_mapping(loads(content))

    @classmethod
    def from_mapping(cls, value: object) -> MemberFile:
        """Return what an already parsed JSON object says. Raises MalformedError."""
        fields = Fields(value, "organisation")
        fields.fixed("format", FORMAT)
        organisation = Organisation(
            org_id=parse_org_id(fields.text("org_id")),
            country=parse_country(fields.text("country")),
            role=member(OrgRole, fields.text("role")),
            status=member(OrgStatus, fields.text("status")),
            label=fields.text("label"),
            services=fields.texts("services"),
            languages=fields.texts("languages"),
            signing_keys=(),
            kem_keys=(),
        )
        organisation = replace(organisation, echoes=_parse_echoes(fields))
        signing = fields.items("signing_keys", _signing_entry, MAX_SIGNING_KEYS)
        kem = fields.items("kem_keys", _kem_entry, MAX_KEM_KEYS)
        audit = parse_audit_entries(fields)
        fields.done()
        parsed = cls.of(organisation, signing, kem, audit)
        if (parsed.signing, parsed.kem) != (signing, kem):
            raise MalformedError(Code.NOT_CANONICAL, "organisation: keys are listed oldest first")
        return parsed

    def to_mapping(self) -> dict[str, Any]:
        """Return the JSON object of this file."""
        held = self.organisation
        return {
            "format": FORMAT,
            "org_id": held.org_id,
            "country": held.country,
            "role": held.role.value,
            "status": held.status.value,
            "label": held.label,
            "services": list(held.services),
            "languages": list(held.languages),
            **({"echoes": True} if held.echoes else {}),
            "signing_keys": [signing_mapping(entry) for entry in self.signing],
            "kem_keys": [kem_mapping(entry) for entry in self.kem],
            **audit_mapping(self.audit),
        }

    def encode(self) -> bytes:
        """Return the bytes of the target file."""
        return dumps(self.to_mapping())


def _parse_echoes(fields: Fields) -> bool:
    """Return whether an organisation echoes: the field is left out by those that do not. Raises MalformedError."""
    if "echoes" not in fields:
        return False
    if fields.take("echoes") is not True:
        raise MalformedError(Code.NOT_CANONICAL, "echoes: left out unless true")
    return True


def signing_mapping(entry: SigningEntry) -> dict[str, Any]:
    """Return the JSON object of one signing key."""
    return {
        "kid": entry.key.kid.hex(),
        "ed25519": b64(entry.key.ed25519),
        "mldsa65": None if entry.key.mldsa65 is None else b64(entry.key.mldsa65),
        "not_before_ms": entry.key.not_before_ms,
        "not_after_ms": entry.key.not_after_ms,
        "compromised_since_ms": entry.key.compromised_since_ms,
        "possession": signatures_mapping(entry.possession),
        "endorsement": None if entry.endorsement is None else _endorsement_mapping(entry.endorsement),
    }


def kem_mapping(entry: KemEntry) -> dict[str, Any]:
    """Return the JSON object of one KEM epoch."""
    return {
        "kid": entry.key.kid.hex(),
        "public": b64(entry.key.public),
        "not_before_ms": entry.key.not_before_ms,
        "not_after_ms": entry.key.not_after_ms,
        "revoked": entry.key.revoked,
        "endorsement": _endorsement_mapping(entry.endorsement),
    }


def audit_mapping(entries: tuple[AuditKeyEntry, ...]) -> dict[str, Any]:
    """Return the field of the audit keys; none at all when there are no keys, as in all files but the auditors'."""
    listed = [{"vkey": entry.vkey, "endorsement": _endorsement_mapping(entry.endorsement)} for entry in entries]
    return {"audit_keys": listed} if listed else {}


def parse_audit_entries(fields: Fields) -> tuple[AuditKeyEntry, ...]:
    """Return the audit keys of an object, () when it has no such field. Raises MalformedError."""
    if "audit_keys" not in fields:
        return ()
    found = fields.items("audit_keys", _audit_entry, MAX_AUDIT_KEYS)
    names = [entry.vkey for entry in found]
    if not found or names != sorted(set(names)):
        raise MalformedError(Code.NOT_CANONICAL, "audit keys: left out when there are none, else sorted and distinct")
    return found


def parse_signing_entry(value: object) -> SigningEntry:
    """Return one signing key with its proofs from its JSON object. Raises MalformedError."""
    return _signing_entry(value)


def parse_kem_entry(value: object) -> KemEntry:
    """Return one KEM epoch with its proof from its JSON object. Raises MalformedError."""
    return _kem_entry(value)


def _signing_entry(value: object) -> SigningEntry:
    fields = Fields(value, "signing key")
    key = SigningKey(
        kid=KeyId(fields.hexed("kid", 16)),
        ed25519=fields.raw("ed25519", ED25519_BYTES),
        mldsa65=fields.optional_raw("mldsa65", MLDSA65_BYTES),
        not_before_ms=fields.time_ms("not_before_ms"),
        not_after_ms=fields.time_ms("not_after_ms"),
        compromised_since_ms=fields.optional_time_ms("compromised_since_ms"),
    )
    possession = parse_signatures(fields.take("possession"))
    endorsement = fields.take("endorsement")
    fields.done()
    return SigningEntry(key, possession, None if endorsement is None else _endorsement(endorsement))


def _kem_entry(value: object) -> KemEntry:
    fields = Fields(value, "KEM key")
    key = KemKey(
        kid=KeyId(fields.hexed("kid", 16)),
        public=fields.raw("public", KEM_BYTES),
        not_before_ms=fields.time_ms("not_before_ms"),
        not_after_ms=fields.time_ms("not_after_ms"),
        revoked=fields.flag("revoked"),
    )
    endorsement = _endorsement(fields.take("endorsement"))
    fields.done()
    return KemEntry(key, endorsement)


def _audit_entry(value: object) -> AuditKeyEntry:
    fields = Fields(value, "audit key")
    vkey = fields.text("vkey", MAX_VKEY_CHARS)
    endorsement = _endorsement(fields.take("endorsement"))
    fields.done()
    return AuditKeyEntry(vkey, endorsement)


def _endorsement(value: object) -> Endorsement:
    fields = Fields(value, "endorsement")
    signer = KeyId(fields.hexed("signer", 16))
    signatures = parse_signatures(fields.take("signatures"))
    fields.done()
    return Endorsement(signer, signatures)


def parse_signatures(value: object) -> Signatures:
    """Return the signatures of a JSON object. Raises MalformedError."""
    fields = Fields(value, "signatures")
    ed25519 = fields.raw("ed25519", ED25519_SIGNATURE_BYTES)
    mldsa65 = fields.optional_raw("mldsa65", MLDSA65_SIGNATURE_BYTES)
    fields.done()
    return Signatures(ed25519, mldsa65)


def signatures_mapping(signatures: Signatures) -> Mapping[str, Any]:
    """Return the JSON object of signatures."""
    return {
        "ed25519": b64(signatures.ed25519),
        "mldsa65": None if signatures.mldsa65 is None else b64(signatures.mldsa65),
    }


def _endorsement_mapping(endorsement: Endorsement) -> Mapping[str, Any]:
    return {"signer": endorsement.signer.hex(), "signatures": signatures_mapping(endorsement.signatures)}
