"""How an organisation comes in with keys that it made itself: request, challenge, answer; later, key updates.

    organisation                          ceremony
    request: keys, each proving itself -> checks every key, shows the fingerprint (compared by phone)
                                       <- challenge: a stanza that only the holder of the KEM key opens
    answer                             -> checks it; then anchors sign `enrolment/<org>.json`

All four are small canonical JSON files, so they travel by any road.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from refbus.core.directory import Organisation, OrgRole, OrgStatus
from refbus.core.ids import CountryCode, KeyId, OrgId, parse_org_id
from refbus.crypto.framing import sha256
from refbus.crypto.kem import KemPrivate, KemPublic
from refbus.crypto.signing import SigningPair
from refbus.crypto.stanza import STANZA_SIZE, Box, open_stanza, seal_stanza
from refbus.errors import Code, MalformedError, UntrustedError
from refbus.said import said
from refbus.tlog.custody import LogSecret
from refbus.tlog.keys import VerifierKey
from refbus.trust.canonical import Fields, b64, dumps, loads
from refbus.trust.member.audit_keys import keys_of, shards_listed
from refbus.trust.member.endorsement import check_member, endorse_audit_key, endorse_kem, endorse_signing
from refbus.trust.member.enrolment_file import Enrolment, fingerprint
from refbus.trust.member.rotation import EPOCH_MS, epoch_from, first_windows, next_kem_window, next_signing_window
from refbus.trust.member.target_file import (
    AuditKeyEntry,
    KemEntry,
    MemberFile,
    SigningEntry,
    audit_mapping,
    kem_mapping,
    parse_audit_entries,
    parse_kem_entry,
    parse_signing_entry,
    signing_mapping,
)

REQUEST = "refbus/enrolment-request/1"
CHALLENGE = "refbus/enrolment-challenge/1"
ANSWER = "refbus/enrolment-answer/1"
PENDING = "refbus/enrolment-pending/1"
UPDATE = "refbus/key-update/1"
_ANSWER_LABEL = b"refbus/v1/enrolment-answer\0"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True, slots=True)
class Profile:
    """What an organisation says of itself. `label` is a plain role name, never a person's."""

    org_id: OrgId
    country: CountryCode
    role: OrgRole
    label: str
    services: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    echoes: bool = False


def new_org_id(country: CountryCode) -> OrgId:
    """Return a fresh opaque id: 40 random bits in Crockford base 32 behind the country's code."""
    return OrgId(f"{country}-" + "".join(secrets.choice(_ALPHABET) for _ in range(8)))


def first_file(
    profile: Profile,
    pair: SigningPair,
    kem: KemPrivate,
    now_ms: int,
    epoch_ms: int = EPOCH_MS,
    *,
    audit: Iterable[VerifierKey] = (),
) -> MemberFile:
    """Return the file of a new member.

    Its first signing key, which proves itself, its first KEM epoch, signed by it, and an auditor's keys of log and
    witness, signed by it too.
    """
    signing_window, kem_window = first_windows(now_ms, epoch_ms)
    organisation = Organisation(
        org_id=profile.org_id,
        country=profile.country,
        role=profile.role,
        status=OrgStatus.ACTIVE,
        label=profile.label,
        services=tuple(sorted(set(profile.services))),
        languages=tuple(sorted(set(profile.languages))),
        signing_keys=(),
        kem_keys=(),
        echoes=profile.echoes,
    )
    signing = endorse_signing(profile.org_id, pair, signing_window, None)
    epoch = endorse_kem(profile.org_id, kem, kem_window, pair)
    entries = tuple(endorse_audit_key(profile.org_id, key, pair) for key in audit)
    return MemberFile.of(organisation, (signing,), (epoch,), entries)


def make_request(
    profile: Profile,
    pair: SigningPair,
    kem: KemPrivate,
    now_ms: int,
    epoch_ms: int = EPOCH_MS,
    *,
    audit: Iterable[VerifierKey] = (),
) -> bytes:
    """Return the request file of an organisation. It holds public keys only; `audit` is for auditors."""
    member = first_file(profile, pair, kem, now_ms, epoch_ms, audit=audit)
    return dumps({"format": REQUEST, "member": member.to_mapping()})


def parse_request(content: bytes) -> MemberFile:
    """Return what a request asks for, every key checked. Raises MalformedError or UntrustedError."""
    fields = Fields(loads(content), "request")
    fields.fixed("format", REQUEST)
    member = MemberFile.from_mapping(fields.take("member"))
    fields.done()
    if len(member.signing) != 1 or len(member.kem) != 1 or member.organisation.status is not OrgStatus.ACTIVE:
        raise MalformedError(Code.MALFORMED, said("request: one signing key, one KEM key, status ACTIVE"))
    check_member(member, enrolment_of(member))
    return member


def enrolment_of(member: MemberFile, generation: int = 1) -> Enrolment:
    """Return the enrolment that makes the newest signing key of `member` a first key."""
    held = member.organisation
    return Enrolment(held.org_id, held.country, held.role, generation, (fingerprint(member.signing[-1].key),), {})


def make_challenge(request: bytes) -> tuple[bytes, bytes]:
    """Return (challenge to send, pending file to keep) for a request. Raises as `parse_request`."""
    member = parse_request(request)
    secret = secrets.token_bytes(32)
    digest = sha256(request)
    public = KemPublic.parse(member.organisation.kem_keys[0].public)
    stanza = seal_stanza(Box.ENROLMENT, public, digest, secret)
    named = {"org_id": member.organisation.org_id, "request_sha256": digest.hex()}
    expected = sha256(_answer(secret, digest)).hex()
    return (
        dumps({"format": CHALLENGE, **named, "stanza": b64(stanza)}),
        dumps({"format": PENDING, **named, "expected_sha256": expected}),
    )


def answer_challenge(challenge: bytes, request: bytes, kem: KemPrivate) -> bytes:
    """Return the answer, which only the holder of the requested KEM key can give.

    Raises MalformedError, or UntrustedError OPEN_FAILED when the challenge is for another request or key.
    """
    fields = Fields(loads(challenge), "challenge")
    fields.fixed("format", CHALLENGE)
    org_id, digest = _named(fields)
    secret = open_stanza(Box.ENROLMENT, kem, digest, fields.raw("stanza", STANZA_SIZE))
    fields.done()
    if secret is None or digest != sha256(request):
        raise UntrustedError(Code.OPEN_FAILED, said("the challenge does not open"))
    named = {"org_id": org_id, "request_sha256": digest.hex()}
    return dumps({"format": ANSWER, **named, "answer": b64(_answer(secret, digest))})


def check_answer(pending: bytes, answer: bytes, request: bytes) -> MemberFile:
    """Return the member whose possession of its KEM key the answer shows.

    Raises MalformedError, or UntrustedError KEY_NOT_ENDORSED when it shows nothing.
    """
    kept = Fields(loads(pending), "pending")
    kept.fixed("format", PENDING)
    given = Fields(loads(answer), "answer")
    given.fixed("format", ANSWER)
    same = _named(kept) == _named(given)
    shown = sha256(given.raw("answer", 32)) == kept.hexed("expected_sha256", 32)
    for part in (kept, given):
        part.done()
    member = parse_request(request)
    if not (same and shown) or loads(pending)["request_sha256"] != sha256(request).hex():
        raise UntrustedError(Code.KEY_NOT_ENDORSED, said("the challenge does not open"))
    return member


def _named(fields: Fields) -> tuple[OrgId, bytes]:
    return parse_org_id(fields.text("org_id")), fields.hexed("request_sha256", 32)


def _answer(secret: bytes, digest: bytes) -> bytes:
    return sha256(_ANSWER_LABEL + secret + digest)


def next_kem(held: Organisation, kem: KemPrivate, signer: SigningPair, now_ms: int) -> KemEntry:
    """Return the entry of the epoch after the organisation's last, signed by its current key `signer`.

    Revoked epochs do not count: after a theft the next one begins now, not when the stolen one would have ended.
    """
    good = [key for key in held.kem_keys if not key.revoked]
    last = max(good, key=lambda key: key.not_after_ms, default=None)
    if last is not None:
        window = next_kem_window(last, now_ms)
    else:
        window = epoch_from(now_ms) if held.kem_keys else first_windows(now_ms)[1]
    return endorse_kem(held.org_id, kem, window, signer)


def next_signing(held: Organisation, pair: SigningPair, predecessor: SigningPair, now_ms: int) -> SigningEntry:
    """Return the entry of a new signing key, vouched for by `predecessor`. Raises UntrustedError KEY_UNKNOWN."""
    present = held.signing_key(predecessor.kid)
    if present is None:
        raise UntrustedError(Code.KEY_UNKNOWN, said("its predecessor is not known"))
    return endorse_signing(held.org_id, pair, next_signing_window(present, now_ms), predecessor)


def make_update(
    org_id: OrgId,
    signing: tuple[SigningEntry, ...],
    kem: tuple[KemEntry, ...],
    audit: tuple[AuditKeyEntry, ...] = (),
) -> bytes:
    """Return the file with which an organisation hands its new public keys to the country's ceremony."""
    return dumps(
        {
            "format": UPDATE,
            "org_id": org_id,
            "signing_keys": [signing_mapping(entry) for entry in signing],
            "kem_keys": [kem_mapping(entry) for entry in kem],
            **audit_mapping(tuple(sorted(audit, key=lambda entry: entry.vkey))),
        }
    )


def make_audit_update(
    held: Organisation, secret: LogSecret, named: tuple[str, str | None], signer: SigningPair, now_ms: int
) -> bytes:
    """Return the update of an auditor: its witness keys and those of its log, each signed by `signer`.

    `named` is the log's name and the first half-year (None: the present one); the last is three after the present one.
    Raises SetupError USAGE for a half-year that is none or too long ago.
    """
    name, first = named
    keys = keys_of(secret, name, shards_listed(first, now_ms))
    return make_update(held.org_id, (), (), tuple(endorse_audit_key(held.org_id, key, signer) for key in keys))


def apply_update(content: bytes, member: MemberFile, enrolment: Enrolment) -> MemberFile:
    """Return `member` with the keys of an update, everything checked. Raises MalformedError or UntrustedError.

    An entry for a key that is already listed replaces its proofs (a new signing key may sign a running epoch or an old
    shard's key again); a revocation is never taken back.
    """
    fields = Fields(loads(content), "update")
    fields.fixed("format", UPDATE)
    if parse_org_id(fields.text("org_id")) != member.organisation.org_id:
        raise UntrustedError(Code.DIRECTORY_INVALID, said("it is of another organisation"))
    signing = fields.items("signing_keys", parse_signing_entry)
    kem = fields.items("kem_keys", parse_kem_entry)
    audit = parse_audit_entries(fields)
    fields.done()
    ended = {entry.key.kid for entry in member.signing if entry.key.compromised_since_ms is not None}
    ended |= {entry.key.kid for entry in member.kem if entry.key.revoked}
    if ended & _kids(signing, kem):
        raise UntrustedError(Code.KEY_REVOKED, said("an update by a revoked key"))
    updated = MemberFile.of(
        member.organisation,
        (*(entry for entry in member.signing if entry.key.kid not in _kids(signing, ())), *signing),
        (*(entry for entry in member.kem if entry.key.kid not in _kids((), kem)), *kem),
        (*(entry for entry in member.audit if entry.vkey not in {each.vkey for each in audit}), *audit),
    )
    check_member(updated, enrolment)
    return updated


def _kids(signing: tuple[SigningEntry, ...], kem: tuple[KemEntry, ...]) -> set[KeyId]:
    return {entry.key.kid for entry in signing} | {entry.key.kid for entry in kem}
