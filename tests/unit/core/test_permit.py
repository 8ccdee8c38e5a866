"""The consent decision: each rule with the smallest record that breaks it, and the reason that must come out."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.consent import (
    Assent,
    ConsentRecord,
    ConsentState,
    Decision,
    Evidence,
    Grantor,
    GrantorKind,
    Informed,
    KnownConsent,
    NoticeRef,
    Obligation,
    Request,
    Withdrawal,
    withdrawal_of,
)
from refbus.core.directory import OrgStatus
from refbus.core.ids import ConsentId, CountryCode, SubjectRef
from refbus.core.permit import decide
from refbus.core.vocabulary import Action, DataCategory, Purpose
from refbus.errors import Code
from support.consents import (
    COLLECTOR,
    CONSENT_ID,
    GIVEN_MS,
    PARTY,
    UNTIL_MS,
    amended,
    child_record,
    consent_record,
    deny,
    disclosure,
    evidence,
    provision,
    record_sha256,
    report,
    withdrawn,
)
from support.directories import DAY_MS, NOW_MS, agency, federation, ngo, second_ngo

FED = federation(("kz", "uz", "kg"))
POLICY = FED.directory.policies[CountryCode("kz")]
YEAR_MS = 365 * DAY_MS
OTHER_ID = ConsentId(bytes(16))


def ask(*records: ConsentRecord | Evidence, request: Request | None = None, at: int = NOW_MS, **known: Any) -> Decision:
    """Decide on records as if their collectors' signatures held."""
    proofs = [record if isinstance(record, Evidence) else evidence(record) for record in records]
    memory = KnownConsent(**known) if known else None
    return decide(request or disclosure(), proofs, FED.directory, POLICY, at, known=memory)


def test_a_covered_request_is_permitted() -> None:
    """A record that covers everything permits, with itself named and no reason."""
    expected = Decision(True, (), CONSENT_ID, 1, FED.directory.expires_at_ms - NOW_MS, ())
    assert ask(consent_record()) == expected


def test_reporting_back_is_permitted_to_the_collector() -> None:
    """The named party may report back to the organisation that took the consent."""
    assert ask(consent_record(), request=report()).permit


def test_nothing_known_is_no_consent() -> None:
    """Default deny."""
    assert ask() == Decision(False, (Code.NO_CONSENT,), None, None, 0, ())


GUARDIAN = Grantor(GrantorKind.LEGAL_GUARDIAN, bytes(32), UNTIL_MS, conflict_checked=True)
UNKNOWN: Any = "FROM_A_NEWER_SCHEMA"

BROKEN: dict[str, tuple[dict[str, Any], set[Code]]] = {
    "newer schema": ({"schema_version": 2}, {Code.UNKNOWN_VALUE}),
    "unknown state": ({"state": UNKNOWN}, {Code.UNKNOWN_VALUE}),
    "state as bare text": ({"state": "GIVEN"}, {Code.UNKNOWN_VALUE}),
    "unknown grantor": ({"grantor": Grantor(UNKNOWN, bytes(32), UNTIL_MS, True)}, {Code.UNKNOWN_VALUE}),
    "unknown assent": ({"assent": UNKNOWN}, {Code.UNKNOWN_VALUE}),
    "unknown method": ({"method": UNKNOWN}, {Code.UNKNOWN_VALUE}),
    "unknown explanation": ({"informed": (*Informed, UNKNOWN)}, {Code.UNKNOWN_VALUE}),
    "unknown effect": ({"provisions": (provision(), provision(effect=UNKNOWN))}, {Code.UNKNOWN_VALUE}),
    "unknown purpose": ({"provisions": (provision(), provision(purposes=(UNKNOWN,)))}, {Code.UNKNOWN_VALUE}),
    "unknown action": ({"provisions": (provision(), provision(actions=(UNKNOWN,)))}, {Code.UNKNOWN_VALUE}),
    "unknown category": ({"provisions": (provision(), provision(data_categories=(UNKNOWN,)))}, {Code.UNKNOWN_VALUE}),
    "a third organisation": ({"provisions": (provision(), provision(recipients=(ngo("kg"),)))}, {Code.MALFORMED}),
    "another jurisdiction": ({"jurisdiction": CountryCode("uz")}, {Code.MALFORMED}),
    "version zero": ({"version": 0, "prev_hash": bytes(32)}, {Code.MALFORMED}),
    "erased before valid": ({"retain_until_ms": GIVEN_MS}, {Code.MALFORMED}),
    "first version with a predecessor": ({"prev_hash": bytes(32)}, {Code.CHAIN_BROKEN}),
    "second version without one": ({"version": 2}, {Code.CHAIN_BROKEN}),
    "not yet valid": ({"valid_from_ms": NOW_MS + 1}, {Code.NOT_YET_VALID}),
    "said in the future": ({"event_time_ms": NOW_MS + 600_001}, {Code.NOT_YET_VALID}),
    "expired": ({"valid_until_ms": NOW_MS}, {Code.EXPIRED}),
    "too long a life": ({"valid_until_ms": GIVEN_MS + YEAR_MS + 1}, {Code.LIFETIME_EXCEEDS_POLICY}),
    "said long before": ({"event_time_ms": UNTIL_MS - YEAR_MS - 1}, {Code.LIFETIME_EXCEEDS_POLICY}),
    "backdated validity": ({"valid_from_ms": UNTIL_MS - YEAR_MS - 1}, {Code.LIFETIME_EXCEEDS_POLICY}),
    "a guardian for an adult": ({"grantor": GUARDIAN}, {Code.GRANTOR_NOT_ENTITLED}),
    "a child alone": ({"majority_at_ms": NOW_MS + 1, "assent": Assent.GIVEN}, {Code.GRANTOR_NOT_ENTITLED}),
    "unknown notice": ({"notice": NoticeRef("other", bytes(32), "uz")}, {Code.NOTICE_UNKNOWN}),
    "another text": (
        {"notice": dataclasses.replace(consent_record().notice, notice_sha256=bytes(32))},
        {Code.NOTICE_UNKNOWN},
    ),
    "a language it does not exist in": (
        {"notice": dataclasses.replace(consent_record().notice, language="fr")},
        {Code.NOTICE_UNKNOWN},
    ),
    "not told how to withdraw": (
        {"informed": tuple(set(Informed) - {Informed.HOW_TO_WITHDRAW})},
        {Code.NOTICE_UNKNOWN},
    ),
    "refused": ({"state": ConsentState.REFUSED}, {Code.REFUSED}),
    "no provisions": (
        {"provisions": ()},
        {
            Code.PURPOSE_NOT_COVERED,
            Code.ACTION_NOT_COVERED,
            Code.RECIPIENT_NOT_COVERED,
            Code.COUNTRY_NOT_COVERED,
            Code.CATEGORY_NOT_COVERED,
        },
    ),
    "purpose": ({"provisions": (provision(purposes=(Purpose.MEDICAL,)),)}, {Code.PURPOSE_NOT_COVERED}),
    "action": ({"provisions": (provision(actions=(Action.REPORT_BACK,)),)}, {Code.ACTION_NOT_COVERED}),
    "recipient": ({"provisions": (provision(recipients=()),)}, {Code.RECIPIENT_NOT_COVERED}),
    "country": ({"provisions": (provision(countries=(CountryCode("kg"),)),)}, {Code.COUNTRY_NOT_COVERED}),
    "category": ({"provisions": (provision(data_categories=(DataCategory.IDENTITY,)),)}, {Code.CATEGORY_NOT_COVERED}),
    "provision over": ({"provisions": (provision(until_ms=NOW_MS),)}, {Code.EXPIRED}),
    "provision not begun": ({"provisions": (provision(from_ms=NOW_MS + 1),)}, {Code.NOT_YET_VALID}),
    "denied": ({"provisions": (provision(), deny())}, {Code.EXPLICIT_DENY}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_fault_of_a_record_has_its_reason(name: str) -> None:
    """One fault, exactly its reasons, and the record named."""
    changes, reasons = BROKEN[name]
    record = consent_record(**changes)
    assert ask(record) == Decision(False, tuple(sorted(reasons)), record.consent_id, record.version, 0, ())


def test_all_reasons_come_out_sorted() -> None:
    """Reasons are collected over all rules, not the first one only."""
    record = consent_record(valid_until_ms=NOW_MS, schema_version=9, provisions=(deny(), provision(purposes=())))
    decision = ask(record)
    assert decision.reasons == (Code.EXPIRED, Code.PURPOSE_NOT_COVERED, Code.UNKNOWN_VALUE)


REQUESTS: dict[str, tuple[dict[str, Any], set[Code]]] = {
    "no action": ({"actions": frozenset()}, {Code.ACTION_NOT_COVERED}),
    "unknown purpose": ({"purpose": UNKNOWN}, {Code.UNKNOWN_VALUE, Code.PURPOSE_NOT_COVERED}),
    "unknown action": ({"actions": frozenset({UNKNOWN})}, {Code.UNKNOWN_VALUE, Code.ACTION_NOT_COVERED}),
    "unknown category": ({"categories": frozenset({UNKNOWN})}, {Code.UNKNOWN_VALUE, Code.CATEGORY_NOT_COVERED}),
    "withheld category": ({"categories": frozenset({DataCategory.HEALTH})}, {Code.CATEGORY_NOT_COVERED}),
    "another purpose": ({"purpose": Purpose.MEDICAL}, {Code.PURPOSE_NOT_COVERED}),
    "one more country": ({"countries": frozenset({CountryCode("kg")})}, {Code.COUNTRY_NOT_COVERED}),
    "onward": ({"onward": True}, {Code.ONWARD_NOT_COVERED}),
    "legal basis": ({"legal_basis": True}, {Code.LEGAL_BASIS_REQUIRED}),
    "another person": ({"subject_ref": SubjectRef(bytes(32))}, {Code.SUBJECT_MISMATCH}),
    "another party": ({"recipient": second_ngo("uz"), "party": second_ngo("uz")}, {Code.RECIPIENT_NOT_COVERED}),
    "another sender": ({"sender": ngo("kz")}, {Code.RECIPIENT_NOT_COVERED}),
    "back to a stranger": (
        {"actions": frozenset({Action.REPORT_BACK}), "sender": PARTY, "recipient": ngo("kz")},
        {Code.RECIPIENT_NOT_COVERED},
    ),
    "disclosed by the party": ({"sender": PARTY, "recipient": COLLECTOR}, {Code.RECIPIENT_NOT_COVERED}),
    "reported by the collector": ({"actions": frozenset({Action.REPORT_BACK})}, {Code.RECIPIENT_NOT_COVERED}),
    "unknown recipient": (
        {"recipient": "uz-nobody00", "party": "uz-nobody00"},
        {Code.RECIPIENT_NOT_COVERED, Code.RECIPIENT_REVOKED},
    ),
    "nowhere": (
        {"recipient": "uz-nobody00", "party": "uz-nobody00", "countries": frozenset()},
        {Code.RECIPIENT_NOT_COVERED, Code.RECIPIENT_REVOKED, Code.COUNTRY_NOT_COVERED},
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_each_overreach_of_a_request_has_its_reason(name: str) -> None:
    """One thing too much, exactly its reasons."""
    changes, reasons = REQUESTS[name]
    assert ask(consent_record(), request=disclosure(**changes)).reasons == tuple(sorted(reasons))


def test_the_country_of_the_party_counts_even_when_not_named() -> None:
    """A request cannot leave out where the party is."""
    record = consent_record(provisions=(provision(countries=(CountryCode("kg"),)),))
    request = disclosure(countries=frozenset({CountryCode("kg")}))
    assert ask(record, request=request).reasons == (Code.COUNTRY_NOT_COVERED,)


def test_contacting_the_person_works_either_way_when_permitted() -> None:
    """An action without a direction of its own is allowed between the two organisations, both ways."""
    record = consent_record(provisions=(provision(actions=(Action.CONTACT_PERSON,)),))
    contact = {"actions": frozenset({Action.CONTACT_PERSON})}
    assert ask(record, request=disclosure(**contact)).permit
    assert ask(record, request=report(**contact)).permit


def test_the_action_of_passing_on_needs_onward_transfer() -> None:
    """ONWARD_REFERRAL as an action is not enough: the provision must allow onward transfer."""
    request = disclosure(actions=frozenset({Action.ONWARD_REFERRAL}))
    narrow = provision(actions=(Action.ONWARD_REFERRAL,))
    wide = dataclasses.replace(narrow, onward_transfer=True)
    assert ask(consent_record(provisions=(narrow,)), request=request).reasons == (Code.ONWARD_NOT_COVERED,)
    assert ask(consent_record(provisions=(wide,)), request=request).permit


def test_each_category_needs_one_whole_provision() -> None:
    """Two provisions that only together would cover a category do not cover it; one each for two categories do."""
    identity, needs = (DataCategory.IDENTITY,), (DataCategory.SERVICE_NEEDS,)
    each = (provision(data_categories=identity), provision(data_categories=needs))
    torn = (provision(data_categories=(), purposes=(Purpose.REFERRAL_SERVICES,)), provision(purposes=()))
    assert ask(consent_record(provisions=each)).permit
    assert ask(consent_record(provisions=torn)).reasons == (Code.CATEGORY_NOT_COVERED, Code.PURPOSE_NOT_COVERED)


def test_the_nearest_provision_explains_the_refusal() -> None:
    """A provision that lacks one thing is reported, not one that lacks many."""
    far = provision(purposes=(), actions=(), countries=())
    near = provision(data_categories=())
    assert ask(consent_record(provisions=(far, near))).reasons == (Code.CATEGORY_NOT_COVERED,)


def test_an_event_without_data_needs_a_permit_without_category() -> None:
    """No category asked: any provision for purpose, action, party and country will do, and none means no."""
    request = disclosure(categories=frozenset())
    assert ask(consent_record(provisions=(provision(data_categories=()),)), request=request).permit
    reasons = ask(consent_record(provisions=()), request=request).reasons
    assert reasons == tuple(
        sorted(
            {Code.PURPOSE_NOT_COVERED, Code.ACTION_NOT_COVERED, Code.RECIPIENT_NOT_COVERED, Code.COUNTRY_NOT_COVERED}
        )
    )


MISSES: dict[str, dict[str, Any]] = {
    "purpose": {"purposes": (Purpose.MEDICAL,)},
    "action": {"actions": (Action.CONTACT_PERSON,)},
    "recipient": {"recipients": ()},
    "country": {"countries": (CountryCode("kg"),)},
    "category": {"data_categories": (DataCategory.HEALTH,)},
    "over": {"until_ms": NOW_MS},
    "not begun": {"from_ms": NOW_MS + 1},
}


@pytest.mark.parametrize("name", MISSES)
def test_a_deny_that_touches_nothing_asked_for_stops_nothing(name: str) -> None:
    """A DENY must match in every dimension."""
    assert ask(consent_record(provisions=(provision(), deny(**MISSES[name])))).permit


def test_a_deny_wins_whether_or_not_it_speaks_of_onward_transfer() -> None:
    """The onward flag widens a PERMIT; it does not narrow a DENY."""
    for onward in (True, False):
        record = consent_record(provisions=(provision(), deny(onward_transfer=onward)))
        assert ask(record).reasons == (Code.EXPLICIT_DENY,)


def test_a_live_deny_in_another_consent_wins() -> None:
    """Across consent ids one must permit and none may deny."""
    other = consent_record(consent_id=OTHER_ID, provisions=(deny(),))
    assert Code.EXPLICIT_DENY in ask(consent_record(), other).reasons


def test_a_deny_that_is_over_or_about_another_person_does_not() -> None:
    """Only a live DENY about this person counts."""
    over = consent_record(consent_id=OTHER_ID, provisions=(deny(),), valid_until_ms=NOW_MS)
    stranger = consent_record(consent_id=OTHER_ID, provisions=(deny(),), subject_ref=SubjectRef(bytes(32)))
    assert ask(consent_record(), over).permit
    assert ask(consent_record(), stranger, request=disclosure(subject_ref=consent_record().subject_ref)).permit


def test_a_live_refusal_in_another_consent_wins_until_it_is_over() -> None:
    """A REFUSED record stops the request as long as it is in force."""
    refused = consent_record(consent_id=OTHER_ID, state=ConsentState.REFUSED)
    assert ask(consent_record(), refused).reasons == (Code.REFUSED,)
    assert ask(consent_record(), dataclasses.replace(refused, valid_until_ms=NOW_MS)).permit
    assert ask(consent_record(), dataclasses.replace(refused, party=second_ngo("uz"))).permit


def test_the_longest_permit_is_named() -> None:
    """Of two permits the one that lasts longer decides, whatever the order."""
    short = consent_record(consent_id=OTHER_ID, valid_until_ms=NOW_MS + 5)
    for records in ((consent_record(), short), (short, consent_record())):
        assert ask(*records).consent_id == CONSENT_ID
    assert ask(short).valid_for_ms == 5


def test_a_permit_ends_with_its_provision() -> None:
    """valid_for is the shortest of all ends: here the provision of one category."""
    needs = provision(data_categories=(DataCategory.SERVICE_NEEDS,), until_ms=NOW_MS + 7)
    longer = dataclasses.replace(needs, until_ms=NOW_MS + 9)
    identity = provision(data_categories=(DataCategory.IDENTITY,))
    assert ask(consent_record(provisions=(identity, needs, longer))).valid_for_ms == 9


# --- signatures and chains ---------------------------------------------------------------------------------------


def test_a_bad_signature_counts_for_nothing() -> None:
    """Neither a permit nor a withdrawal is believed without a signature that holds."""
    record = consent_record()
    assert ask(evidence(record, signature_ok=False)).reasons == (Code.BAD_SIGNATURE,)
    assert ask(record, evidence(withdrawn(record), signature_ok=False)).permit


def test_only_the_collector_gives_and_either_side_withdraws() -> None:
    """GIVEN by the party is nothing; WITHDRAWN and REFUSED by it count; a stranger's do not."""
    record = consent_record()
    stop, no = withdrawn(record), amended(record, state=ConsentState.REFUSED)
    assert ask(evidence(record, signer=PARTY)).reasons == (Code.BAD_SIGNATURE,)
    assert ask(record, evidence(stop, signer=PARTY)).reasons == (Code.WITHDRAWN,)
    assert ask(record, evidence(no, signer=PARTY)).reasons == (Code.REFUSED,)
    assert ask(record, evidence(stop, signer=second_ngo("uz"))).permit


def test_the_newest_version_decides() -> None:
    """A narrower second version takes effect at once, in any order; the first alone would permit."""
    first = consent_record()
    second = amended(first, provisions=(provision(purposes=(Purpose.MEDICAL,)),))
    for records in ((first, second), (second, first)):
        assert ask(*records).reasons == (Code.PURPOSE_NOT_COVERED,)
    assert ask(first, newest=(evidence(second),)).reasons == (Code.PURPOSE_NOT_COVERED,)


def test_a_newer_version_that_is_not_understood_does_not_bring_the_older_back() -> None:
    """Unknown values in version 2 deny; version 1 is not fallen back to."""
    first = consent_record()
    assert ask(first, amended(first, method=UNKNOWN)).reasons == (Code.UNKNOWN_VALUE,)


def test_a_version_must_continue_the_one_before_when_that_is_known() -> None:
    """A wrong predecessor breaks the chain; an unknown one cannot be checked and does not."""
    first = consent_record()
    assert ask(first, amended(first)).permit
    assert ask(first, amended(first, prev_hash=bytes(32))).reasons == (Code.CHAIN_BROKEN,)
    assert ask(amended(first, prev_hash=bytes(32))).permit


def test_two_different_newest_versions_break_the_chain_and_a_repeated_one_does_not() -> None:
    """A collector that says two things under one version is believed in neither."""
    first = consent_record()
    assert ask(first, dataclasses.replace(first, interpreter=False)).reasons == (Code.CHAIN_BROKEN,)
    assert ask(first, first).permit


def test_a_chain_keeps_to_one_person_and_party() -> None:
    """A later version about somebody else is no continuation."""
    first = consent_record()
    moved = amended(first, subject_ref=SubjectRef(bytes(32)))
    assert ask(first, moved).reasons == (Code.CHAIN_BROKEN,)
    party = amended(first, party=second_ngo("uz"), provisions=())
    assert Code.CHAIN_BROKEN in ask(first, party).reasons


def test_nobody_else_can_continue_a_chain() -> None:
    """A record under the same id by another collector is a chain of its own and changes nothing."""
    hijack = consent_record(version=9, prev_hash=bytes(32), collected_by=agency("kg"), jurisdiction=CountryCode("kg"))
    assert ask(consent_record(), hijack).permit
    assert ask(consent_record(), dataclasses.replace(hijack, state=ConsentState.WITHDRAWN)).permit


def test_a_collector_cannot_be_its_own_party() -> None:
    """A record needs two organisations."""
    own = consent_record(party=COLLECTOR, provisions=())
    assert Code.MALFORMED in ask(own, request=disclosure(recipient=COLLECTOR, party=COLLECTOR)).reasons


# --- withdrawal --------------------------------------------------------------------------------------------------


def test_a_withdrawal_wins_in_any_order_and_ignores_its_provisions() -> None:
    """WITHDRAWN closes the consent even when it still carries a PERMIT, and is the only reason."""
    record = consent_record()
    stop = withdrawn(record, provisions=record.provisions)
    for records in ((record, stop), (stop, record), (record, stop, record, stop)):
        assert ask(*records).reasons == (Code.WITHDRAWN,)


def test_a_withdrawal_alone_is_reported_as_such() -> None:
    """When only the withdrawal is known, the reason is WITHDRAWN."""
    stop = withdrawn(consent_record())
    assert ask(stop) == Decision(False, (Code.WITHDRAWN,), CONSENT_ID, 2, 0, ())


def test_a_withdrawal_covers_versions_although_the_chain_is_incomplete() -> None:
    """A withdrawal of version 9 with an unknown predecessor closes versions 1 and 8."""
    stop = withdrawn(consent_record(), version=9, prev_hash=bytes(32))
    for version in (1, 8, 9):
        record = consent_record(version=version, prev_hash=None if version == 1 else bytes(32))
        assert ask(record, stop).reasons == (Code.WITHDRAWN,)


def test_a_withdrawal_of_a_lower_version_closes_higher_ones_signed_before_it() -> None:
    """Who withdraws has not always seen the newest version: what counts is what was said later."""
    record = consent_record()
    later = amended(amended(record))
    stop = withdrawn(record, event_time_ms=later.event_time_ms)
    assert ask(later, stop).reasons == (Code.WITHDRAWN,)


def test_consent_given_again_needs_a_higher_version_said_later() -> None:
    """Only both together reopen it."""
    record = consent_record()
    stop = withdrawn(record)
    again = amended(stop, state=ConsentState.GIVEN, provisions=record.provisions)
    assert ask(record, stop, again).permit
    assert ask(stop, dataclasses.replace(again, event_time_ms=stop.event_time_ms)).reasons == (Code.WITHDRAWN,)
    same = dataclasses.replace(again, version=2, prev_hash=record_sha256(record))
    assert ask(record, stop, same).reasons == (Code.WITHDRAWN,)


def test_a_remembered_withdrawal_closes_a_record_that_comes_without_it() -> None:
    """The store's memory is enough, long after the withdrawal itself is gone."""
    stop = withdrawal_of(evidence(withdrawn(consent_record())))
    assert stop is not None
    assert ask(consent_record(), withdrawals=(stop,)).reasons == (Code.WITHDRAWN,)
    foreign = Withdrawal(CONSENT_ID, ngo("kz"), 9, NOW_MS)
    other_id = dataclasses.replace(stop, consent_id=OTHER_ID)
    assert ask(consent_record(), withdrawals=(foreign, other_id)).permit


def test_a_withdrawn_consent_does_not_close_another_one() -> None:
    """Each consent id stands for itself."""
    record = consent_record(consent_id=OTHER_ID)
    assert ask(record, withdrawn(record), consent_record()).permit


def test_only_an_authentic_withdrawal_is_one() -> None:
    """A GIVEN is no withdrawal, nor is one that nobody entitled signed."""
    stop = withdrawn(consent_record())
    assert withdrawal_of(evidence(consent_record())) is None
    assert withdrawal_of(evidence(stop, signature_ok=False)) is None
    assert withdrawal_of(evidence(stop, signer=ngo("kz"))) is None
    assert withdrawal_of(evidence(stop, signer=PARTY)) == Withdrawal(CONSENT_ID, PARTY, 2, GIVEN_MS + 1)


# --- children and guardians --------------------------------------------------------------------------------------


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


# --- directory and policy ----------------------------------------------------------------------------------------


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
