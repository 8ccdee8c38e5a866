"""Each refusal of a gate with its codes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.directory import OrgRole, OrgStatus
from refbus.core.gate.passage import Outcome, Presented
from refbus.core.gate.verdicts import Forward, Refuse
from refbus.core.ids import OrgId
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import DataCategory, Residency
from refbus.errors import Code
from support.consents import (
    COLLECTOR,
    PARTY,
    consent_record,
    deny,
    evidence,
    provision,
)
from support.directories import NOW_MS, Federation, agency, gate, ngo, second_ngo
from support.passages import (
    NOW_HOUR,
    MemoryNode,
    block,
    header,
    passed,
    presented,
    wrong_key,
)
from support.roads import FED, SKEW_MS, E, into, out, sent, stop

UNKNOWN_ORG = OrgId("uz-n0b0dy00")

REFUSED_AT_EGRESS: dict[str, tuple[Presented, set[Code]]] = {
    "no consent": (presented(consent=None), {Code.NO_CONSENT}),
    "unreadable consent": (
        presented(consent=None, consent_error=Code.NOT_CANONICAL),
        {Code.NO_CONSENT, Code.NOT_CANONICAL},
    ),
    "consent not signed": (
        presented(proof=evidence(consent_record(), signature_ok=False)),
        {Code.BAD_SIGNATURE},
    ),
    "recipient not covered": (
        presented(block(recipient=second_ngo("uz"))),
        {Code.RECIPIENT_NOT_COVERED},
    ),
    "category withheld": (
        presented(block(data_categories=(DataCategory.HEALTH,))),
        {Code.CATEGORY_NOT_COVERED},
    ),
    "denied": (presented(record=consent_record(provisions=(provision(), deny()))), {Code.EXPLICIT_DENY}),
    "legal basis": (presented(block(legal_basis_record=b"x")), {Code.LEGAL_BASIS_REQUIRED}),
    "expired": (presented(header=header(expires_at_hour=NOW_HOUR)), {Code.MESSAGE_EXPIRED}),
    "too long a life": (presented(header=header(expires_at_hour=NOW_HOUR + 722)), {Code.MESSAGE_LIFE_TOO_LONG}),
    "from another country": (
        presented(block(sender=agency("kg"))),
        {Code.WRONG_COUNTRY},
    ),
    "unknown recipient": (
        presented(dataclasses.replace(block(), recipient=UNKNOWN_ORG)),
        {Code.ORGANISATION_UNKNOWN},
    ),
    "unknown sender": (
        presented(dataclasses.replace(block(), sender=UNKNOWN_ORG)),
        {Code.ORGANISATION_UNKNOWN},
    ),
    "unknown key of the sender": (presented(block(sender_kid=wrong_key())), {Code.KEY_UNKNOWN}),
    "unknown key of the recipient": (presented(block(recipient_kid=wrong_key())), {Code.KEY_UNKNOWN}),
    "to a gate": (
        presented(block(recipient=gate("uz"))),
        {Code.ROLE_NOT_ALLOWED, Code.RECIPIENT_NOT_COVERED},
    ),
    "from a gate": (
        presented(block(sender=gate("kz"))),
        {Code.ROLE_NOT_ALLOWED, Code.RECIPIENT_NOT_COVERED},
    ),
    "answer to nothing": (presented(block(E.REFERRAL_ACCEPTED)), {Code.STATE_NOT_ALLOWED}),
    "information for nothing": (presented(block(E.INFORMATION_PROVIDED)), {Code.STATE_NOT_ALLOWED}),
    "control event with data": (
        presented(block(E.REFERRAL_CANCELLED, data_categories=(DataCategory.IDENTITY,))),
        {Code.DECLARATION_MISMATCH, Code.NOT_A_PARTY, Code.STATE_NOT_ALLOWED},
    ),
    "control event to a stranger": (presented(block(E.UNDECRYPTABLE)), {Code.NOT_A_PARTY}),
    "control event with an unreadable record": (
        presented(block(E.UNDECRYPTABLE), consent=None, consent_error=Code.MALFORMED),
        {Code.NOT_A_PARTY, Code.MALFORMED},
    ),
    "control event with a legal basis": (
        presented(block(E.UNDECRYPTABLE, legal_basis_record=b"x")),
        {Code.NOT_A_PARTY, Code.LEGAL_BASIS_REQUIRED},
    ),
    "withdrawal to a stranger": (stop(), {Code.NOT_A_PARTY}),
    "withdrawal without a record": (
        presented(block(E.CONSENT_WITHDRAWN), consent=None),
        {Code.NO_CONSENT, Code.NOT_A_PARTY},
    ),
    "withdrawal with a record that gives": (
        presented(block(E.CONSENT_WITHDRAWN)),
        {Code.DECLARATION_MISMATCH, Code.NOT_A_PARTY},
    ),
}


@pytest.mark.parametrize("name", REFUSED_AT_EGRESS)
def test_each_fault_is_refused_at_egress_with_its_reasons(name: str) -> None:
    """Exactly these codes, sorted, and the sender is told."""
    event, codes = REFUSED_AT_EGRESS[name]
    verdict = out(event)
    assert isinstance(verdict, Refuse)
    assert (verdict.codes, verdict.notify) == (tuple(sorted(codes)), event.block.sender)
    assert verdict.outcome is Outcome.REFUSED


def test_a_refusal_at_egress_leaves_no_fact_and_no_disclosure() -> None:
    """What did not leave was not said: the sender can correct it and send it again."""
    node = MemoryNode("kz")
    out(presented(consent=None), node=node)
    assert (node.referrals, node.ledger) == ({}, {})


REFUSED_AT_INGRESS: dict[str, tuple[Presented, set[Code]]] = {
    "no pass": (presented(), {Code.PASS_INVALID}),
    "passed by another country": (passed(presented(), "kg"), {Code.WRONG_COUNTRY}),
    "not for this country": (
        passed(presented(block(recipient=ngo("kg")))),
        {Code.WRONG_COUNTRY},
    ),
    "no consent": (passed(presented(consent=None)), {Code.NO_CONSENT}),
    "expired": (passed(presented(header=header(expires_at_hour=NOW_HOUR))), {Code.MESSAGE_EXPIRED}),
}


@pytest.mark.parametrize("name", REFUSED_AT_INGRESS)
def test_each_fault_is_refused_at_ingress_with_its_reasons(name: str) -> None:
    """The gate of destination asks everything again, and for the pass."""
    event, codes = REFUSED_AT_INGRESS[name]
    verdict = into(event)
    assert isinstance(verdict, Refuse)
    assert (verdict.codes, verdict.notify) == (tuple(sorted(codes)), event.block.sender)


def test_a_country_without_policy_decides_nothing() -> None:
    """A node whose own country is not in the directory refuses everything."""
    verdict = out(node=MemoryNode("tm"))
    assert isinstance(verdict, Refuse)
    assert verdict.codes == (Code.DIRECTORY_INVALID,)


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (OrgStatus.SUSPENDED, (Code.ORGANISATION_SUSPENDED, Code.RECIPIENT_REVOKED)),
        (OrgStatus.REMOVED, (Code.RECIPIENT_REVOKED,)),
    ],
)
def test_nothing_goes_to_an_organisation_that_is_not_active(status: OrgStatus, codes: tuple[Code, ...]) -> None:
    """Both gates look at the newest directory."""
    fed = FED.changed(PARTY, status=status)
    assert out(fed=fed).codes == codes
    assert into(fed=fed).codes == codes


def test_a_suspended_organisation_is_still_told_to_stop() -> None:
    """Withdrawal, cancellation and entry in error reach it; a removed one has no inbox any more."""
    for event in (stop(), presented(block(E.REFERRAL_CANCELLED)), presented(block(E.ENTERED_IN_ERROR))):
        kz, _ = sent()
        assert isinstance(out(event, FED.changed(PARTY, status=OrgStatus.SUSPENDED), node=kz), Forward)
    kz, _ = sent()
    assert out(stop(), FED.changed(PARTY, status=OrgStatus.REMOVED), node=kz).codes == (Code.RECIPIENT_REVOKED,)
    kz, _ = sent()
    suspended = FED.changed(PARTY, status=OrgStatus.SUSPENDED)
    assert out(presented(block(E.UNDECRYPTABLE)), suspended, node=kz).codes == (Code.ORGANISATION_SUSPENDED,)


def test_a_sender_that_lost_its_standing_while_held_is_refused() -> None:
    """Suspension, a changed role or a compromised key count also for an event that was taken in before."""
    key = dataclasses.replace(FED.directory.organisations[COLLECTOR].signing_keys[0], compromised_since_ms=NOW_MS)
    for changes, code in (
        ({"status": OrgStatus.SUSPENDED}, Code.ORGANISATION_SUSPENDED),
        ({"signing_keys": (key,)}, Code.KEY_REVOKED),
        ({"role": OrgRole.AUDITOR}, Code.ROLE_NOT_ALLOWED),
    ):
        assert out(presented(resumed=True), FED.changed(COLLECTOR, **changes)).codes == (code,)


def test_a_key_of_the_recipient_is_good_while_its_private_half_is_kept() -> None:
    """Egress grants the grace after its term, ingress the longest message life as well; a revoked one never."""
    key = FED.directory.organisations[PARTY].kem_keys[0]
    grace_ms, life_ms = 72 * HOUR_MS, 720 * HOUR_MS

    def with_key(**changes: Any) -> Federation:
        return FED.changed(PARTY, kem_keys=(dataclasses.replace(key, **changes),))

    assert isinstance(out(fed=with_key(not_after_ms=NOW_MS - grace_ms + 1)), Forward)
    assert out(fed=with_key(not_after_ms=NOW_MS - grace_ms)).codes == (Code.KEY_EXPIRED,)
    assert isinstance(into(fed=with_key(not_after_ms=NOW_MS - grace_ms - life_ms + 1)), Forward)
    assert into(fed=with_key(not_after_ms=NOW_MS - grace_ms - life_ms)).codes == (Code.KEY_EXPIRED,)
    assert isinstance(out(fed=with_key(not_before_ms=NOW_MS + SKEW_MS)), Forward)
    assert out(fed=with_key(not_before_ms=NOW_MS + SKEW_MS + 1)).codes == (Code.KEY_EXPIRED,)
    assert out(fed=with_key(revoked=True)).codes == (Code.KEY_REVOKED,)


def test_biometric_data_stay_in_a_country_that_keeps_them() -> None:
    """Residency is decided at egress, whatever consent says, and only when the data would leave."""
    photo = (DataCategory.PHOTO_BIOMETRIC,)
    allowed = consent_record(
        collected_by=agency("uz"),
        jurisdiction="uz",
        party=ngo("kz"),
        provisions=(provision(recipients=(ngo("kz"),), countries=("kz",), data_categories=photo),),
    )
    event = presented(block(sender=agency("uz"), recipient=ngo("kz"), data_categories=photo), record=allowed)
    assert out(event, node=MemoryNode("uz")).codes == (Code.RESIDENCY_FORBIDDEN,)
    assert isinstance(into(passed(event, "uz"), node=MemoryNode("kz")), Forward)
    home = dataclasses.replace(
        allowed,
        party=ngo("uz"),
        provisions=(provision(recipients=(ngo("uz"),), data_categories=photo),),
    )
    domestic = presented(block(sender=agency("uz"), recipient=ngo("uz"), data_categories=photo), record=home)
    assert isinstance(out(domestic, node=MemoryNode("uz")), Forward)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (Residency.FORBIDDEN, Code.RESIDENCY_FORBIDDEN),
        (Residency.LOCAL_ONLY, Code.RESIDENCY_FORBIDDEN),
        (Residency.CROSS_BORDER_WITH_SCC, Code.LEGAL_BASIS_REQUIRED),
        (None, Code.RESIDENCY_FORBIDDEN),
    ],
)
def test_each_rule_of_residency_has_its_code(rule: Residency | None, code: Code) -> None:
    """A category that the policy does not mention stays at home."""
    table = dict(FED.directory.policies[FED.directory.organisations[COLLECTOR].country].residency)
    del table[DataCategory.IDENTITY]
    if rule is not None:
        table[DataCategory.IDENTITY] = rule
    assert out(fed=FED.with_policy("kz", residency=table)).codes == (code,)
