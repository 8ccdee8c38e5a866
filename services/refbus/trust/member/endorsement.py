"""Who vouched for a key (docs/spec/directory.md §5). A country's delegation alone is enough for none of it.

A first key counts because the anchors signed its fingerprint, a later signing key because its predecessor signed it,
a KEM epoch or an auditor's log key because a signing key of the same organisation did. What a revoked key vouched for
is revoked with it.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from refbus.core.directory import KemKey, Organisation, OrgRole, SigningKey
from refbus.core.ids import KeyId, OrgId, gate_id
from refbus.core.units import DAY_MS
from refbus.crypto.framing import lp, sha256, u64be
from refbus.crypto.kem import KemPrivate, KemPublic
from refbus.crypto.signing import (
    LABEL_AUDIT_KEY,
    LABEL_KEM,
    LABEL_POSSESSION,
    LABEL_SIGNING_KEY,
    Signatures,
    SigningPair,
    check_public_keys,
    kid_of_signing,
    verify,
)
from refbus.errors import Code, UntrustedError
from refbus.recent import Recent
from refbus.said import said
from refbus.tlog.keys import VerifierKey
from refbus.trust.member.audit_keys import AuditKeys, audit_key_id, parse_vkey
from refbus.trust.member.enrolment_file import Enrolment, fingerprint
from refbus.trust.member.target_file import AuditKeyEntry, Endorsement, KemEntry, MemberFile, SigningEntry

MAX_SIGNING_LIFE_MS = 1_100 * DAY_MS
MAX_KEM_LIFE_MS = 200 * DAY_MS


def signing_key_message(org_id: OrgId, key: SigningKey) -> bytes:
    """Return what is signed for a signing key.

    LP(org) || LP(Ed25519) || LP(ML-DSA-65 or empty) || u64be from || u64be until.
    """
    keys = lp(key.ed25519) + lp(key.mldsa65 or b"")
    return lp(org_id.encode()) + keys + u64be(key.not_before_ms) + u64be(key.not_after_ms)


def kem_message(org_id: OrgId, key: KemKey) -> bytes:
    """Return what is signed for a KEM epoch: LP(org) || LP(public) || u64be not_before || u64be not_after (ms UTC)."""
    return lp(org_id.encode()) + lp(key.public) + u64be(key.not_before_ms) + u64be(key.not_after_ms)


def audit_key_message(org_id: OrgId, vkey: str) -> bytes:
    """Return what is signed for a key of an auditor's log or witness: LP(org) || LP(vkey)."""
    return lp(org_id.encode()) + lp(vkey.encode())


def endorse_signing(
    org_id: OrgId, pair: SigningPair, window: tuple[int, int], predecessor: SigningPair | None
) -> SigningEntry:
    """Return the entry of a new signing key valid in `window` (ms UTC, half-open), signed by `predecessor` if any."""
    key = SigningKey(pair.kid, pair.public_ed25519, pair.public_mldsa65, *window)
    message = signing_key_message(org_id, key)
    by = None if predecessor is None else Endorsement(predecessor.kid, predecessor.sign(LABEL_SIGNING_KEY, message))
    return SigningEntry(key, pair.sign(LABEL_POSSESSION, message), by)


def endorse_kem(org_id: OrgId, private: KemPrivate, window: tuple[int, int], signer: SigningPair) -> KemEntry:
    """Return the entry of a KEM epoch valid in `window` (ms UTC, half-open), signed by `signer`."""
    key = KemKey(private.kid, private.public, *window)
    return KemEntry(key, Endorsement(signer.kid, signer.sign(LABEL_KEM, kem_message(org_id, key))))


def endorse_audit_key(org_id: OrgId, key: VerifierKey, signer: SigningPair) -> AuditKeyEntry:
    """Return the entry of a key of an auditor's log or witness, signed by `signer`."""
    signatures = signer.sign(LABEL_AUDIT_KEY, audit_key_message(org_id, key.vkey))
    return AuditKeyEntry(key.vkey, Endorsement(signer.kid, signatures))


_checked: Final = Recent[tuple[str, str], Organisation](4_096)
"""Members that were checked here last, by the SHA-256 of their two files: the bytes themselves are not held."""


def load_member(content: bytes, enrolment: bytes) -> Organisation:
    """Return the organisation of a target file and its enrolment file, every key checked, revocations applied.

    The same bytes give the same answer, so unchanged organisations cost nothing in the next version. Raises
    MalformedError or UntrustedError (KEY_INVALID, KEY_NOT_ENDORSED, DIRECTORY_INVALID).
    """
    name = sha256(content).hex(), sha256(enrolment).hex()
    found = _checked.get(name)
    if found is None:
        found = check_member(MemberFile.parse(content), Enrolment.parse(enrolment))
        _checked.put(name, found)
    return found


def checked_member(content: str, enrolment: str) -> Organisation | None:
    """Return the organisation whose two files have these SHA-256 (hex) when it was checked here lately."""
    return _checked.get((content, enrolment))


def check_member(file: MemberFile, enrolment: Enrolment) -> Organisation:
    """Return the organisation with revocations applied. Raises UntrustedError (see `load_member`)."""
    held = file.organisation
    if (held.org_id, held.country, held.role) != (enrolment.org_id, enrolment.country, enrolment.role):
        raise UntrustedError(Code.DIRECTORY_INVALID, said("id, country or role is not what the anchors enrolled"))
    if not held.org_id.startswith(f"{held.country}-"):
        raise UntrustedError(Code.DIRECTORY_INVALID, said("id, country and role do not fit together"))
    if (held.role is OrgRole.GATE) != (held.org_id == gate_id(held.country)):
        raise UntrustedError(Code.DIRECTORY_INVALID, said("id, country and role do not fit together"))
    signing = _check_signing(file, enrolment)
    kem = tuple(_check_kem(held.org_id, entry, signing, enrolment) for entry in file.kem)
    if len({key.kid for key in kem}) != len(kem):
        raise UntrustedError(Code.KEY_INVALID, said("a key is listed twice"))
    audit = _check_audit(file, signing, enrolment)
    return dataclasses.replace(held, signing_keys=tuple(signing.values()), kem_keys=kem, audit_keys=audit)


def _check_signing(file: MemberFile, enrolment: Enrolment) -> dict[KeyId, SigningKey]:
    accepted: dict[KeyId, SigningKey] = {}
    for entry in file.signing:
        if entry.key.kid in accepted:
            raise UntrustedError(Code.KEY_INVALID, said("a key is listed twice"))
        _check_signing_shape(entry.key)
        message = signing_key_message(file.organisation.org_id, entry.key)
        _verify(entry.key, LABEL_POSSESSION, message, entry.possession)
        since = [entry.key.compromised_since_ms, enrolment.revoked.get(entry.key.kid)]
        if fingerprint(entry.key) not in enrolment.first_keys:
            since.append(_predecessor(entry, message, accepted).compromised_since_ms)
        earliest = min((time for time in since if time is not None), default=None)
        accepted[entry.key.kid] = dataclasses.replace(entry.key, compromised_since_ms=earliest)
    if not accepted:
        raise UntrustedError(Code.KEY_NOT_ENDORSED, said("no signing key"))
    return accepted


def _check_signing_shape(key: SigningKey) -> None:
    check_public_keys(key.ed25519, key.mldsa65)
    if key.kid != kid_of_signing(key.ed25519, key.mldsa65):
        raise UntrustedError(Code.KEY_INVALID, said("the id of a key is not its hash"))
    if not key.not_before_ms < key.not_after_ms <= key.not_before_ms + MAX_SIGNING_LIFE_MS:
        raise UntrustedError(Code.KEY_INVALID, said("the term of a key is not possible"))


def _predecessor(entry: SigningEntry, message: bytes, accepted: dict[KeyId, SigningKey]) -> SigningKey:
    """Return the older key that vouched for this one."""
    signer = None if entry.endorsement is None else accepted.get(entry.endorsement.signer)
    if entry.endorsement is None or signer is None:
        raise UntrustedError(Code.KEY_NOT_ENDORSED, said("its predecessor is not known"))
    _require_in_office(signer, entry.key.not_before_ms)
    _verify(signer, LABEL_SIGNING_KEY, message, entry.endorsement.signatures)
    return signer


def _check_kem(org_id: OrgId, entry: KemEntry, signing: dict[KeyId, SigningKey], enrolment: Enrolment) -> KemKey:
    key = entry.key
    if KemPublic.parse(key.public).kid != key.kid:
        raise UntrustedError(Code.KEY_INVALID, said("the id of a key is not its hash"))
    if not key.not_before_ms < key.not_after_ms <= key.not_before_ms + MAX_KEM_LIFE_MS:
        raise UntrustedError(Code.KEY_INVALID, said("the term of a key is not possible"))
    signer = signing.get(entry.endorsement.signer)
    if signer is None:
        raise UntrustedError(Code.KEY_NOT_ENDORSED, said("the signer of a key is not known"))
    _require_in_office(signer, key.not_before_ms)
    _verify(signer, LABEL_KEM, kem_message(org_id, key), entry.endorsement.signatures)
    revoked = key.revoked or signer.compromised_since_ms is not None or key.kid in enrolment.revoked
    return dataclasses.replace(key, revoked=revoked)


def _check_audit(file: MemberFile, signing: dict[KeyId, SigningKey], enrolment: Enrolment) -> tuple[str, ...]:
    """Return the audit keys that count. The form of all is checked, also of those that count no more."""
    if not file.audit:
        return ()
    if file.organisation.role is not OrgRole.AUDITOR:
        raise UntrustedError(Code.KEY_INVALID, said("audit keys are for auditors only"))
    keys = [parse_vkey(entry.vkey) for entry in file.audit]
    publics = {key.public for key in keys} | {key.ed25519 for key in signing.values()}
    if len(publics) != len(keys) + len({key.ed25519 for key in signing.values()}):
        raise UntrustedError(Code.KEY_INVALID, said("a key is listed twice"))
    vouched = [_vouched(file.organisation.org_id, entry, signing) for entry in file.audit]
    counted = tuple(
        key.vkey
        for key, good in zip(keys, vouched, strict=True)
        if good and audit_key_id(key.public) not in enrolment.revoked
    )
    if counted:
        AuditKeys.of(counted)
    return counted


def _vouched(org_id: OrgId, entry: AuditKeyEntry, signing: dict[KeyId, SigningKey]) -> bool:
    """Return whether the signer of an audit key still counts. Raises UntrustedError KEY_NOT_ENDORSED."""
    signer = signing.get(entry.endorsement.signer)
    if signer is None:
        raise UntrustedError(Code.KEY_NOT_ENDORSED, said("the signer of a key is not known"))
    _verify(signer, LABEL_AUDIT_KEY, audit_key_message(org_id, entry.vkey), entry.endorsement.signatures)
    return signer.compromised_since_ms is None


def _require_in_office(signer: SigningKey, at_ms: int) -> None:
    """Let a key vouch only for keys that begin while it is valid itself: an old one found later begins nothing."""
    if not signer.not_before_ms <= at_ms < signer.not_after_ms:
        raise UntrustedError(Code.KEY_NOT_ENDORSED, said("the signer was not in office when the key begins"))


def _verify(key: SigningKey, label: bytes, message: bytes, signatures: Signatures) -> None:
    try:
        verify(key, label, message, signatures)
    except UntrustedError:
        raise UntrustedError(Code.KEY_NOT_ENDORSED, said("the signature is not true")) from None
