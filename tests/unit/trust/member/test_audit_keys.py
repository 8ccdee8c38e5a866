"""The keys of an auditor's log and witness: their form, who vouched for them, and that none stands twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pytest

from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, OrgId
from refbus.core.units import DAY_MS
from refbus.crypto.signing import LABEL_AUDIT_KEY, LABEL_KEM, SigningPair
from refbus.errors import Code, MalformedError, RefbusError, SetupError
from refbus.tlog.custody import LogSecret
from refbus.tlog.keys import SignerKey, SigType, VerifierKey
from refbus.trust.canonical import MAX_BYTES, dumps
from refbus.trust.member.audit_keys import (
    MAX_AUDIT_KEYS,
    MAX_SHARDS,
    AuditKeys,
    audit_key_id,
    claims,
    keys_of,
    shards_listed,
)
from refbus.trust.member.endorsement import audit_key_message, check_member, endorse_audit_key, endorse_signing
from refbus.trust.member.enrolment import Profile, apply_update, enrolment_of, first_file, make_audit_update
from refbus.trust.member.enrolment_file import Enrolment
from refbus.trust.member.target_file import AuditKeyEntry, Endorsement, MemberFile
from support.directories import NOW_MS, kem_private, signing_pair

ORG = OrgId("kz-checker1")
PROFILE = Profile(ORG, CountryCode("kz"), OrgRole.AUDITOR, "Fictional auditor")
PAIR, NEXT, HOSTILE = (signing_pair(name) for name in ("auditor", "auditor, second key", "hostile delegation holder"))
KEM = kem_private("auditor")
SECRET = LogSecret(bytes(range(32)))
NAME = "kz.audit.refbus.example"
KEYS = keys_of(SECRET, NAME, ["2026b", "2027a"])
FILE = first_file(PROFILE, PAIR, KEM, NOW_MS, audit=KEYS)
ENROLMENT = enrolment_of(FILE)
START = FILE.signing[0].key.not_before_ms
SEED = b"\7" * 32


def _key(name: str, kind: SigType = SigType.ED25519, seed: bytes = SEED) -> VerifierKey:
    return SignerKey(name, kind, seed).verifier


def _with(keys: Iterable[VerifierKey], signer: SigningPair = PAIR, file: MemberFile = FILE) -> MemberFile:
    entries = tuple(endorse_audit_key(file.organisation.org_id, key, signer) for key in keys)
    return MemberFile.of(file.organisation, file.signing, file.kem, entries)


def _refused(file: MemberFile, code: Code, enrolment: Enrolment = ENROLMENT) -> None:
    with pytest.raises(RefbusError) as caught:
        check_member(file, enrolment)
    assert caught.value.code is code


def test_what_an_auditor_lists_counts() -> None:
    """The keys of two shards and both witness keys, as text, in one order."""
    found = check_member(FILE, ENROLMENT)
    assert found.audit_keys == tuple(sorted(key.vkey for key in KEYS))
    held = AuditKeys.of(found.audit_keys)
    assert (held.name, list(held.logs)) == (NAME, ["2026b", "2027a"])
    assert held.logs["2026b"] == SECRET.log_key(f"{NAME}/2026b").verifier
    assert set(held.witness) == {SigType.ED25519_COSIGNATURE, SigType.MLDSA44_COSIGNATURE}
    assert MemberFile.parse(FILE.encode()) == FILE


def test_a_file_without_audit_keys_keeps_its_bytes() -> None:
    """The field is there only when it holds something."""
    bare = first_file(PROFILE, PAIR, KEM, NOW_MS)
    assert b"audit_keys" not in bare.encode()
    assert check_member(bare, ENROLMENT).audit_keys == ()
    with pytest.raises(MalformedError) as caught:
        MemberFile.parse(dumps({**bare.to_mapping(), "audit_keys": []}))
    assert caught.value.code is Code.NOT_CANONICAL


@pytest.mark.parametrize("change", [lambda found: found[::-1], lambda found: [*found, found[-1]]])
def test_audit_keys_are_listed_in_one_order(change: object) -> None:
    """Sorted by their text and distinct, so that one organisation has one file."""
    listed = FILE.to_mapping()["audit_keys"]
    with pytest.raises(MalformedError) as caught:
        MemberFile.parse(dumps({**FILE.to_mapping(), "audit_keys": change(listed)}))  # type: ignore[operator]
    assert caught.value.code is Code.NOT_CANONICAL


def test_an_audit_key_has_two_fields_and_a_list_has_an_end() -> None:
    """Unknown fields and overlong lists are refused, before any signature is looked at."""
    first = FILE.to_mapping()["audit_keys"][0]
    for listed in ([{**first, "revoked": False}], [{"vkey": first["vkey"]}], [{**first, "vkey": 1}], [first] * 41):
        with pytest.raises(MalformedError):
            MemberFile.parse(dumps({**FILE.to_mapping(), "audit_keys": listed}))


def test_a_full_list_fits_into_a_target_file() -> None:
    """Eighteen years of shards do, beside the other keys of an auditor."""
    many = [_key(f"{NAME}/{2026 + n // 2}{'ab'[n % 2]}", seed=bytes([n]) * 32) for n in range(MAX_AUDIT_KEYS)]
    content = _with(many).encode()
    assert len(MemberFile.parse(content).audit) == MAX_AUDIT_KEYS
    assert len(content) < MAX_BYTES - 8 * 6_500


@pytest.mark.parametrize("role", [OrgRole.NGO, OrgRole.INSPECTOR])
def test_audit_keys_are_for_auditors(role: OrgRole) -> None:
    """Nobody else has a log."""
    file = first_file(dataclasses.replace(PROFILE, role=role), PAIR, KEM, NOW_MS, audit=KEYS)
    _refused(file, Code.KEY_INVALID, enrolment_of(file))


def test_a_key_put_in_by_the_delegation_is_refused() -> None:
    """Signed by a stranger, or by a stranger under the auditor's key id, or moved under another's signature."""
    key = _key(f"{NAME}/2027b")
    foreign = endorse_audit_key(ORG, key, HOSTILE)
    dressed = AuditKeyEntry(key.vkey, Endorsement(PAIR.kid, foreign.endorsement.signatures))
    moved = AuditKeyEntry(key.vkey, FILE.audit[0].endorsement)
    for entry in (foreign, dressed, moved):
        _refused(MemberFile.of(FILE.organisation, FILE.signing, FILE.kem, (entry,)), Code.KEY_NOT_ENDORSED)


def test_the_signature_names_organisation_and_purpose() -> None:
    """One made for another organisation, or under another label, is none."""
    key = KEYS[0]
    elsewhere = endorse_audit_key(OrgId("kz-agency01"), key, PAIR)
    other = AuditKeyEntry(key.vkey, Endorsement(PAIR.kid, PAIR.sign(LABEL_KEM, audit_key_message(ORG, key.vkey))))
    good = AuditKeyEntry(key.vkey, Endorsement(PAIR.kid, PAIR.sign(LABEL_AUDIT_KEY, audit_key_message(ORG, key.vkey))))
    for entry in (elsewhere, other):
        _refused(MemberFile.of(FILE.organisation, FILE.signing, FILE.kem, (entry,)), Code.KEY_NOT_ENDORSED)
    file = MemberFile.of(FILE.organisation, FILE.signing, FILE.kem, (good,))
    assert check_member(file, ENROLMENT).audit_keys == (key.vkey,)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "no key",
        KEYS[0].vkey + "\n",
        KEYS[0].vkey.replace("+", "+0", 1),
        KEYS[0].vkey.replace(NAME, "uz.audit.refbus.example"),
        VerifierKey(f"{NAME}/2026b", SigType.ED25519, b"\1" + bytes(31)).vkey,
        VerifierKey(f"{NAME}/2026b", SigType.ED25519, bytes(31)).vkey,
        _key(f"{NAME}/2026b").vkey.rstrip("=") + "===",
        f"{NAME}/2026b+00000000+Ag==",
    ],
)
def test_a_vkey_has_one_good_spelling(vkey: str) -> None:
    """Nonsense, another id, weak and short keys, unknown types and second spellings of base64 are refused."""
    signatures = PAIR.sign(LABEL_AUDIT_KEY, audit_key_message(ORG, vkey))
    entry = AuditKeyEntry(vkey, Endorsement(PAIR.kid, signatures))
    _refused(MemberFile.of(FILE.organisation, FILE.signing, FILE.kem, (entry,)), Code.KEY_INVALID)


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("2026c", SigType.ED25519),
        ("26b", SigType.ED25519),
        ("witness", SigType.ED25519),
        ("2026b", SigType.ED25519_COSIGNATURE),
        ("2026b", SigType.MLDSA44_COSIGNATURE),
        ("other", SigType.MLDSA44_COSIGNATURE),
    ],
)
def test_name_and_type_go_together(part: str, kind: SigType) -> None:
    """A log key is a shard's, a witness key the witness's, and neither is used as the other."""
    _refused(_with([_key(f"{NAME}/{part}", kind)]), Code.KEY_INVALID)


@pytest.mark.parametrize("name", ["", "KZ.example", "a b", "kz/example", "-x", ".", "ü.example", "a" * 81])
def test_a_log_name_is_like_a_hosts(name: str) -> None:
    """Lower case, no folders, no spaces: it becomes part of addresses and files."""
    key = VerifierKey(f"{name}/2026b", SigType.ED25519, KEYS[0].public)
    signatures = PAIR.sign(LABEL_AUDIT_KEY, audit_key_message(ORG, key.vkey))
    entry = AuditKeyEntry(key.vkey, Endorsement(PAIR.kid, signatures))
    _refused(MemberFile.of(FILE.organisation, FILE.signing, FILE.kem, (entry,)), Code.KEY_INVALID)


def test_an_auditor_has_one_log_name() -> None:
    """Log and witness under two names are refused."""
    _refused(_with([*KEYS, _key("other.example/2026b")]), Code.KEY_INVALID)
    _refused(_with([KEYS[0], *keys_of(SECRET, "other.example", [])]), Code.KEY_INVALID)


def test_one_place_has_one_key() -> None:
    """Two keys for one shard would be two logs; two witness keys of a type two witnesses."""
    _refused(_with([*KEYS, _key(f"{NAME}/2026b")]), Code.KEY_INVALID)
    _refused(_with([*KEYS, _key(f"{NAME}/witness", SigType.ED25519_COSIGNATURE)]), Code.KEY_INVALID)


def test_no_public_key_stands_twice() -> None:
    """Not for two shards, not as log and witness, not as the key that signs for the organisation."""
    _refused(_with([_key(f"{NAME}/2026b"), _key(f"{NAME}/2027a")]), Code.KEY_INVALID)
    _refused(_with([_key(f"{NAME}/2026b"), _key(f"{NAME}/witness", SigType.ED25519_COSIGNATURE)]), Code.KEY_INVALID)
    _refused(_with([VerifierKey(f"{NAME}/2026b", SigType.ED25519, PAIR.public_ed25519)]), Code.KEY_INVALID)


def test_what_a_revoked_key_vouched_for_is_revoked_with_it() -> None:
    """The organisation stays, its audit keys count no more, until its present key vouches for them again."""
    revoked = dataclasses.replace(ENROLMENT, revoked={PAIR.kid: NOW_MS})
    assert check_member(FILE, revoked).audit_keys == ()
    second = endorse_signing(ORG, NEXT, (START + 1, START + DAY_MS), None)
    anchored = dataclasses.replace(revoked, first_keys=(*revoked.first_keys, *_first(NEXT)))
    file = MemberFile.of(FILE.organisation, (*FILE.signing, second), FILE.kem, FILE.audit)
    held = check_member(file, anchored)
    assert held.audit_keys == ()
    update = make_audit_update(held, SECRET, (NAME, "2026b"), NEXT, NOW_MS)
    again = check_member(apply_update(update, file, anchored), anchored)
    assert list(AuditKeys.of(again.audit_keys).logs) == ["2026b", "2027a", "2027b", "2028a"]


def _first(pair: SigningPair) -> tuple[bytes, ...]:
    return enrolment_of(first_file(PROFILE, pair, KEM, NOW_MS)).first_keys


def test_the_anchors_revoke_one_audit_key() -> None:
    """By the id of its public key; then another key may take its place, and the old one still is nobody else's."""
    old = KEYS[0]
    revoked = dataclasses.replace(ENROLMENT, revoked={audit_key_id(old.public): NOW_MS})
    assert old.vkey not in check_member(FILE, revoked).audit_keys
    assert len(check_member(FILE, revoked).audit_keys) == len(KEYS) - 1
    replaced = check_member(_with([*KEYS, _key(old.name)]), revoked)
    assert AuditKeys.of(replaced.audit_keys).logs["2026b"].public != old.public


def test_after_all_its_keys_were_revoked_an_auditor_begins_a_new_log() -> None:
    """Under another name, from another secret: the old keys stay listed and count no more."""
    revoked = {audit_key_id(key.public): NOW_MS for key in KEYS}
    enrolment = dataclasses.replace(ENROLMENT, revoked=revoked)
    held = check_member(FILE, enrolment)
    assert held.audit_keys == ()
    update = make_audit_update(held, LogSecret(SEED), ("new.example", None), PAIR, NOW_MS)
    found = check_member(apply_update(update, FILE, enrolment), enrolment)
    assert AuditKeys.of(found.audit_keys).name == "new.example"
    assert len(found.audit_keys) == 6


def test_an_update_renews_and_never_takes_away() -> None:
    """Old shards stay listed, coming ones are added, one list in one order."""
    held = check_member(FILE, ENROLMENT)
    later = NOW_MS + 300 * DAY_MS
    updated = apply_update(make_audit_update(held, SECRET, (NAME, None), PAIR, later), FILE, ENROLMENT)
    found = AuditKeys.of(check_member(updated, ENROLMENT).audit_keys)
    assert list(found.logs) == ["2026b", "2027a", "2027b", "2028a", "2028b", "2029a"]
    assert found.shards_ahead(NOW_MS) == 5
    assert found.shards_ahead(later) == 3
    assert MemberFile.parse(updated.encode()) == updated


def test_an_update_with_anothers_keys_is_refused() -> None:
    """Keys of another secret for shards that have keys already, or signed by a stranger."""
    held = check_member(FILE, ENROLMENT)
    for secret, signer, code in (
        (LogSecret(bytes(32)), PAIR, Code.KEY_INVALID),
        (SECRET, HOSTILE, Code.KEY_NOT_ENDORSED),
    ):
        with pytest.raises(RefbusError) as caught:
            apply_update(make_audit_update(held, secret, (NAME, None), signer, NOW_MS), FILE, ENROLMENT)
        assert caught.value.code is code


def test_claims_tell_what_nobody_else_may_list() -> None:
    """Each public key under any name and type, the signing key as a log's key, and the log's name."""
    mine = _claims(FILE)
    assert mine & _claims(_with([VerifierKey("uz.example/2030a", SigType.ED25519, KEYS[0].public)]))
    assert mine & _claims(_with([_key(f"{NAME}/2030a")]))
    other = first_file(PROFILE, HOSTILE, KEM, NOW_MS, audit=keys_of(LogSecret(SEED), "uz.example", ["2026b"]))
    assert not mine & _claims(other)
    assert mine & _claims(
        first_file(
            PROFILE, HOSTILE, KEM, NOW_MS, audit=[VerifierKey("uz.x/2026b", SigType.ED25519, PAIR.public_ed25519)]
        )
    )


def _claims(file: MemberFile) -> set[bytes]:
    return set(claims(file.organisation))


@pytest.mark.parametrize("first", ["2027a", "2026", "now", "0001a"])
def test_a_first_half_year_has_begun_and_is_not_long_past(first: str) -> None:
    """One to come, none at all, and one from which the list would overflow."""
    with pytest.raises(SetupError) as caught:
        shards_listed(first, NOW_MS)
    assert caught.value.code is Code.USAGE


def test_shards_are_listed_from_the_first_to_the_third_ahead() -> None:
    """At most as many as a list holds beside the witness keys."""
    assert shards_listed(None, NOW_MS) == ["2026b", "2027a", "2027b", "2028a"]
    assert shards_listed("2025b", NOW_MS)[:2] == ["2025b", "2026a"]
    assert len(shards_listed("2009b", NOW_MS)) == MAX_SHARDS
    with pytest.raises(SetupError):
        shards_listed("2009a", NOW_MS)
