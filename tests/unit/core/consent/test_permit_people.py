"""Children, guardians, directory and policy in the consent decision."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.consent.permit import decide
from refbus.core.consent.record import Assent, Grantor, GrantorKind, Obligation
from refbus.core.directory import OrgStatus
from refbus.core.ids import CountryCode
from refbus.core.units import DAY_MS
from refbus.errors import Code
from support.asking import FED, GUARDIAN, POLICY, YEAR_MS, ask
from support.consents import (
    GIVEN_MS,
    PARTY,
    UNTIL_MS,
    child_record,
    consent_record,
    disclosure,
    evidence,
    report,
)
from support.directories import NOW_MS


def test_a_guardian_and_the_child_together_permit_until_majority() -> None:
    """The permit asks to be renewed by the person when of age."""
    decision = ask(child_record())
    assert decision.permit
    assert decision.obligations == (Obligation.ASK_AGAIN_AT_MAJORITY,)


CHILD: dict[str, tuple[dict[str, Any], set[Code]]] = {
    "child said no": ({"assent": Assent.REFUSED}, {Code.ASSENT_MISSING}),
    "child not asked": ({"assent": Assent.NOT_ASKED}, {Code.ASSENT_MISSING}),
    "asking left out at 14": ({"assent": Assent.NOT_REQUIRED}, {Code.ASSENT_MISSING}),
    "no evidence": ({"grantor": dataclasses.replace(GUARDIAN, authority_evidence=None)}, {Code.GRANTOR_NOT_ENTITLED}),
    "conflict not checked": (
        {"grantor": dataclasses.replace(GUARDIAN, conflict_checked=False)},
        {Code.GRANTOR_NOT_ENTITLED},
    ),
    "authority over": (
        {"grantor": dataclasses.replace(GUARDIAN, authority_until_ms=NOW_MS)},
        {Code.GUARDIAN_AUTHORITY_EXPIRED},
    ),
    "authority without end": (
        {"grantor": dataclasses.replace(GUARDIAN, authority_until_ms=None)},
        {Code.GUARDIAN_AUTHORITY_EXPIRED},
    ),
    "came of age": ({"majority_at_ms": NOW_MS}, {Code.GRANTOR_NOT_ENTITLED}),
    "was of age": ({"majority_at_ms": GIVEN_MS}, {Code.GRANTOR_NOT_ENTITLED}),
}


@pytest.mark.parametrize("name", CHILD)
def test_each_gap_in_the_protection_of_a_child_has_its_reason(name: str) -> None:
    """One gap, exactly its reasons."""
    changes, reasons = CHILD[name]
    assert ask(child_record(**changes)).reasons == tuple(sorted(reasons))


def test_an_infant_need_not_be_asked_but_a_no_still_counts() -> None:
    """Below the assent age of the policy NOT_REQUIRED is accepted; a refusal or an omission never is."""
    infant = {"majority_at_ms": GIVEN_MS + 17 * YEAR_MS}
    assert ask(child_record(**infant, assent=Assent.NOT_REQUIRED)).permit
    for assent in (Assent.REFUSED, Assent.NOT_ASKED):
        assert ask(child_record(**infant, assent=assent)).reasons == (Code.ASSENT_MISSING,)


def test_the_assent_age_is_that_of_the_country_where_the_child_was_asked() -> None:
    """The deciding country's own age does not matter, so that all four points agree."""
    proofs = [evidence(child_record(assent=Assent.NOT_REQUIRED))]
    grown = FED.with_policy("kz", assent_age=18).directory
    assert decide(disclosure(), proofs, grown, POLICY, NOW_MS).permit
    lenient = dataclasses.replace(POLICY, assent_age=18)
    assert decide(disclosure(), proofs, FED.directory, lenient, NOW_MS).reasons == (Code.ASSENT_MISSING,)


def test_the_assent_age_is_a_boundary_that_errs_towards_asking() -> None:
    """Eleven years of 366 days before majority the child is asked; a millisecond more and it need not be."""
    edge = GIVEN_MS + 11 * 366 * DAY_MS
    assert not ask(child_record(majority_at_ms=edge, assent=Assent.NOT_REQUIRED)).permit
    assert ask(child_record(majority_at_ms=edge + 1, assent=Assent.NOT_REQUIRED)).permit


def test_an_authority_that_ends_in_the_middle_ends_the_permit() -> None:
    """The guardian's authority, and the child's coming of age, limit the time of the permit."""
    short = dataclasses.replace(GUARDIAN, authority_until_ms=NOW_MS + 5)
    assert ask(child_record(grantor=short)).valid_for_ms == 5
    assert ask(child_record(majority_at_ms=NOW_MS + 6)).valid_for_ms == 6
    assert ask(child_record(grantor=short), at=NOW_MS + 5).reasons == (Code.GUARDIAN_AUTHORITY_EXPIRED,)


def test_a_person_who_came_of_age_speaks_alone() -> None:
    """After majority a record by the person itself permits; one that it gave as a child does not."""
    of_age = {"majority_at_ms": GIVEN_MS}
    assert ask(consent_record(**of_age)).permit
    assert ask(consent_record(majority_at_ms=GIVEN_MS + 1)).reasons == (Code.ASSENT_MISSING, Code.GRANTOR_NOT_ENTITLED)


def test_an_adult_may_have_a_representative_appointed_by_a_court() -> None:
    """A court-appointed or legal representative speaks for an adult, without the duty of asking at majority."""
    for kind in (GrantorKind.COURT_APPOINTED, GrantorKind.LEGAL_REPRESENTATIVE):
        decision = ask(consent_record(grantor=dataclasses.replace(GUARDIAN, kind=kind)))
        assert decision.permit
        assert decision.obligations == ()
    parent = dataclasses.replace(GUARDIAN, kind=GrantorKind.PARENT)
    assert ask(consent_record(grantor=parent)).reasons == (Code.GRANTOR_NOT_ENTITLED,)


def test_what_is_said_of_a_guardian_does_not_limit_a_person_who_speaks_alone() -> None:
    """A stray end of authority in a SELF record has no meaning."""
    stray = Grantor(GrantorKind.SELF, authority_until_ms=NOW_MS + 1)
    assert ask(consent_record(grantor=stray)).valid_for_ms > 1


@pytest.mark.parametrize("status", [OrgStatus.SUSPENDED, OrgStatus.REMOVED])
def test_a_recipient_that_is_not_active_is_revoked(status: OrgStatus) -> None:
    """Nothing is disclosed to an organisation that was suspended or removed."""
    directory = FED.changed(PARTY, status=status).directory
    decision = decide(disclosure(), [evidence(consent_record())], directory, POLICY, NOW_MS)
    assert decision.reasons == (Code.RECIPIENT_REVOKED,)


def test_an_expired_directory_is_a_stale_view() -> None:
    """At the end of the directory's validity the answer is VIEW_STALE, one millisecond before it permits."""
    end = FED.directory.expires_at_ms
    assert ask(consent_record(), at=end - 1).valid_for_ms == 1
    assert ask(consent_record(), at=end).reasons == (Code.VIEW_STALE,)


def test_the_shortest_limit_of_both_countries_counts_everywhere() -> None:
    """The party's country may allow a shorter life of consent, and the collector's gate already sees that."""
    for country, deciding in (("uz", "kz"), ("kz", "uz")):
        fed = FED.with_policy(country, consent_max_days=30)
        policy = fed.directory.policies[CountryCode(deciding)]
        decision = decide(disclosure(), [evidence(consent_record())], fed.directory, policy, NOW_MS)
        assert decision.reasons == (Code.LIFETIME_EXCEEDS_POLICY,)


def test_the_deciding_country_s_own_limit_counts_too() -> None:
    """The policy that is passed in limits the life even when it is of a third country."""
    policy = dataclasses.replace(FED.directory.policies[CountryCode("kg")], consent_max_days=30)
    decision = decide(disclosure(), [evidence(consent_record())], FED.directory, policy, NOW_MS)
    assert decision.reasons == (Code.LIFETIME_EXCEEDS_POLICY,)


def test_a_life_of_exactly_the_limit_is_allowed() -> None:
    """The limit itself is inside."""
    assert ask(consent_record(valid_until_ms=GIVEN_MS + YEAR_MS)).permit


def test_a_collector_that_the_directory_does_not_know_has_no_notice() -> None:
    """Without the collector's country no text is recognised, and nothing raises."""
    ghost: Any = "kz-gh0st000"
    record = child_record(collected_by=ghost, majority_at_ms=GIVEN_MS + 17 * YEAR_MS, assent=Assent.NOT_REQUIRED)
    assert ask(record, request=disclosure(sender=ghost)).reasons == (Code.NOTICE_UNKNOWN,)


def test_a_country_that_wants_the_person_told_gets_an_obligation() -> None:
    """The duty to notify comes from the policy of the collector's country, for disclosures only."""
    fed = FED.with_policy("kz", notify_subject=True)
    records = [evidence(consent_record())]
    told = decide(disclosure(), records, fed.directory, POLICY, NOW_MS)
    back = decide(report(), records, fed.directory, POLICY, NOW_MS)
    assert (told.obligations, back.obligations) == ((Obligation.NOTIFY_SUBJECT,), ())


@pytest.mark.parametrize("at", [GIVEN_MS, UNTIL_MS - 1])
def test_the_interval_is_half_open(at: int) -> None:
    """The first millisecond is inside, the end is outside."""
    directory = dataclasses.replace(FED.directory, expires_at_ms=UNTIL_MS + DAY_MS)
    records = [evidence(consent_record())]
    assert decide(disclosure(), records, directory, POLICY, at).permit
    assert decide(disclosure(), records, directory, POLICY, GIVEN_MS - 1).reasons == (Code.NOT_YET_VALID,)
    assert decide(disclosure(), records, directory, POLICY, UNTIL_MS).reasons == (Code.EXPIRED,)


def test_a_clock_a_little_behind_the_collector_s_does_not_matter() -> None:
    """A record said up to the tolerated difference in the future is believed."""
    assert ask(consent_record(event_time_ms=NOW_MS + 600_000)).permit
