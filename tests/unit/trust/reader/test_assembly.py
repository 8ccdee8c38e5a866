"""One bad file stays one bad file: the rest of the federation goes on, and operators see what is left out and why."""

from __future__ import annotations

import pytest

from refbus.core.directory import MEMBER_ROLES, OrgRole
from refbus.core.ids import CountryCode, KeyId, OrgId
from refbus.core.units import DAY_MS
from refbus.errors import Code
from refbus.resources import data_dir
from refbus.tlog.custody import LogSecret
from refbus.tlog.keys import SigType, VerifierKey
from refbus.trust.member.audit_keys import keys_of
from refbus.trust.member.endorsement import endorse_audit_key, endorse_kem
from refbus.trust.member.enrolment import Profile, enrolment_of, first_file
from refbus.trust.member.policy import compile_policy
from refbus.trust.member.target_file import MemberFile
from refbus.trust.reader import assembly
from refbus.trust.reader.assembly import Assembly, assemble, key_owners
from support.directories import NOW_MS, kem_private, signing_pair

COUNTRIES = (CountryCode("kz"), CountryCode("uz"))
KZ_ORG = OrgId("kz-agency01")
UZ_ORG = OrgId("uz-she1ter1")


def _member(org_id: OrgId, role: OrgRole = OrgRole.NGO) -> MemberFile:
    profile = Profile(org_id, CountryCode(org_id[:2]), role, "Fictional")
    return first_file(profile, signing_pair(f"assembly {org_id}"), kem_private(f"assembly {org_id}"), NOW_MS)


def _targets(*members: MemberFile) -> dict[str, bytes]:
    found = {}
    for country in COUNTRIES:
        text = (data_dir("keys") / "policies" / f"{country}.toml").read_text("utf-8")
        found[f"{country}/policy.json"] = compile_policy(text)
    for member in members:
        held = member.organisation
        found[f"{held.country}/{held.org_id}.json"] = member.encode()
        found[f"enrolment/{held.org_id}.json"] = enrolment_of(member).encode()
    return found


def _assemble(targets: dict[str, bytes], owners: dict[KeyId, OrgId] | None = None) -> Assembly:
    return assemble(targets, COUNTRIES, owners or {})


def _problems(made: Assembly) -> list[tuple[str, Code]]:
    return [(problem.path, problem.code) for problem in made.problems]


def test_good_files_all_count() -> None:
    """Two members, two policies, no problem."""
    found = _assemble(_targets(_member(KZ_ORG), _member(UZ_ORG)))
    assert set(found.organisations) == {KZ_ORG, UZ_ORG}
    assert set(found.policies) == set(COUNTRIES)
    assert found.problems == []


def test_a_bad_member_file_is_left_out_alone() -> None:
    """Malformed bytes in one file: that organisation is out, coded."""
    targets = _targets(_member(KZ_ORG), _member(UZ_ORG))
    targets[f"uz/{UZ_ORG}.json"] = b"{}"
    found = _assemble(targets)
    assert set(found.organisations) == {KZ_ORG}
    assert _problems(found) == [(f"uz/{UZ_ORG}.json", Code.MALFORMED)]


@pytest.mark.parametrize("role", sorted(MEMBER_ROLES))
def test_a_member_of_every_role_counts(role: OrgRole) -> None:
    """Police, prosecutors, health services and international organisations among them."""
    found = _assemble(_targets(_member(KZ_ORG), _member(UZ_ORG, role)))
    assert found.organisations[UZ_ORG].role is role
    assert found.problems == []


def test_a_role_of_a_newer_version_takes_out_that_organisation_alone() -> None:
    """A reader from before leaves it out, says so, and goes on with all others."""
    targets = _targets(_member(KZ_ORG), _member(UZ_ORG))
    for path in (f"uz/{UZ_ORG}.json", f"enrolment/{UZ_ORG}.json"):
        targets[path] = targets[path].replace(b'"role":"NGO"', b'"role":"FIRE_BRIGADE"')
    found = _assemble(targets)
    assert set(found.organisations) == {KZ_ORG}
    assert _problems(found) == [(f"uz/{UZ_ORG}.json", Code.UNKNOWN_VALUE)]


@pytest.mark.parametrize("reader", ["load_member", "parse_policy"])
def test_a_file_that_breaks_its_reader_is_left_out_alone(monkeypatch: pytest.MonkeyPatch, reader: str) -> None:
    """A mistake of ours with one file of one country, which nobody raised on purpose, takes no other with it."""
    targets = _targets(_member(KZ_ORG), _member(UZ_ORG))
    broken = targets[f"uz/{UZ_ORG}.json" if reader == "load_member" else "uz/policy.json"]
    whole = getattr(assembly, reader)

    def read(content: bytes, *others: bytes) -> object:
        if content == broken:
            raise RecursionError
        return whole(content, *others)

    monkeypatch.setattr(assembly, reader, read)
    found = _assemble(targets)
    assert set(found.organisations) == {KZ_ORG}
    assert [code for _, code in _problems(found)] == [Code.INTERNAL_ERROR]


def test_a_country_without_a_good_policy_is_left_out_alone() -> None:
    """No rules, no decisions: the country is out, the other goes on."""
    targets = _targets(_member(KZ_ORG), _member(UZ_ORG))
    for bad, code in ((b"{}", Code.MALFORMED), (targets["kz/policy.json"], Code.WRONG_COUNTRY)):
        found = _assemble({**targets, "uz/policy.json": bad})
        assert set(found.organisations) == {KZ_ORG}
        assert _problems(found) == [("uz/policy.json", code)]
    del targets["uz/policy.json"]
    assert _problems(_assemble(targets)) == [("uz/policy.json", Code.MALFORMED)]


def test_a_member_that_anchors_never_enrolled_is_left_out() -> None:
    """The delegation alone brings nobody in."""
    targets = _targets(_member(KZ_ORG), _member(UZ_ORG))
    del targets[f"enrolment/{UZ_ORG}.json"]
    assert _problems(_assemble(targets)) == [(f"uz/{UZ_ORG}.json", Code.KEY_NOT_ENDORSED)]


def test_a_file_under_another_name_is_left_out() -> None:
    """A copy of a member's file in another country's folder, or under another id, is not that member."""
    member = _member(KZ_ORG)
    targets = _targets(member)
    targets[f"uz/{KZ_ORG}.json"] = member.encode()
    found = _assemble(targets)
    assert found.organisations[KZ_ORG].country == "kz"
    assert _problems(found) == [(f"uz/{KZ_ORG}.json", Code.WRONG_COUNTRY)]


def _claiming_kem_of(victim: OrgId, claimant: OrgId) -> MemberFile:
    """Return a member that lists a victim's KEM key as its own next epoch (nobody needs its private half for that)."""
    base = _member(claimant)
    window = (NOW_MS, NOW_MS + DAY_MS)
    stolen = endorse_kem(claimant, kem_private(f"assembly {victim}"), window, signing_pair(f"assembly {claimant}"))
    return MemberFile.of(base.organisation, base.signing, (*base.kem, stolen))


def test_a_newcomer_cannot_push_out_the_owner_of_a_key() -> None:
    """With the version before at hand, the owner stays and the claimant is left out."""
    owner = _member(UZ_ORG)
    before = _assemble(_targets(owner, _member(KZ_ORG)))
    found = _assemble(_targets(owner, _claiming_kem_of(UZ_ORG, KZ_ORG)), key_owners(before.organisations))
    assert set(found.organisations) == {UZ_ORG}
    assert _problems(found) == [(f"kz/{KZ_ORG}.json", Code.KEY_INVALID)]


def _auditor(org_id: OrgId, *, seed: int, name: str) -> MemberFile:
    profile = Profile(org_id, CountryCode(org_id[:2]), OrgRole.AUDITOR, "Fictional")
    keys = keys_of(LogSecret(bytes([seed]) * 32), name, ["2026b"])
    return first_file(profile, signing_pair(org_id), kem_private(org_id), NOW_MS, audit=keys)


@pytest.mark.parametrize("what", ["log name", "log key", "witness key", "signing key"])
def test_audit_keys_and_log_names_have_one_owner(what: str) -> None:
    """A claimant of what another auditor lists is left out, under whatever name or type; the owner stays."""
    owner = _auditor(KZ_ORG, seed=1, name="kz.example")
    log, ed25519, _ = keys_of(LogSecret(b"\1" * 32), "kz.example", ["2026b"])
    stolen = {
        "log name": keys_of(LogSecret(b"\2" * 32), "kz.example", ["2027a"])[0],
        "log key": VerifierKey("uz.example/witness", SigType.ED25519_COSIGNATURE, log.public),
        "witness key": VerifierKey("uz.example/2026b", SigType.ED25519, ed25519.public),
        "signing key": VerifierKey("uz.example/2026b", SigType.ED25519, signing_pair(KZ_ORG).public_ed25519),
    }[what]
    base = _auditor(UZ_ORG, seed=2, name="uz.example")
    claim = endorse_audit_key(UZ_ORG, stolen, signing_pair(UZ_ORG))
    claimant = MemberFile.of(base.organisation, base.signing, base.kem, (claim,))
    before = _assemble(_targets(owner))
    found = _assemble(_targets(owner, claimant), key_owners(before.organisations))
    assert set(found.organisations) == {KZ_ORG}
    assert _problems(found) == [(f"uz/{UZ_ORG}.json", Code.KEY_INVALID)]
    assert _assemble(_targets(owner, claimant)).organisations == {}
    assert len(_assemble(_targets(owner, base)).organisations) == 2


def test_a_key_of_two_strangers_counts_for_neither() -> None:
    """A reader that knows no version before cannot tell whose key it is."""
    found = _assemble(_targets(_member(UZ_ORG), _claiming_kem_of(UZ_ORG, KZ_ORG)))
    assert found.organisations == {}
    assert len(found.problems) == 2


def test_one_signing_key_for_two_organisations_counts_for_neither() -> None:
    """Even its holder may not sign as two."""
    pair = signing_pair("two hats")
    files = [
        first_file(Profile(org, CountryCode(org[:2]), OrgRole.NGO, "Fictional"), pair, kem_private(org), NOW_MS)
        for org in (KZ_ORG, UZ_ORG)
    ]
    found = _assemble(_targets(*files))
    assert found.organisations == {}
    assert {problem.code for problem in found.problems} == {Code.KEY_INVALID}
