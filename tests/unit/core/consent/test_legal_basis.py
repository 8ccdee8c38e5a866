"""The rules of an emergency disclosure: each refuses alone, and the exceptions are exceptions."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.consent.denials import MOST_CLOSED, MOST_INTERVALS, MOST_NOTED, Denials, denies, matters, note
from refbus.core.consent.legal_basis import (
    MOST_CATEGORIES,
    BasisClaim,
    Circumstances,
    Ground,
    Protects,
    Review,
    ReviewResult,
    invocation_problems,
    review_problems,
)
from refbus.core.consent.record import ConsentRecord, ConsentState, Grantor, GrantorKind
from refbus.core.ids import CaseHandle, ConsentId, OrgId, ReferralId
from refbus.core.message import RoutingBlock
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.core.vocabulary import Action, DataCategory
from refbus.errors import Code
from support.consents import PARTY, consent_record, deny, provision, withdrawn
from support.directories import NOW_MS
from support.emergencies import (
    FIRST,
    INVOKED_MS,
    NEEDED,
    POLICY,
    SECOND,
    claim_of,
    invocation,
    record,
    review_block,
    reviewed,
    roll,
)

AT = Circumstances(POLICY, Denials(), NOW_MS)


def problems(claim: BasisClaim | None = None, routing: RoutingBlock | None = None, **at: Any) -> tuple[Code, ...]:
    """Return what stands against the disclosure."""
    return invocation_problems(claim or claim_of(), routing or invocation(), dataclasses.replace(AT, **at))


def policy_with(**changes: Any) -> dict[str, Any]:
    """Return circumstances under a changed policy."""
    return {"policy": dataclasses.replace(POLICY, **changes)}


def test_two_officers_an_unconscious_person_and_the_minimum_are_enough() -> None:
    """Nothing stands against it."""
    assert problems() == ()


REFUSED: dict[str, tuple[BasisClaim | None, RoutingBlock | None, dict[str, Any], Code]] = {
    "switched off": (None, None, policy_with(emergency_disclosure=False), Code.EMERGENCY_OFF),
    "another version of the record": (claim_of(record(schema_version=2)), None, {}, Code.UNKNOWN_VALUE),
    "another organisation": (
        claim_of(record(organisation=PARTY), roll=roll(organisation=PARTY)),
        None,
        {},
        Code.DECLARATION_MISMATCH,
    ),
    "another recipient": (claim_of(record(recipient=OrgId("uz-1ega1a1d"))), None, {}, Code.DECLARATION_MISMATCH),
    "another course": (claim_of(record(referral_id=ReferralId(bytes(16)))), None, {}, Code.DECLARATION_MISMATCH),
    "another case": (claim_of(record(case_handle=CaseHandle(bytes(32)))), None, {}, Code.DECLARATION_MISMATCH),
    "sent before it was decided": (None, invocation(occurred_at_ms=INVOKED_MS - 1), {}, Code.DECLARATION_MISMATCH),
    "another day of review": (None, invocation(respond_by_ms=None), {}, Code.DECLARATION_MISMATCH),
    "reviewed in advance": (reviewed(), None, {}, Code.DECLARATION_MISMATCH),
    "one officer": (claim_of(signed_by=(FIRST,)), None, {}, Code.OFFICERS_MISSING),
    "one officer twice": (claim_of(signed_by=(FIRST, FIRST)), None, {}, Code.OFFICERS_MISSING),
    "a false signature": (claim_of(signatures_ok=False), None, {}, Code.OFFICER_SIGNATURE_INVALID),
    "a false roll": (claim_of(roll_ok=False), None, {}, Code.OFFICER_NOT_ENDORSED),
    "another's roll": (claim_of(roll=roll(organisation=PARTY)), None, {}, Code.OFFICER_NOT_ENDORSED),
    "a roll that ran out": (claim_of(roll=roll(valid_until_ms=INVOKED_MS)), None, {}, Code.OFFICER_NOT_ENDORSED),
    "a roll for ever": (
        claim_of(roll=roll(issued_at_ms=INVOKED_MS - 100 * DAY_MS)),
        None,
        {},
        Code.OFFICER_NOT_ENDORSED,
    ),
    "more than the officers named": (
        claim_of(record(data_categories=(DataCategory.HEALTH,))),
        None,
        {},
        Code.EMERGENCY_NOT_MINIMUM,
    ),
    "more than the ground needs": (
        claim_of(record(data_categories=(*NEEDED, DataCategory.LEGAL_CASE))),
        None,
        {},
        Code.EMERGENCY_NOT_MINIMUM,
    ),
    "no reason why the person is not asked": (claim_of(record(incapacity=None)), None, {}, Code.INCAPACITY_MISSING),
    "incapable of protecting another": (
        claim_of(record(protects=Protects.ANOTHER)),
        None,
        {},
        Code.INCAPACITY_MISSING,
    ),
    "longer than the country allows": (
        claim_of(record(valid_until_ms=INVOKED_MS + 48 * HOUR_MS + 1)),
        None,
        {},
        Code.EMERGENCY_TOO_LONG,
    ),
    "longer than anyone may allow": (
        claim_of(record(valid_until_ms=INVOKED_MS + 72 * HOUR_MS + 1)),
        None,
        policy_with(emergency_max_hours=1000),
        Code.EMERGENCY_TOO_LONG,
    ),
    "over": (None, None, {"now_ms": INVOKED_MS + 24 * HOUR_MS}, Code.EMERGENCY_OVER),
    "a review after the limit": (
        claim_of(record(review_by_ms=INVOKED_MS + 24 * HOUR_MS + 1)),
        invocation(respond_by_ms=INVOKED_MS + 24 * HOUR_MS + 1),
        {},
        Code.REVIEW_NOT_PLANNED,
    ),
    "a review before the deed": (
        claim_of(record(review_by_ms=INVOKED_MS)),
        invocation(respond_by_ms=INVOKED_MS),
        {},
        Code.REVIEW_NOT_PLANNED,
    ),
    "nobody left to review it": (claim_of(roll=roll("first", "second")), None, {}, Code.REVIEW_NOT_PLANNED),
}


@pytest.mark.parametrize("name", REFUSED)
def test_each_rule_refuses_alone(name: str) -> None:
    """One thing is wrong, and exactly that is said."""
    claim, routing, at, code = REFUSED[name]
    assert problems(claim, routing, **at) == (code,)


def test_every_reason_is_said_at_once() -> None:
    """Officers who correct one thing do not meet the next."""
    claim = claim_of(record(incapacity=None), signed_by=(FIRST,), roll_ok=False)
    assert problems(claim) == (Code.INCAPACITY_MISSING, Code.OFFICERS_MISSING, Code.OFFICER_NOT_ENDORSED)


def test_no_country_means_no() -> None:
    """A country that is not in the directory has allowed nothing."""
    assert Code.EMERGENCY_OFF in problems(policy=None)


def test_the_last_moment_counts() -> None:
    """Ends are exclusive, limits inclusive."""
    end_ms = INVOKED_MS + 48 * HOUR_MS
    claim = claim_of(record(valid_until_ms=end_ms))
    assert problems(claim, now_ms=end_ms - 1) == ()
    assert problems(claim, now_ms=end_ms) == (Code.EMERGENCY_OVER,)


COMMON = {DataCategory.IDENTITY, DataCategory.CONTACT, DataCategory.LOCATION_SAFE, DataCategory.SERVICE_NEEDS}
OPENED = {
    Ground.IMMINENT_RISK_TO_LIFE: {DataCategory.HEALTH, DataCategory.TRAFFICKING_EXPERIENCE},
    Ground.MEDICAL_EMERGENCY: {DataCategory.HEALTH, DataCategory.SEXUAL_HEALTH},
    Ground.CHILD_IN_DANGER: {DataCategory.HEALTH, DataCategory.FAMILY, DataCategory.TRAFFICKING_EXPERIENCE},
    Ground.MISSING_PERSON: {DataCategory.HEALTH, DataCategory.TRAFFICKING_EXPERIENCE},
}


@pytest.mark.parametrize("ground", Ground)
@pytest.mark.parametrize("category", DataCategory)
def test_each_ground_opens_what_is_written_here(ground: Ground, category: DataCategory) -> None:
    """The most that it can need, category by category: written a second time."""
    claim = claim_of(record(ground=ground, data_categories=(category,)))
    opened = category in COMMON | OPENED[ground]
    assert problems(claim, invocation(data_categories=(category,))) == (() if opened else (Code.EMERGENCY_NOT_MINIMUM,))


def test_limits_count_to_the_moment() -> None:
    """Sent and reviewed in the moment of the decision; as much as the ground needs; over as soon as it began: no."""
    assert problems(routing=invocation(occurred_at_ms=INVOKED_MS)) == ()
    third = reviewed().review
    assert third is not None
    assert reviews(reviewed(review=dataclasses.replace(third, at_ms=INVOKED_MS))) == ()
    everything = tuple(sorted(MOST_CATEGORIES[Ground.MEDICAL_EMERGENCY]))
    assert problems(claim_of(record(data_categories=everything))) == ()
    assert problems(claim_of(record(valid_until_ms=INVOKED_MS)), now_ms=INVOKED_MS - 1) == (Code.EMERGENCY_TOO_LONG,)
    long_roll = claim_of(roll=roll(issued_at_ms=INVOKED_MS - 100 * DAY_MS + 1))
    assert problems(long_roll) == ()
    assert Code.REVIEW_NOT_PLANNED in problems(claim_of(record(review_by_ms=INVOKED_MS + 1)), policy=None)


@pytest.mark.parametrize("ground", Ground)
def test_no_ground_opens_a_file_of_law_or_photographs(ground: Ground) -> None:
    """Legal case, immigration, perpetrators and biometrics wait for consent, whatever happens."""
    closed = {
        DataCategory.LEGAL_CASE,
        DataCategory.IMMIGRATION,
        DataCategory.PERPETRATOR,
        DataCategory.PHOTO_BIOMETRIC,
    }
    assert closed.isdisjoint(MOST_CATEGORIES[ground])


REFUSAL = consent_record(state=ConsentState.REFUSED, provisions=())
GUARDIAN = Grantor(GrantorKind.PARENT, bytes(32), NOW_MS + DAY_MS, conflict_checked=True)
DENIALS: dict[str, tuple[ConsentRecord, bool]] = {
    "a refusal": (REFUSAL, True),
    "a withdrawal": (withdrawn(consent_record()), True),
    "a denial of one of the categories": (consent_record(provisions=(deny(),)), True),
    "a denial of another category": (
        consent_record(provisions=(deny(data_categories=(DataCategory.FAMILY,)),)),
        False,
    ),
    "a denial of another organisation": (consent_record(provisions=(deny(recipients=(OrgId("uz-0ther000"),)),)), False),
    "a denial that ended": (consent_record(provisions=(deny(until_ms=NOW_MS),)), False),
    "a withdrawal from another organisation": (
        dataclasses.replace(withdrawn(consent_record()), party=OrgId("uz-0ther000")),
        False,
    ),
    "a denial of contact alone": (
        consent_record(provisions=(deny(actions=(Action.CONTACT_PERSON,)),)),
        False,
    ),
    "a denial that begins now": (consent_record(provisions=(deny(from_ms=NOW_MS),)), True),
    "a denial beside a permit": (consent_record(provisions=(provision(), deny())), True),
    "a child's denial": (consent_record(provisions=(deny(),), majority_at_ms=NOW_MS + DAY_MS), False),
    "a refusal on the day of coming of age": (
        dataclasses.replace(REFUSAL, majority_at_ms=REFUSAL.event_time_ms),
        True,
    ),
    "a refusal about another organisation": (dataclasses.replace(REFUSAL, party=OrgId("uz-0ther000")), False),
    "a guardian's refusal": (dataclasses.replace(REFUSAL, grantor=GUARDIAN), False),
    "a child's refusal": (dataclasses.replace(REFUSAL, majority_at_ms=NOW_MS + DAY_MS), False),
    "the refusal of one who came of age": (dataclasses.replace(REFUSAL, majority_at_ms=INVOKED_MS - DAY_MS), True),
}


STRANGER = OrgId("uz-stranger")


def refusal(number: int, **changes: Any) -> ConsentRecord:
    """Return another refusal that a third organisation took down about the same pseudonym."""
    other = {"consent_id": ConsentId((number % 2**32).to_bytes(16, "big")), "collected_by": STRANGER}
    return dataclasses.replace(REFUSAL, **{**other, **changes})


def heard(*said: ConsentRecord) -> Denials:
    """Return what is known after hearing these, each signed by its collector."""
    known = Denials()
    for each in said:
        known = note(known, each, each.collected_by)
    return known


@pytest.mark.parametrize("name", DENIALS)
def test_what_an_adult_who_could_decide_refused_stands(name: str) -> None:
    """Only that: a guardian, a child, another recipient or another category do not stop help."""
    said, stands = DENIALS[name]
    assert problems(denials=heard(said)) == ((Code.DENIED_BY_PERSON,) if stands else ())


def test_to_protect_another_person_a_refusal_does_not_stand() -> None:
    """The person decides about the own life, not about another's."""
    claim = claim_of(record(protects=Protects.ANOTHER, incapacity=None))
    assert problems(claim, denials=heard(REFUSAL)) == ()


def test_a_later_yes_lifts_an_earlier_no() -> None:
    """Of the same consent, of a higher version, said later; in whatever order they arrive."""
    no = withdrawn(consent_record())
    yes = consent_record(version=no.version + 1, event_time_ms=no.event_time_ms + 1, prev_hash=bytes(32))
    assert problems(denials=heard(no, yes)) == ()
    assert problems(denials=heard(yes, no)) == ()
    early = dataclasses.replace(yes, event_time_ms=no.event_time_ms)
    assert problems(denials=heard(no, early)) == (Code.DENIED_BY_PERSON,)


def test_a_yes_of_another_consent_or_of_no_later_version_lifts_nothing() -> None:
    """And of several answers the newest counts: the version first, then the time."""
    no = withdrawn(consent_record())
    yes = consent_record(version=no.version + 1, event_time_ms=no.event_time_ms + 1, prev_hash=bytes(32))
    for other in (
        dataclasses.replace(yes, consent_id=ConsentId(bytes(16))),
        dataclasses.replace(yes, version=no.version),
    ):
        assert problems(denials=heard(no, other)) == (Code.DENIED_BY_PERSON,)
    older = dataclasses.replace(REFUSAL, event_time_ms=REFUSAL.event_time_ms + 5)
    newer = consent_record(version=2, prev_hash=bytes(32))
    assert problems(denials=heard(newer, older)) == ()
    later = dataclasses.replace(consent_record(), event_time_ms=REFUSAL.event_time_ms + 1)
    assert problems(denials=heard(later, REFUSAL)) == ()


def test_a_first_plain_yes_says_nothing_about_a_no() -> None:
    """A denial in it does, a no does, and a later version may lift one."""
    assert not matters(consent_record())
    assert not matters(consent_record(provisions=(provision(), deny(actions=(Action.CONTACT_PERSON,)))))
    assert matters(consent_record(provisions=(provision(), deny())))
    assert matters(REFUSAL)
    assert matters(consent_record(version=2, prev_hash=bytes(32)))


def test_one_signer_fills_bounded_room_and_forgets_nobodys_no() -> None:
    """A thousand refusals of a stranger: what is kept is bounded, the person's no stands, a lift by its pair counts."""
    no = withdrawn(consent_record())
    junk = [refusal(number, party=OrgId(f"uz-{number:07d}")) for number in range(1_000)]
    known = heard(*junk[:500], no, *junk[500:])
    assert len(known.said) <= MOST_NOTED + 1
    assert len(known.closed) <= MOST_CLOSED
    assert problems(denials=known) == (Code.DENIED_BY_PERSON,)
    honest = heard(*(dataclasses.replace(each, party=STRANGER) for each in junk), no)
    yes = consent_record(version=no.version + 1, event_time_ms=no.event_time_ms + 1, prev_hash=bytes(32))
    assert problems(denials=honest) == (Code.DENIED_BY_PERSON,)
    assert problems(denials=note(honest, yes, yes.collected_by)) == ()


def test_beyond_its_room_a_signer_denies_everything_of_the_person_to_the_party() -> None:
    """A no for which there is no room counts as a whole one; a yes, a child's no and a guardian's count as before."""
    full = heard(*(refusal(number, party=STRANGER) for number in range(MOST_NOTED)))
    needs = frozenset({DataCategory.SERVICE_NEEDS})
    yes = refusal(-1, state=ConsentState.GIVEN, version=2)
    child = refusal(-2, majority_at_ms=NOW_MS + DAY_MS)
    for each in (yes, child):
        assert note(full, each, STRANGER) == full
    beyond = note(full, refusal(-3, provisions=(deny(),)), STRANGER)
    assert denies(beyond, PARTY, needs, NOW_MS)
    assert not denies(full, PARTY, needs, NOW_MS)
    others = beyond
    for number in range(MOST_CLOSED + 1):
        others = note(others, refusal(1_000 + number, party=OrgId(f"uz-{number:07d}")), STRANGER)
    assert others.closed == ((STRANGER, None),)


def test_nobody_but_the_two_organisations_lifts_a_no() -> None:
    """A third that signs a later yes under the id of their consent changes nothing."""
    for no in (withdrawn(consent_record()), REFUSAL):
        forged = consent_record(version=9, event_time_ms=NOW_MS, prev_hash=bytes(32), collected_by=STRANGER)
        assert problems(denials=heard(no, forged)) == (Code.DENIED_BY_PERSON,)


def test_many_denials_of_one_record_become_one_that_covers_them() -> None:
    """Each of them still denies."""
    many = tuple(deny(from_ms=NOW_MS + number, until_ms=NOW_MS + number + 1) for number in range(MOST_INTERVALS + 1))
    known = heard(consent_record(provisions=many))
    assert len(known.said[0].denied) == 1
    assert all(denies(known, PARTY, frozenset({DataCategory.IDENTITY}), NOW_MS + at) for at in range(len(many)))


def reviews(claim: BasisClaim, routing: RoutingBlock | None = None, **at: Any) -> tuple[Code, ...]:
    """Return what stands against the review."""
    return review_problems(claim, routing or review_block(), dataclasses.replace(AT, **at))


def test_a_third_officer_reviews_late_or_under_a_changed_policy() -> None:
    """A late review is better than none, and switching emergencies off does not spare it."""
    assert reviews(reviewed(), now_ms=NOW_MS + 400 * DAY_MS) == ()
    assert reviews(reviewed(), **policy_with(emergency_disclosure=False)) == ()


@pytest.mark.parametrize(
    ("claim", "code"),
    [
        (claim_of(), Code.REVIEW_MISSING),
        (claim_of(review=Review(FIRST, ReviewResult.UPHELD, NOW_MS)), Code.REVIEWER_NOT_INDEPENDENT),
        (claim_of(review=Review(SECOND, ReviewResult.UPHELD, NOW_MS)), Code.REVIEWER_NOT_INDEPENDENT),
        (reviewed(roll=roll("first", "second", "fourth")), Code.REVIEWER_NOT_INDEPENDENT),
        (reviewed(signatures_ok=False), Code.OFFICER_SIGNATURE_INVALID),
        (reviewed(roll_ok=False), Code.OFFICER_NOT_ENDORSED),
        (reviewed(roll=roll(valid_until_ms=NOW_MS)), Code.OFFICER_NOT_ENDORSED),
        (reviewed(record=record(recipient=OrgId("uz-1ega1a1d"))), Code.DECLARATION_MISMATCH),
        (reviewed(signed_by=(FIRST,)), Code.OFFICERS_MISSING),
    ],
)
def test_no_other_review_counts(claim: BasisClaim, code: Code) -> None:
    """Missing, by one of the two, by a stranger, falsely signed, or about something else."""
    assert code in reviews(claim)


def test_a_review_before_the_decision_is_none() -> None:
    """It says of itself that it is false."""
    third = reviewed().review
    assert third is not None
    claim = reviewed(review=dataclasses.replace(third, at_ms=INVOKED_MS - 1))
    assert reviews(claim) == (Code.DECLARATION_MISMATCH,)
