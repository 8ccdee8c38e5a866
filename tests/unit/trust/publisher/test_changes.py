"""What the ceremony changes, who must sign it, and what a reader then sees."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tuf.api.metadata import DelegatedRole, Delegations

from refbus.core.directory import OrgRole, OrgStatus
from refbus.core.ids import CountryCode, KeyId, OrgId
from refbus.errors import Code, RefbusError, SetupError, UntrustedError
from refbus.resources import data_dir
from refbus.tlog.custody import LogSecret
from refbus.trust.member.audit_keys import audit_key_id, keys_of
from refbus.trust.member.enrolment import (
    Profile,
    answer_challenge,
    check_answer,
    first_file,
    make_audit_update,
    make_challenge,
    make_request,
    make_update,
    next_kem,
)
from refbus.trust.member.policy import compile_policy
from refbus.trust.member.target_file import MemberFile
from refbus.trust.publisher import changes
from refbus.trust.publisher.ceremony import DEVELOPMENT_KIB, all_signers, sign_with
from refbus.trust.publisher.custody import create_key, export_public, import_public, load_signer
from refbus.trust.publisher.repository import Publication, Repository
from refbus.trust.reader.loader import TrustStore
from refbus.trust.reader.log_policy import audit_keys, auditor_of, policy_text
from support.ceremonies import AGENCY, KZ, PASSPHRASE, SHELTER, UZ, Lab, later, read
from support.directories import NOW_MS, kem_private, signing_pair

TJ = CountryCode("tj")
NEWCOMER = OrgId("uz-newc0mer")


def _enrolled(name: str = "newcomer", org_id: OrgId = NEWCOMER, now_ms: int = NOW_MS) -> MemberFile:
    pair, kem = signing_pair(name), kem_private(name)
    profile = Profile(org_id, CountryCode(org_id[:2]), OrgRole.NGO, "Fictional newcomer")
    request = make_request(profile, pair, kem, now_ms)
    challenge, pending = make_challenge(request)
    return check_answer(pending, answer_challenge(challenge, request, kem), request)


def _fails(publication: Publication, fed: Lab, code: Code) -> None:
    with pytest.raises(RefbusError) as caught:
        fed.publish(publication)
    assert caught.value.code is code


def test_an_organisation_is_enrolled(fed: Lab, store: TrustStore) -> None:
    """Its request went through the exchange; anchors and country sign; readers see it."""
    publication = fed.publication()
    changes.enrol(publication, _enrolled())
    assert publication.missing() == {"targets": 3, "uz": 1}
    fed.publish(publication)
    assert read(store, fed.files()).organisations[NEWCOMER].status is OrgStatus.ACTIVE
    again = fed.publication()
    with pytest.raises(UntrustedError) as caught:
        changes.enrol(again, _enrolled("another"))
    assert caught.value.code is Code.DIRECTORY_INVALID


def test_the_country_alone_brings_nobody_in(fed: Lab) -> None:
    """The holder of the delegation and of the online keys publishes a member file without enrolment: refused."""
    publication = fed.publication()
    publication.put("uz", f"uz/{NEWCOMER}.json", _enrolled().encode())
    assert publication.missing() == {"uz": 1}
    _fails(publication, fed, Code.KEY_NOT_ENDORSED)


def test_a_hostile_delegation_cannot_swap_a_kem_key(
    fed: Lab, store: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with a publisher that checks nothing, readers leave the organisation out: nobody seals to that key."""
    publication = fed.publication()
    held, _ = changes.load_parts(publication, SHELTER)
    hostile = kem_private("hostile delegation holder")
    theirs = dataclasses.replace(held.kem[0].key, kid=hostile.kid, public=hostile.public)
    swapped = MemberFile.of(held.organisation, held.signing, (dataclasses.replace(held.kem[0], key=theirs),))
    publication.put(UZ, f"uz/{SHELTER}.json", swapped.encode())
    monkeypatch.setattr(Publication, "_check", lambda _self, _files: ())
    fed.publish(publication)
    directory = read(store, fed.files())
    assert SHELTER not in directory.organisations
    assert AGENCY in directory.organisations
    assert [(item.path, item.code) for item in store.problems] == [(f"uz/{SHELTER}.json", Code.KEY_NOT_ENDORSED)]


def test_a_delegation_cannot_write_outside_its_folder(
    fed: Lab, store: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A country lists a file of another's folder, and an enrolment: neither is looked at, both are reported."""
    publication = fed.publication()
    publication.put(UZ, "kz/policy.json", b"{}")
    publication.put(UZ, f"enrolment/{NEWCOMER}.json", b"{}")
    monkeypatch.setattr(Publication, "_check", lambda _self, _files: ())
    fed.publish(publication)
    directory = read(store, fed.files())
    assert directory.policies[KZ].version == 1
    assert [(item.path, item.code) for item in store.problems] == [("uz", Code.DIRECTORY_INVALID)] * 2


def test_a_delegation_that_delegates_further_is_left_out(
    fed: Lab, store: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One key for one country: nothing below it."""
    publication = fed.publication()
    publication.put(UZ, "uz/x.json", b"{}")
    signer = all_signers(fed.paths, fed.passphrases)[fed.paths.delegation(UZ)]
    publication._roles[UZ].signed.delegations = Delegations(
        {signer.public_key.keyid: signer.public_key},
        {"kz": DelegatedRole("kz", [signer.public_key.keyid], 1, terminating=True, paths=["uz/*"])},
    )
    monkeypatch.setattr(Publication, "_check", lambda _self, _files: ())
    fed.publish(publication)
    directory = read(store, fed.files())
    assert UZ not in directory.policies
    assert KZ in directory.policies
    assert ("uz", Code.DIRECTORY_INVALID) in [(item.path, item.code) for item in store.problems]


def test_new_keys_are_published(fed: Lab, store: TrustStore) -> None:
    """An update of the organisation, signed into the directory by its country alone."""
    held = store.history.latest.organisations[SHELTER]
    entry = next_kem(held, kem_private("next"), fed.pair(SHELTER), NOW_MS)
    publication = fed.publication()
    changes.update_keys(publication, make_update(SHELTER, (), (entry,)), SHELTER)
    assert publication.missing() == {"uz": 1}
    fed.publish(publication)
    assert read(store, fed.files()).organisations[SHELTER].kem_key(entry.key.kid) == entry.key


@pytest.mark.parametrize("by_anchors", [False, True])
def test_a_revoked_signing_key_is_over_at_once(fed: Lab, store: TrustStore, *, by_anchors: bool) -> None:
    """By the country, or by the anchors; the epochs that it signed go with it."""
    kid = fed.pair(SHELTER).kid
    publication = fed.publication()
    changes.revoke(publication, SHELTER, kid, NOW_MS - 5, by_anchors=by_anchors)
    assert publication.missing() == ({"targets": 3} if by_anchors else {"uz": 1})
    fed.publish(publication)
    member = read(store, fed.files()).organisations[SHELTER]
    assert member.current_signing_key(NOW_MS) is None
    assert member.current_kem_key(NOW_MS) is None
    found = member.signing_key(kid)
    assert found is not None
    assert found.compromised_since_ms == NOW_MS - 5


@pytest.mark.parametrize("by_anchors", [False, True])
def test_a_lost_computer_takes_every_key_back(fed: Lab, store: TrustStore, *, by_anchors: bool) -> None:
    """Suspended, nothing to sign or to seal with; a new enrolment brings it back, and only then it may be let in."""
    publication = fed.publication()
    assert changes.lose(publication, SHELTER, NOW_MS - 5, by_anchors=by_anchors) == 2
    assert publication.missing() == ({"targets": 3, "uz": 1} if by_anchors else {"uz": 1})
    fed.publish(publication)
    member = read(store, fed.files()).organisations[SHELTER]
    assert member.status is OrgStatus.SUSPENDED
    assert member.current_signing_key(NOW_MS) is None
    assert member.current_kem_key(NOW_MS) is None
    assert [key.compromised_since_ms for key in member.signing_keys] == [NOW_MS - 5]


def test_a_revoked_epoch_is_over_at_once(fed: Lab, store: TrustStore) -> None:
    """The signing key stays good."""
    kid = next(iter(fed.kems(SHELTER)))
    publication = fed.publication()
    changes.revoke(publication, SHELTER, kid, NOW_MS)
    fed.publish(publication)
    member = read(store, fed.files()).organisations[SHELTER]
    assert member.current_kem_key(NOW_MS) is None
    assert member.current_signing_key(NOW_MS) is not None


def _checker(store: TrustStore) -> OrgId:
    """Return the auditor of kz."""
    return auditor_of(store.history.latest, KZ).org_id


def test_new_shards_of_a_log_are_published(fed: Lab, store: TrustStore) -> None:
    """An update of the auditor, signed into the directory by its country alone; the old shards stay."""
    checker, publication = _checker(store), fed.publication()
    secret, at_ms = fed.home(checker).log_secret(PASSPHRASE), later(200)
    held = store.history.latest.organisations[checker]
    update = make_audit_update(held, secret, ("kz.audit.refbus.example", None), fed.pair(checker), at_ms)
    changes.update_keys(publication, update, checker)
    assert publication.missing() == {"kz": 1}
    fed.publish(publication)
    found = audit_keys(read(store, fed.files()), KZ)
    assert list(found.logs) == ["2026b", "2027a", "2027b", "2028a", "2028b"]


@pytest.mark.parametrize("by_anchors", [False, True])
def test_a_revoked_audit_key_counts_no_more(fed: Lab, store: TrustStore, *, by_anchors: bool) -> None:
    """By its id; the others stay. What the anchors revoked no update brings back."""
    checker, publication = _checker(store), fed.publication()
    held = store.history.latest.organisations[checker]
    kid = audit_key_id(audit_keys(store.history.latest, KZ).logs["2026b"].public)
    changes.revoke(publication, checker, kid, NOW_MS, by_anchors=by_anchors)
    assert publication.missing() == ({"targets": 3} if by_anchors else {"kz": 1})
    again = fed.home(checker).log_secret(PASSPHRASE)
    update = make_audit_update(held, again, ("kz.audit.refbus.example", None), fed.pair(checker), NOW_MS)
    fed.publish(publication)
    left = list(audit_keys(read(store, fed.files()), KZ).logs)
    assert left == ["2027a", "2027b", "2028a"]
    second = fed.publication()
    changes.update_keys(second, update, checker)
    fed.publish(second)
    assert ("2026b" in audit_keys(read(store, fed.files()), KZ).logs) != by_anchors


def test_a_suspended_auditor_keeps_its_audit_keys_listed(fed: Lab, store: TrustStore) -> None:
    """They are there when it comes back; meanwhile its log has no policy and it is no witness."""
    checker = _checker(store)
    for status in (OrgStatus.SUSPENDED, OrgStatus.ACTIVE):
        publication = fed.publication()
        changes.set_status(publication, checker, status)
        fed.publish(publication)
        directory = read(store, fed.files())
        assert len(directory.organisations[checker].audit_keys) == 6
        assert ("witness kz-ed25519" in policy_text(directory, UZ)) == (status is OrgStatus.ACTIVE)


def test_recovery_restarts_an_auditors_audit_keys(fed: Lab, store: TrustStore) -> None:
    """The old ones are gone with the key that vouched for them; the request brings the new ones."""
    checker = _checker(store)
    profile = Profile(checker, KZ, OrgRole.AUDITOR, "Fictional auditor")
    keys = keys_of(LogSecret(bytes(32)), "kz.audit.refbus.example", ["2026b"])
    publication = fed.publication()
    member = first_file(profile, signing_pair("recovered"), kem_private("recovered"), NOW_MS, audit=keys)
    changes.recover(publication, member, NOW_MS)
    fed.publish(publication)
    found = audit_keys(read(store, fed.files()), KZ)
    assert found.logs == {"2026b": keys[0]}


def test_an_earlier_compromise_moves_the_time_back_only(fed: Lab, store: TrustStore) -> None:
    """A second revocation with a later time does not make the first one milder."""
    kid = fed.pair(SHELTER).kid
    publication = fed.publication()
    for since in (NOW_MS - 5, NOW_MS):
        changes.revoke(publication, SHELTER, kid, since)
    fed.publish(publication)
    found = read(store, fed.files()).organisations[SHELTER].signing_key(kid)
    assert found is not None
    assert found.compromised_since_ms == NOW_MS - 5


def test_recovery_restarts_the_keys(fed: Lab, store: TrustStore) -> None:
    """A new request, anchors and country sign: new keys count, old ones stay as evidence."""
    old = fed.pair(SHELTER).kid
    publication = fed.publication(later(1))
    changes.recover(publication, _enrolled("recovered", SHELTER, later(1)), NOW_MS)
    assert publication.missing() == {"targets": 3, "uz": 1}
    fed.publish(publication)
    member = read(store, fed.files(), later(1)).organisations[SHELTER]
    current, before = member.current_signing_key(later(1)), member.signing_key(old)
    assert current is not None
    assert before is not None
    assert current.kid == signing_pair("recovered").kid
    assert before.compromised_since_ms == NOW_MS
    assert [key.revoked for key in member.kem_keys] == [True, False]


def test_status_changes(fed: Lab, store: TrustStore) -> None:
    """Suspended, back again, removed; and removed is for good."""
    for status in (OrgStatus.SUSPENDED, OrgStatus.ACTIVE, OrgStatus.REMOVED):
        publication = fed.publication()
        changes.set_status(publication, SHELTER, status)
        fed.publish(publication)
        assert read(store, fed.files()).organisations[SHELTER].status is status
    with pytest.raises(UntrustedError):
        changes.set_status(fed.publication(), SHELTER, OrgStatus.ACTIVE)


def test_a_country_is_added(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """Anchors delegate a folder to its key; it publishes policy, gate and members; no code changes."""
    signer = create_key(tmp_path / "tj" / "tj.key", PASSPHRASE, memory_kib=DEVELOPMENT_KIB)
    text = (data_dir("keys") / "policies" / "kz.toml").read_text("utf-8").replace('country = "kz"', 'country = "tj"')
    publication = fed.publication()
    changes.add_country(publication, TJ, compile_policy(text), import_public(export_public(signer)))
    gate = Profile(OrgId("tj-gate"), TJ, OrgRole.GATE, "Gate of tj")
    changes.enrol(publication, first_file(gate, signing_pair("tj"), kem_private("tj"), NOW_MS))
    sign_with(publication, [signer])
    fed.publish(publication)
    directory = read(store, fed.files())
    assert directory.countries() == ("kg", "kz", "tj", "tm", "uz")
    assert directory.organisations[OrgId("tj-gate")].country == TJ


def test_a_country_s_lost_delegation_key_is_replaced(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """Anchors give the folder to a new key; what the old one signs is over."""
    signer = create_key(tmp_path / "new" / "uz.key", PASSPHRASE, memory_kib=DEVELOPMENT_KIB)
    publication = fed.publication()
    publication.delegate(UZ, signer.public_key)
    publication.sign(all_signers(fed.paths, fed.passphrases)[fed.paths.delegation(UZ)])
    sign_with(publication, [signer])
    fed.publish(publication)
    assert SHELTER in read(store, fed.files()).organisations
    publication = fed.publication()
    changes.set_status(publication, SHELTER, OrgStatus.SUSPENDED)
    _fails(publication, fed, Code.SIGNATURE_INVALID)


def test_anchors_change_by_the_threshold_of_old_and_new(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """A fifth anchor, four of five; then one leaves; readers follow root by root."""
    fifth = create_key(tmp_path / "more" / "tj.key", PASSPHRASE, memory_kib=DEVELOPMENT_KIB)
    publication = fed.publication()
    changes.add_anchor(publication, fifth.public_key, 4)
    fed.publish(publication)
    kz = load_signer(fed.paths.anchor(KZ), PASSPHRASE)
    publication = fed.publication()
    changes.remove_anchor(publication, kz.public_key.keyid, 3)
    fed.publish(publication)
    assert Repository(fed.paths.repository).root().signed.version == 3
    assert read(store, fed.files()).version == 3
    with pytest.raises(SetupError):
        changes.remove_anchor(fed.publication(), kz.public_key.keyid, 3)
    publication = fed.publication()
    changes.revoke(publication, SHELTER, fed.pair(SHELTER).kid, NOW_MS, by_anchors=True)
    assert publication.sign(kz) == ()
    fed.publish(publication)
    assert read(store, fed.files()).version == 4


@pytest.mark.parametrize("role", ["snapshot", "timestamp"])
def test_an_online_key_is_replaced(fed: Lab, store: TrustStore, role: str) -> None:
    """Three anchors give the role to a new key; the old one's signatures are over, readers follow."""
    path = fed.paths.online(role)
    old = load_signer(path, PASSPHRASE)
    path.rename(path.with_suffix(".old"))
    publication = fed.publication()
    changes.replace_online(publication, role, create_key(path, PASSPHRASE, memory_kib=DEVELOPMENT_KIB).public_key)
    assert publication.missing() == {"root": 3}
    fed.publish(publication)
    assert read(store, fed.files()).version == 2
    signers = {name: load_signer(fed.paths.online(name), PASSPHRASE) for name in ("snapshot", "timestamp")}
    signers[role] = old
    publication = fed.publication()
    changes.set_status(publication, SHELTER, OrgStatus.SUSPENDED)
    publication.sign(load_signer(fed.paths.delegation(UZ), PASSPHRASE))
    with pytest.raises(UntrustedError):
        publication.publish(signers["snapshot"], signers["timestamp"])


def test_a_country_leaves(fed: Lab, store: TrustStore) -> None:
    """Its members are unknown from then on; versions from before are kept; the others go on."""
    publication = fed.publication()
    changes.set_status(publication, SHELTER, OrgStatus.SUSPENDED)
    changes.remove_country(publication, UZ)
    assert publication.missing() == {"targets": 3}
    fed.publish(publication)
    directory = read(store, fed.files())
    assert directory.countries() == ("kg", "kz", "tm")
    assert SHELTER not in directory.organisations
    before = store.history.at(1)
    assert before is not None
    assert SHELTER in before.organisations
    with pytest.raises(SetupError):
        changes.remove_country(fed.publication(), UZ)


def test_a_policy_only_moves_forward(fed: Lab, store: TrustStore) -> None:
    """A later version replaces it; the same number or another country's text does not."""
    text = (data_dir("keys") / "policies" / "uz.toml").read_text("utf-8")
    with pytest.raises(UntrustedError):
        changes.put_policy(fed.publication(), UZ, compile_policy(text))
    with pytest.raises(UntrustedError) as caught:
        changes.put_policy(fed.publication(), KZ, compile_policy(text.replace("version = 1", "version = 2")))
    assert caught.value.code is Code.WRONG_COUNTRY
    publication = fed.publication()
    later_text = text.replace("version = 1", "version = 2").replace("majority_age = 18", "majority_age = 19")
    changes.put_policy(publication, UZ, compile_policy(later_text))
    fed.publish(publication)
    assert read(store, fed.files()).policies[UZ].majority_age == 19


def test_unknown_names_are_errors(fed: Lab) -> None:
    """An id or key that is not in the directory."""
    for org_id, kid, code in (
        (OrgId("uz-99999999"), fed.pair(SHELTER).kid, Code.ORGANISATION_UNKNOWN),
        (SHELTER, KeyId(bytes(16)), Code.KEY_UNKNOWN),
    ):
        with pytest.raises(SetupError) as caught:
            changes.revoke(fed.publication(), org_id, kid, NOW_MS)
        assert caught.value.code is code
    with pytest.raises(SetupError):
        fed.publication().remove(UZ, "uz/nothing.json")
