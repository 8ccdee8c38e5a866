"""What a country's log must show before it is believed: its keys, the witnesses of the others, how many of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pytest

from refbus.core.directory import Directory, OrgRole, OrgStatus
from refbus.core.ids import CountryCode, OrgId
from refbus.errors import Code, RefbusError, UncheckableError, UntrustedError
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.cosignature import cosign
from refbus.tlog.keys import SigType, VerifierKey
from refbus.tlog.note import Note
from refbus.tlog.policy import NONE, Policy
from refbus.trust.reader.log_policy import audit_keys, auditor_of, log_name, log_policy, policy_text
from support.directories import NOW_MS, Federation, auditor, federation, log_name_of, log_secret

KZ, KG, TM, UZ = (CountryCode(code) for code in ("kz", "kg", "tm", "uz"))
ORIGIN = "kz.audit.refbus.example/2026b"
CHECKPOINT = Checkpoint(ORIGIN, 7, bytes(32))
BOTH = (SigType.ED25519_COSIGNATURE, SigType.MLDSA44_COSIGNATURE)
FED = federation((KZ, KG, TM, UZ)).with_audit_keys(quorum=2)


def _note(*witnesses: tuple[str, Iterable[SigType]]) -> Note:
    """Return a checkpoint of kz, cosigned by the witnesses of these countries with keys of these types."""
    note = sign_checkpoint(CHECKPOINT, log_secret(auditor("kz")).log_key(ORIGIN))
    lines = [
        cosign(CHECKPOINT, key, 1_780_000_000)
        for country, kinds in witnesses
        for key in log_secret(auditor(country)).witness_keys(log_name_of(country))
        if key.verifier.type in kinds
    ]
    return note.with_signatures(lines)


def _code(policy: Policy, note: Note) -> Code | None:
    try:
        policy.check(note)
    except RefbusError as error:
        return error.code
    return None


def _refused(directory: Directory, code: Code, country: CountryCode = KZ) -> None:
    with pytest.raises(UncheckableError) as caught:
        policy_text(directory, country)
    assert caught.value.code is code


def _without(fed: Federation, country: str, kind: SigType) -> Federation:
    keys = fed.directory.organisations[auditor(country)].audit_keys
    return fed.changed(auditor(country), audit_keys=tuple(k for k in keys if VerifierKey.parse(k).type is not kind))


def test_the_log_of_a_country_has_a_name_and_an_owner() -> None:
    """Both come from what the one active auditor lists."""
    assert auditor_of(FED.directory, KZ).org_id == auditor("kz")
    assert log_name(FED.directory, KZ) == "kz.audit.refbus.example"
    assert list(audit_keys(FED.directory, KZ).logs) == ["2026b", "2027a", "2027b", "2028a"]
    assert set(audit_keys(FED.directory, KZ).witness) == set(BOTH)


def test_two_whole_witnesses_abroad_make_the_quorum() -> None:
    """Any two of the other three, each with both signatures."""
    policy = log_policy(FED.directory, KZ)
    for pair in ((KG, TM), (KG, UZ), (TM, UZ)):
        assert _code(policy, _note(*((country, BOTH) for country in pair))) is None


@pytest.mark.parametrize("kind", BOTH)
def test_half_a_witness_is_none(kind: SigType) -> None:
    """A cosignature of one type alone does not count: a break of either algorithm opens nothing."""
    assert _code(log_policy(FED.directory, KZ), _note((KG, BOTH), (TM, [kind]), (UZ, [kind]))) is Code.QUORUM_MISSING


def test_a_country_is_no_witness_of_itself() -> None:
    """Its own cosignatures beside those of one neighbour are not enough."""
    assert _code(log_policy(FED.directory, KZ), _note((KZ, BOTH), (KG, BOTH))) is Code.QUORUM_MISSING
    assert "witness kz" not in policy_text(FED.directory, KZ)


def test_every_listed_shard_is_a_log_of_the_policy() -> None:
    """Old and coming half-years; the log of another country is not among them."""
    policy = log_policy(FED.directory, KZ)
    assert [log.key.name for log in policy.logs] == [
        f"{log_name_of('kz')}/{s}" for s in ("2026b", "2027a", "2027b", "2028a")
    ]
    assert _code(log_policy(FED.directory, UZ), _note((KG, BOTH), (TM, BOTH))) is Code.KEY_UNKNOWN


def test_the_quorum_is_the_countrys_own() -> None:
    """Three demanded: two are too few. None demanded: the log's own signature is enough, witnesses are still known."""
    three = FED.with_policy(KZ, audit_quorum=3).directory
    assert _code(log_policy(three, KZ), _note((KG, BOTH), (TM, BOTH))) is Code.QUORUM_MISSING
    assert _code(log_policy(three, UZ), _note((KG, BOTH))) is Code.KEY_UNKNOWN
    none = log_policy(FED.with_policy(KZ, audit_quorum=0).directory, KZ)
    assert none.quorum == NONE
    assert none.check(_note((KG, BOTH))).quorum_at_s is None
    assert len(none.check(_note((KG, BOTH))).times_s) == 2


def test_a_quorum_that_nobody_can_give_is_said() -> None:
    """Fewer witnesses than demanded: suspended, without one of the types, or never there."""
    _refused(FED.with_policy(KZ, audit_quorum=4).directory, Code.QUORUM_MISSING)
    suspended = FED.changed(auditor("kg"), status=OrgStatus.SUSPENDED)
    assert "witness kg" not in policy_text(suspended.directory, KZ)
    _refused(_without(suspended, "tm", SigType.MLDSA44_COSIGNATURE).directory, Code.QUORUM_MISSING)
    _refused(_without(suspended, "tm", SigType.ED25519_COSIGNATURE).directory, Code.QUORUM_MISSING)


def test_a_country_without_one_auditor_has_no_log() -> None:
    """No keys, suspended, or two auditors of which nobody could say whose log counts."""
    _refused(FED.changed(auditor("kz"), audit_keys=()).directory, Code.KEY_UNKNOWN)
    _refused(FED.changed(auditor("kz"), status=OrgStatus.SUSPENDED).directory, Code.KEY_UNKNOWN)
    _refused(FED.changed(auditor("kz"), role=OrgRole.NGO).directory, Code.KEY_UNKNOWN)
    _refused(FED.directory, Code.KEY_UNKNOWN, CountryCode("tj"))
    second = dataclasses.replace(FED.directory.organisations[auditor("kz")], org_id=OrgId("kz-second01"))
    both = FED.next_version(organisations={**FED.directory.organisations, second.org_id: second}).directory
    _refused(both, Code.KEY_UNKNOWN)
    assert "witness kz" not in policy_text(both, UZ)


def test_no_public_key_stands_twice_in_a_policy() -> None:
    """A witness under another country's key is refused, should a directory ever hold one."""
    twin = FED.changed(auditor("kg"), audit_keys=FED.directory.organisations[auditor("tm")].audit_keys)
    with pytest.raises(UntrustedError) as caught:
        log_policy(twin.directory, KZ)
    assert caught.value.code is Code.KEY_INVALID


def test_the_policy_is_a_file_of_its_own() -> None:
    """Printed, kept and read years later, it gives the same policy; it says from which version it is."""
    text = policy_text(FED.directory, KZ)
    assert text.startswith("# The audit log of kz, from version 2 ")
    assert Policy.parse(text.encode()) == log_policy(FED.directory, KZ)


@pytest.mark.parametrize(("days", "ahead"), [(0, 3), (120, 2), (300, 1), (500, 0), (800, 0)])
def test_keys_ahead_are_counted(days: int, ahead: int) -> None:
    """For how many half-years after the present one there are keys without a gap."""
    assert audit_keys(FED.directory, KZ).shards_ahead(NOW_MS + days * 86_400_000) == ahead


def test_a_policy_is_made_once_for_each_version_and_says_what_its_text_says() -> None:
    """The same version gives the same policy, a newer one its own, and the text of each reads back as the policy."""
    policy = log_policy(FED.directory, KZ)
    assert log_policy(FED.directory, KZ) is policy
    assert Policy.parse(policy_text(FED.directory, KZ).encode()) == policy
    newer = dataclasses.replace(FED.directory, version=FED.directory.version + 1)
    assert log_policy(newer, KZ) == policy
    assert log_policy(newer, KZ) is not policy
    assert log_policy(FED.directory, UZ) != policy


def test_what_could_not_be_made_of_a_version_is_asked_for_again() -> None:
    """An error is not remembered in place of a policy."""
    for _ in range(2):
        with pytest.raises(UncheckableError):
            log_policy(federation((KZ,)).directory, KZ)
