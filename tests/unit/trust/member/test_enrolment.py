"""An organisation comes in with its own keys: request, challenge, answer, updates; and every way to cheat."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import pytest

from refbus.core.directory import OrgRole, OrgStatus
from refbus.core.ids import CountryCode, OrgId, parse_org_id
from refbus.core.units import DAY_MS
from refbus.errors import Code, MalformedError, RefbusError, UntrustedError
from refbus.tlog.custody import LogSecret
from refbus.trust.canonical import dumps, loads
from refbus.trust.member.audit_keys import keys_of
from refbus.trust.member.endorsement import check_member, endorse_kem, endorse_signing
from refbus.trust.member.enrolment import (
    Profile,
    answer_challenge,
    apply_update,
    check_answer,
    enrolment_of,
    first_file,
    make_challenge,
    make_request,
    make_update,
    new_org_id,
    next_kem,
    next_signing,
    parse_request,
)
from refbus.trust.member.target_file import KemEntry, MemberFile
from support.directories import NOW_MS, kem_private, signing_pair

ORG = OrgId("kz-4f7k2m9q")
PROFILE = Profile(ORG, CountryCode("kz"), OrgRole.NGO, "Fictional shelter", ("Health", "Health"), ("ru", "kk"))
PAIR = signing_pair("enrolling")
KEM = kem_private("enrolling")
REQUEST = make_request(PROFILE, PAIR, KEM, NOW_MS)
MEMBER = first_file(PROFILE, PAIR, KEM, NOW_MS)
ENROLMENT = enrolment_of(MEMBER)
HELD = check_member(MEMBER, ENROLMENT)


def test_a_request_is_answered_and_accepted() -> None:
    """The whole exchange gives the member as requested, words sorted."""
    challenge, pending = make_challenge(REQUEST)
    member = check_answer(pending, answer_challenge(challenge, REQUEST, KEM), REQUEST)
    assert member.organisation.org_id == ORG
    assert member.organisation.languages == ("kk", "ru")
    assert member.organisation.services == ("Health",)


def test_a_request_holds_no_private_key() -> None:
    """Neither seed is in any of the files that travel."""
    challenge, pending = make_challenge(REQUEST)
    files = (REQUEST, challenge, pending, answer_challenge(challenge, REQUEST, KEM))
    for secret in (KEM.seed, PAIR.secret[:32], PAIR.secret[32:]):
        assert not any(secret in content or secret.hex().encode() in content for content in files)


def test_another_kem_key_cannot_answer() -> None:
    """Whoever lists a public key that is not theirs cannot open the challenge."""
    challenge, _ = make_challenge(REQUEST)
    with pytest.raises(UntrustedError) as caught:
        answer_challenge(challenge, REQUEST, kem_private("somebody else"))
    assert caught.value.code is Code.OPEN_FAILED


def test_a_challenge_is_for_one_request() -> None:
    """It is bound to the request's bytes: no oracle for another."""
    challenge, _ = make_challenge(REQUEST)
    other = make_request(dataclasses.replace(PROFILE, label="Another"), PAIR, KEM, NOW_MS)
    with pytest.raises(UntrustedError):
        answer_challenge(challenge, other, KEM)


def test_wrong_answers_are_refused() -> None:
    """An answer to another challenge, a changed one, and one for another request."""
    challenge, pending = make_challenge(REQUEST)
    good = answer_challenge(challenge, REQUEST, KEM)
    old = answer_challenge(make_challenge(REQUEST)[0], REQUEST, KEM)
    other = make_request(dataclasses.replace(PROFILE, label="Another"), PAIR, KEM, NOW_MS)
    other_challenge, other_pending = make_challenge(other)
    elsewhere = answer_challenge(other_challenge, other, KEM)
    for case in (
        (pending, old, REQUEST),
        (pending, elsewhere, REQUEST),
        (pending, good, other),
        (other_pending, good, other),
    ):
        with pytest.raises(UntrustedError) as caught:
            check_answer(*case)
        assert caught.value.code is Code.KEY_NOT_ENDORSED


@pytest.mark.parametrize("format_name", ["request", "challenge", "answer", "pending"])
def test_files_do_not_stand_in_for_each_other(format_name: str) -> None:
    """Each file says which it is."""
    challenge, pending = make_challenge(REQUEST)
    files = {"request": REQUEST, "challenge": challenge, "pending": pending}
    files["answer"] = answer_challenge(challenge, REQUEST, KEM)
    wrong = dumps({**loads(files[format_name]), "format": "refbus/other/1"})
    readers: dict[str, Callable[[], object]] = {
        "request": lambda: parse_request(wrong),
        "challenge": lambda: answer_challenge(wrong, REQUEST, KEM),
        "answer": lambda: check_answer(pending, wrong, REQUEST),
        "pending": lambda: check_answer(wrong, files["answer"], REQUEST),
    }
    with pytest.raises(MalformedError):
        readers[format_name]()


def test_a_request_proves_its_signing_key() -> None:
    """Possession of both algorithms is signed; an edited label of the KEM window breaks it as well."""
    value = loads(REQUEST)
    value["member"]["signing_keys"][0]["not_after_ms"] += 1
    with pytest.raises(UntrustedError):
        parse_request(dumps(value))
    value = loads(REQUEST)
    value["member"]["kem_keys"] = []
    with pytest.raises(MalformedError):
        parse_request(dumps(value))


def test_ids_are_random_and_well_formed() -> None:
    """Forty bits behind the country's code."""
    ids = {new_org_id(CountryCode("kz")) for _ in range(50)}
    assert len(ids) == 50
    assert all(parse_org_id(org_id) == org_id and re.match("kz-", org_id) for org_id in ids)


def test_the_next_epoch_is_published_by_an_update() -> None:
    """The organisation signs it; it begins before the present one ends."""
    entry = next_kem(HELD, kem_private("next epoch"), PAIR, NOW_MS)
    member = check_member(apply_update(make_update(ORG, (), (entry,)), MEMBER, ENROLMENT), ENROLMENT)
    present = HELD.kem_keys[0]
    assert present.not_before_ms < entry.key.not_before_ms < present.not_after_ms < entry.key.not_after_ms
    assert member.current_kem_key(entry.key.not_before_ms - 1) == present
    assert member.current_kem_key(entry.key.not_before_ms) == entry.key


def test_a_new_signing_key_takes_over_and_signs_the_epochs_again() -> None:
    """Successor by the present key, and the running epoch endorsed anew by the successor."""
    successor = signing_pair("enrolling, second")
    signing = next_signing(HELD, successor, PAIR, NOW_MS)
    window = (NOW_MS, HELD.kem_keys[0].not_after_ms)
    again = endorse_kem(ORG, KEM, window, successor)
    member = check_member(apply_update(make_update(ORG, (signing,), (again,)), MEMBER, ENROLMENT), ENROLMENT)
    current = member.current_signing_key(NOW_MS)
    assert current is not None
    assert current.kid == successor.kid
    assert [key.kid for key in member.kem_keys] == [KEM.kid]
    with pytest.raises(UntrustedError):
        next_signing(HELD, successor, signing_pair("a stranger"), NOW_MS)


def _update(**changes: object) -> bytes:
    entry = next_kem(HELD, kem_private("next epoch"), PAIR, NOW_MS)
    return dumps({**loads(make_update(ORG, (), (entry,))), **changes})


def _unsigned() -> KemEntry:
    return endorse_kem(ORG, kem_private("other"), (NOW_MS, NOW_MS + DAY_MS), signing_pair("a stranger"))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (_update(org_id="kz-agency01"), Code.DIRECTORY_INVALID),
        (_update(extra=1), Code.MALFORMED),
        (_update(format="x"), Code.MALFORMED),
        (_update(org_id="KZ"), Code.MALFORMED),
        (make_update(ORG, (), (_unsigned(),)), Code.KEY_NOT_ENDORSED),
        (
            make_update(ORG, (endorse_signing(ORG, signing_pair("x"), (NOW_MS, NOW_MS + 1), None),), ()),
            Code.KEY_NOT_ENDORSED,
        ),
    ],
)
def test_a_false_update_is_refused(content: bytes, code: Code) -> None:
    """Another organisation's, of another shape, or not signed by the organisation."""
    with pytest.raises(RefbusError) as caught:
        apply_update(content, MEMBER, ENROLMENT)
    assert caught.value.code is code


def test_an_update_never_takes_a_revocation_back() -> None:
    """A revoked epoch or a compromised key cannot be listed again as good."""
    epoch = dataclasses.replace(MEMBER.kem[0], key=dataclasses.replace(MEMBER.kem[0].key, revoked=True))
    key = dataclasses.replace(MEMBER.signing[0].key, compromised_since_ms=NOW_MS)
    signing = dataclasses.replace(MEMBER.signing[0], key=key)
    for member, update in (
        (MemberFile.of(MEMBER.organisation, MEMBER.signing, (epoch,)), make_update(ORG, (), MEMBER.kem)),
        (MemberFile.of(MEMBER.organisation, (signing,), MEMBER.kem), make_update(ORG, MEMBER.signing, ())),
    ):
        with pytest.raises(UntrustedError) as caught:
            apply_update(update, member, ENROLMENT)
        assert caught.value.code is Code.KEY_REVOKED


def test_a_request_asks_to_be_active() -> None:
    """Nobody enrols as suspended."""
    held = dataclasses.replace(MEMBER.organisation, status=OrgStatus.REMOVED)
    member = MemberFile.of(held, MEMBER.signing, MEMBER.kem)
    with pytest.raises(MalformedError):
        parse_request(dumps({"format": "refbus/enrolment-request/1", "member": member.to_mapping()}))


def test_an_auditor_may_ask_with_its_audit_keys_at_once() -> None:
    """They go through the same exchange; in anyone else's request, or with a false signature, they are refused."""
    keys = keys_of(LogSecret(bytes(32)), "kz.audit.refbus.example", ["2026b"])
    profile = dataclasses.replace(PROFILE, role=OrgRole.AUDITOR)
    request = make_request(profile, PAIR, KEM, NOW_MS, audit=keys)
    challenge, pending = make_challenge(request)
    member = check_answer(pending, answer_challenge(challenge, request, KEM), request)
    assert member.organisation.audit_keys == tuple(sorted(key.vkey for key in keys))
    false = loads(request)
    false["member"]["audit_keys"][0]["endorsement"] = false["member"]["audit_keys"][1]["endorsement"]
    for content, code in (
        (make_request(PROFILE, PAIR, KEM, NOW_MS, audit=keys), Code.KEY_INVALID),
        (dumps(false), Code.KEY_NOT_ENDORSED),
    ):
        with pytest.raises(UntrustedError) as caught:
            parse_request(content)
        assert caught.value.code is code


def test_an_organisation_without_epochs_starts_again() -> None:
    """After every epoch was taken out, the next one begins now."""
    bare = dataclasses.replace(HELD, kem_keys=())
    entry = next_kem(bare, KEM, PAIR, NOW_MS)
    assert entry.key.usable_at(NOW_MS)


def test_after_a_theft_the_next_epoch_begins_with_this_hour() -> None:
    """A revoked epoch does not keep its successor waiting."""
    stolen = dataclasses.replace(HELD, kem_keys=tuple(dataclasses.replace(key, revoked=True) for key in HELD.kem_keys))
    entry = next_kem(stolen, kem_private("next epoch"), PAIR, NOW_MS)
    assert entry.key.not_before_ms == NOW_MS - NOW_MS % 3_600_000
    assert entry.key.usable_at(NOW_MS)
