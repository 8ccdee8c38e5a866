"""Who vouched for a key: what the holder of a country's delegation, who can publish any file, still cannot do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from refbus.core.directory import KemKey, OrgRole, OrgStatus
from refbus.core.ids import CountryCode, KeyId, OrgId
from refbus.core.units import DAY_MS
from refbus.crypto.kem import kid_of_kem
from refbus.crypto.signing import LABEL_KEM, LABEL_SIGNING_KEY, Signatures, kid_of_signing
from refbus.errors import Code, MalformedError, RefbusError, UntrustedError
from refbus.trust.member.endorsement import (
    MAX_KEM_LIFE_MS,
    MAX_SIGNING_LIFE_MS,
    check_member,
    endorse_kem,
    endorse_signing,
    kem_message,
    load_member,
    signing_key_message,
)
from refbus.trust.member.enrolment import Profile, enrolment_of, first_file
from refbus.trust.member.enrolment_file import Enrolment
from refbus.trust.member.target_file import Endorsement, KemEntry, MemberFile, SigningEntry
from support.directories import NOW_MS, kem_private, signing_pair

ORG = OrgId("uz-she1ter1")
PROFILE = Profile(ORG, CountryCode("uz"), OrgRole.NGO, "Fictional shelter", ("Health",), ("uz",))
PAIR = signing_pair("member")
KEM = kem_private("member")
FILE = first_file(PROFILE, PAIR, KEM, NOW_MS)
ENROLMENT = enrolment_of(FILE)
START = FILE.signing[0].key.not_before_ms
HOSTILE = signing_pair("hostile delegation holder")
HOSTILE_KEM = kem_private("hostile delegation holder")
NEXT = signing_pair("member, second key")


def _with(file: MemberFile, *, signing: tuple[SigningEntry, ...] = (), kem: tuple[KemEntry, ...] = ()) -> MemberFile:
    return MemberFile.of(file.organisation, signing or file.signing, kem or file.kem)


def _refused(file: MemberFile, code: Code, enrolment: Enrolment = ENROLMENT) -> None:
    with pytest.raises(RefbusError) as caught:
        check_member(file, enrolment)
    assert caught.value.code is code


def test_an_enrolled_file_counts() -> None:
    """A member with an anchored first key and an epoch that it signed is what its file says."""
    member = check_member(FILE, ENROLMENT)
    assert member.org_id == ORG
    assert member.current_kem_key(NOW_MS) == FILE.kem[0].key
    assert member.current_signing_key(NOW_MS) == FILE.signing[0].key


def test_a_swapped_kem_key_is_refused() -> None:
    """The delegation holder puts in a key of its own under the old signature."""
    theirs = dataclasses.replace(FILE.kem[0].key, kid=HOSTILE_KEM.kid, public=HOSTILE_KEM.public)
    _refused(_with(FILE, kem=(dataclasses.replace(FILE.kem[0], key=theirs),)), Code.KEY_NOT_ENDORSED)


def test_a_kem_key_signed_by_somebody_else_is_refused() -> None:
    """Signed by a key that the organisation does not list, or by another's key under the organisation's key id."""
    window = (START, START + DAY_MS)
    foreign = endorse_kem(ORG, HOSTILE_KEM, window, HOSTILE)
    _refused(_with(FILE, kem=(foreign,)), Code.KEY_NOT_ENDORSED)
    dressed = dataclasses.replace(foreign, endorsement=Endorsement(PAIR.kid, foreign.endorsement.signatures))
    _refused(_with(FILE, kem=(dressed,)), Code.KEY_NOT_ENDORSED)


def test_an_own_signing_key_put_in_by_the_delegation_is_refused() -> None:
    """A new signing key without a predecessor, self-signed only, is not a first key: anchors never saw it."""
    entry = endorse_signing(ORG, HOSTILE, (START + 1, START + DAY_MS), None)
    kem = endorse_kem(ORG, HOSTILE_KEM, (START + 1, START + DAY_MS), HOSTILE)
    _refused(_with(FILE, signing=(*FILE.signing, entry), kem=(kem,)), Code.KEY_NOT_ENDORSED)
    alone = MemberFile.of(FILE.organisation, (entry,), (kem,))
    _refused(alone, Code.KEY_NOT_ENDORSED)


def test_a_signing_key_endorsed_by_a_stranger_is_refused() -> None:
    """The endorsement must come from a key that this organisation lists, and verify under it."""
    entry = endorse_signing(ORG, NEXT, (START + 1, START + DAY_MS), HOSTILE)
    _refused(_with(FILE, signing=(*FILE.signing, entry)), Code.KEY_NOT_ENDORSED)
    dressed = dataclasses.replace(entry, endorsement=Endorsement(PAIR.kid, HOSTILE.sign(LABEL_SIGNING_KEY, b"")))
    _refused(_with(FILE, signing=(*FILE.signing, dressed)), Code.KEY_NOT_ENDORSED)


def test_a_chain_of_signing_keys_counts() -> None:
    """A second key signed by the first, and an epoch signed by the second."""
    second = endorse_signing(ORG, NEXT, (START + 1, START + 100 * DAY_MS), PAIR)
    epoch = endorse_kem(ORG, kem_private("second epoch"), (START + DAY_MS, START + 50 * DAY_MS), NEXT)
    member = check_member(_with(FILE, signing=(*FILE.signing, second), kem=(*FILE.kem, epoch)), ENROLMENT)
    assert [key.kid for key in member.signing_keys] == [PAIR.kid, NEXT.kid]
    assert member.current_kem_key(START + 2 * DAY_MS) == epoch.key


def test_the_windows_are_signed() -> None:
    """Making an epoch or a signing key last longer breaks its signature."""
    longer = dataclasses.replace(FILE.kem[0].key, not_after_ms=FILE.kem[0].key.not_after_ms + 1)
    _refused(_with(FILE, kem=(dataclasses.replace(FILE.kem[0], key=longer),)), Code.KEY_NOT_ENDORSED)
    stretched = dataclasses.replace(FILE.signing[0].key, not_after_ms=FILE.signing[0].key.not_after_ms + 1)
    _refused(_with(FILE, signing=(dataclasses.replace(FILE.signing[0], key=stretched),)), Code.KEY_NOT_ENDORSED)


def test_the_signature_names_the_organisation() -> None:
    """An endorsement made for one organisation is none for another, and a label for another purpose is none either."""
    elsewhere = endorse_kem(OrgId("uz-1ega1a1d"), KEM, (START, START + DAY_MS), PAIR)
    _refused(_with(FILE, kem=(elsewhere,)), Code.KEY_NOT_ENDORSED)
    key = FILE.kem[0].key
    other = Endorsement(PAIR.kid, PAIR.sign(LABEL_SIGNING_KEY, kem_message(ORG, key)))
    _refused(_with(FILE, kem=(KemEntry(key, other),)), Code.KEY_NOT_ENDORSED)


def test_a_signature_without_its_ml_dsa_half_is_refused() -> None:
    """A pair with an ML-DSA key must sign with it."""
    key = FILE.kem[0].key
    half = Signatures(PAIR.sign(LABEL_KEM, kem_message(ORG, key)).ed25519, None)
    _refused(_with(FILE, kem=(KemEntry(key, Endorsement(PAIR.kid, half)),)), Code.KEY_NOT_ENDORSED)


def test_a_key_vouches_only_while_in_office() -> None:
    """A signing key cannot begin an epoch or a successor before its own beginning or after its own end."""
    end = FILE.signing[0].key.not_after_ms
    for start in (START - 1, end, end + DAY_MS):
        _refused(_with(FILE, kem=(endorse_kem(ORG, KEM, (start, start + DAY_MS), PAIR),)), Code.KEY_NOT_ENDORSED)
    successor = endorse_signing(ORG, NEXT, (end, end + DAY_MS), PAIR)
    _refused(_with(FILE, signing=(*FILE.signing, successor)), Code.KEY_NOT_ENDORSED)


def test_possession_of_a_signing_key_is_shown_by_itself() -> None:
    """Listing somebody else's public key fails: nobody can sign for this organisation with it."""
    theirs = endorse_signing(OrgId("kz-agency01"), HOSTILE, (START + 1, START + DAY_MS), None)
    message = signing_key_message(ORG, theirs.key)
    stolen = SigningEntry(theirs.key, theirs.possession, Endorsement(PAIR.kid, PAIR.sign(LABEL_SIGNING_KEY, message)))
    _refused(_with(FILE, signing=(*FILE.signing, stolen)), Code.KEY_NOT_ENDORSED)


@pytest.mark.parametrize(
    "ed25519",
    [
        bytes(32),
        bytes.fromhex("01" + "00" * 31),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        bytes.fromhex("ee" + "ff" * 30 + "7f"),
        b"\xff" * 32,
    ],
)
def test_weak_ed25519_keys_are_refused(ed25519: bytes) -> None:
    """Small order and non-canonical encodings, even under their right id."""
    held = FILE.signing[0].key
    weak = dataclasses.replace(held, ed25519=ed25519, kid=kid_of_signing(ed25519, held.mldsa65))
    _refused(_with(FILE, signing=(dataclasses.replace(FILE.signing[0], key=weak),)), Code.KEY_INVALID)


@pytest.mark.parametrize(
    "public",
    [
        KEM.public[:1184] + bytes(32),
        KEM.public[:1184] + bytes.fromhex("01" + "00" * 31),
        KEM.public[:1184] + b"\xff" * 32,
        b"\xff" * 1184 + KEM.public[1184:],
    ],
)
def test_weak_kem_keys_are_refused(public: bytes) -> None:
    """Low-order and unreduced X25519 and malformed ML-KEM, even when the organisation signed them."""
    window = (START, START + DAY_MS)
    key = KemKey(kid_of_kem(public), public, *window)
    signed = Endorsement(PAIR.kid, PAIR.sign(LABEL_KEM, kem_message(ORG, key)))
    _refused(_with(FILE, kem=(KemEntry(key, signed),)), Code.KEY_INVALID)


def test_a_key_id_is_the_hash_of_its_key() -> None:
    """Another id is refused, for both kinds."""
    wrong = KeyId(bytes(16))
    signing = dataclasses.replace(FILE.signing[0], key=dataclasses.replace(FILE.signing[0].key, kid=wrong))
    _refused(_with(FILE, signing=(signing,)), Code.KEY_INVALID)
    kem = dataclasses.replace(FILE.kem[0], key=dataclasses.replace(FILE.kem[0].key, kid=wrong))
    _refused(_with(FILE, kem=(kem,)), Code.KEY_INVALID)


def test_a_key_listed_twice_is_refused() -> None:
    """Neither kind may stand twice, whatever the windows."""
    _refused(_with(FILE, signing=FILE.signing * 2), Code.KEY_INVALID)
    _refused(_with(FILE, kem=FILE.kem * 2), Code.KEY_INVALID)


@pytest.mark.parametrize(
    ("life", "kind"), [(MAX_KEM_LIFE_MS + 1, "kem"), (0, "kem"), (MAX_SIGNING_LIFE_MS + 1, "signing")]
)
def test_a_window_is_neither_empty_nor_too_long(life: int, kind: str) -> None:
    """Lives beyond the limits are refused although they are properly signed."""
    if kind == "kem":
        _refused(_with(FILE, kem=(endorse_kem(ORG, KEM, (START, START + life), PAIR),)), Code.KEY_INVALID)
    else:
        _refused(_with(FILE, signing=(endorse_signing(ORG, PAIR, (START, START + life), None),)), Code.KEY_INVALID)


def test_no_key_at_all_is_refused() -> None:
    """An organisation without signing keys vouches for nothing."""
    _refused(MemberFile.of(FILE.organisation, (), ()), Code.KEY_NOT_ENDORSED)


def test_revoking_a_key_revokes_what_it_vouched_for() -> None:
    """A compromised first key takes its epoch and its successor with it; all stay listed as evidence."""
    second = endorse_signing(ORG, NEXT, (START + 1, START + 100 * DAY_MS), PAIR)
    file = _with(FILE, signing=(*FILE.signing, second))
    revoked = dataclasses.replace(ENROLMENT, revoked={PAIR.kid: NOW_MS})
    member = check_member(file, revoked)
    assert member.current_kem_key(NOW_MS) is None
    assert member.current_signing_key(NOW_MS) is None
    assert [key.compromised_since_ms for key in member.signing_keys] == [NOW_MS, NOW_MS]


def test_the_anchors_revocation_stands_whatever_the_country_says() -> None:
    """The country's file calls the keys good; the enrolment file says otherwise, and the earlier time counts."""
    kem = dataclasses.replace(ENROLMENT, revoked={KEM.kid: NOW_MS})
    assert check_member(FILE, kem).kem_keys[0].revoked
    flagged = dataclasses.replace(FILE.signing[0].key, compromised_since_ms=NOW_MS + 5)
    file = _with(FILE, signing=(dataclasses.replace(FILE.signing[0], key=flagged),))
    both = dataclasses.replace(ENROLMENT, revoked={PAIR.kid: NOW_MS})
    assert check_member(file, both).signing_keys[0].compromised_since_ms == NOW_MS
    assert check_member(file, ENROLMENT).signing_keys[0].compromised_since_ms == NOW_MS + 5


def test_a_second_first_key_survives_the_revocation_of_the_first() -> None:
    """Recovery: anchors list the new key's fingerprint, so it needs no word from the old one."""
    new = first_file(PROFILE, NEXT, kem_private("after recovery"), NOW_MS + DAY_MS)
    file = _with(FILE, signing=(*FILE.signing, *new.signing), kem=(*FILE.kem, *new.kem))
    both = (*ENROLMENT.first_keys, *enrolment_of(new).first_keys)
    restarted = dataclasses.replace(ENROLMENT, first_keys=both, revoked={PAIR.kid: NOW_MS}, generation=2)
    member = check_member(file, restarted)
    current = member.current_signing_key(NOW_MS + DAY_MS)
    assert current is not None
    assert current.kid == NEXT.kid
    assert [key.revoked for key in member.kem_keys] == [True, False]


_CHANGES: list[Callable[[Enrolment], Enrolment]] = [
    lambda enrolment: dataclasses.replace(enrolment, role=OrgRole.NATIONAL_AGENCY),
    lambda enrolment: dataclasses.replace(enrolment, country=CountryCode("kz")),
    lambda enrolment: dataclasses.replace(enrolment, org_id=OrgId("uz-1ega1a1d")),
]


@pytest.mark.parametrize("change", _CHANGES)
def test_id_country_and_role_are_what_the_anchors_enrolled(change: Callable[[Enrolment], Enrolment]) -> None:
    """A delegation cannot turn a shelter into an agency, or move it."""
    _refused(FILE, Code.DIRECTORY_INVALID, change(ENROLMENT))


def test_a_gate_is_a_gate_by_id_and_by_role() -> None:
    """Neither a gate's id with another role nor the role with another id, even when both files agree.

    Nor another prefix.
    """
    for profile in (
        Profile(OrgId("uz-gate"), CountryCode("uz"), OrgRole.NGO, "x"),
        Profile(ORG, CountryCode("uz"), OrgRole.GATE, "x"),
        Profile(OrgId("uz-gate"), CountryCode("kz"), OrgRole.GATE, "x"),
    ):
        file = first_file(profile, PAIR, KEM, NOW_MS)
        _refused(file, Code.DIRECTORY_INVALID, enrolment_of(file))
    gate = first_file(Profile(OrgId("uz-gate"), CountryCode("uz"), OrgRole.GATE, "x"), PAIR, KEM, NOW_MS)
    assert check_member(gate, enrolment_of(gate)).role is OrgRole.GATE


def test_files_round_trip() -> None:
    """What parses writes the same bytes, with every optional part present."""
    second = endorse_signing(ORG, signing_pair("plain", mldsa=False), (START + 1, START + DAY_MS), PAIR)
    file = _with(FILE, signing=(*FILE.signing, second))
    assert MemberFile.parse(file.encode()) == file
    enrolment = dataclasses.replace(ENROLMENT, revoked={KEM.kid: NOW_MS + 5, PAIR.kid: NOW_MS + 6})
    assert Enrolment.parse(enrolment.encode()) == enrolment
    assert load_member(file.encode(), ENROLMENT.encode()).org_id == ORG


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"status":"ACTIVE"', b'"status":"RESTING"'),
        (b'"status":"ACTIVE"', b'"status":"ACTIVE","x":1'),
        (b'"role":"NGO"', b'"role":"ngo"'),
        (b'"format":"refbus/organisation/1"', b'"format":"refbus/organisation/2"'),
        (b'"revoked":false', b'"revoked":0'),
        (b'"services":["Health"]', b'"services":"Health"'),
        (b'"org_id":"uz-she1ter1"', b'"org_id":"uz-SHE1TER1"'),
    ],
)
def test_a_file_of_another_shape_is_refused(old: bytes, new: bytes) -> None:
    """Unknown fields, members of no list, other kinds."""
    content = FILE.encode()
    assert old in content
    with pytest.raises(MalformedError):
        MemberFile.parse(content.replace(old, new, 1))


def test_keys_are_listed_oldest_first() -> None:
    """One order, so that one organisation has one file."""
    second = endorse_signing(ORG, NEXT, (START + 1, START + DAY_MS), PAIR)
    backwards = dataclasses.replace(FILE, signing=(second, *FILE.signing))
    with pytest.raises(MalformedError) as caught:
        MemberFile.parse(backwards.encode())
    assert caught.value.code is Code.NOT_CANONICAL


@pytest.mark.parametrize("old", [b'"first_keys":["', b'"revoked":[{"kid":"'])
def test_an_enrolment_file_lists_in_one_order(old: bytes) -> None:
    """A list that is not sorted, or holds something twice, is refused."""
    two = dataclasses.replace(
        ENROLMENT, first_keys=(b"\1" * 32, b"\2" * 32), revoked={KeyId(b"\1" * 16): NOW_MS, KEM.kid: NOW_MS}
    )
    content = dataclasses.replace(two).encode()
    name = old.split(b'"')[1]
    start = content.index(b'"' + name + b'":[') + len(name) + 4
    end = content.index(b"]", start)
    items = content[start:end].split(b"},{" if b"kid" in old else b",")
    assert len(items) == 2
    with pytest.raises(MalformedError) as caught:
        Enrolment.parse(content[:start] + content[start:end] + b"," + content[start:end] + content[end:])
    assert caught.value.code is Code.NOT_CANONICAL


def test_a_suspended_member_is_loaded_as_such() -> None:
    """Suspension is a fact for decisions, not a reason to forget the member."""
    suspended = MemberFile.of(
        dataclasses.replace(FILE.organisation, status=OrgStatus.SUSPENDED), FILE.signing, FILE.kem
    )
    assert check_member(suspended, ENROLMENT).status is OrgStatus.SUSPENDED


def test_an_untrusted_file_raises_each_time() -> None:
    """Remembering good files does not remember bad ones as good."""
    bad = dataclasses.replace(ENROLMENT, first_keys=(b"\0" * 32,)).encode()
    for _ in range(2):
        with pytest.raises(UntrustedError):
            load_member(FILE.encode(), bad)
