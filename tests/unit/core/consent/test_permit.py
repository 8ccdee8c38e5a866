"""The consent decision: each rule with the smallest record that breaks it, and the reason that must come out."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.consent.record import Assent, ConsentState, Decision, Grantor, Informed, NoticeRef
from refbus.core.ids import CountryCode, SubjectRef
from refbus.core.vocabulary import Action, DataCategory, Purpose
from refbus.errors import Code
from support.asking import FED, GUARDIAN, OTHER_ID, UNKNOWN, YEAR_MS, ask
from support.consents import (
    COLLECTOR,
    CONSENT_ID,
    GIVEN_MS,
    PARTY,
    UNTIL_MS,
    consent_record,
    deny,
    disclosure,
    provision,
    report,
)
from support.directories import NOW_MS, ngo, second_ngo


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


def test_a_request_about_a_third_party_is_not_about_the_record() -> None:
    """Sender and recipient alone do not make it so, and a refusal between them is still reported."""
    refused = consent_record(state=ConsentState.REFUSED)
    decision = ask(refused, request=disclosure(party=second_ngo("uz")))
    assert decision.reasons == (Code.RECIPIENT_NOT_COVERED, Code.REFUSED)


def test_a_no_counts_from_its_first_millisecond() -> None:
    """A DENY, and a refusal in another record, stop what is asked at the moment they begin."""
    assert ask(consent_record(provisions=(provision(), deny(from_ms=NOW_MS)))).reasons == (Code.EXPLICIT_DENY,)
    for changes in ({"state": ConsentState.REFUSED}, {"provisions": (deny(),)}):
        begins = consent_record(consent_id=OTHER_ID, valid_from_ms=NOW_MS, **changes)
        assert not ask(consent_record(), begins).permit
        assert ask(consent_record(), dataclasses.replace(begins, valid_from_ms=NOW_MS + 1)).permit


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
