"""What a new version of a consent changes, computed from the two records."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.consent.change import ConsentChange, change_between, ends, follows, narrowed, permits, points, widens
from refbus.core.consent.record import Assent, ConsentRecord, ConsentState, Grantor, GrantorKind
from refbus.core.ids import CountryCode, OrgId
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import Action, DataCategory, Purpose
from refbus.wire.codelists import code_lists
from support.consents import GIVEN_MS, UNTIL_MS, consent_record, deny, provision
from support.directories import NOW_MS

GUARDIAN = Grantor(GrantorKind.LEGAL_GUARDIAN, b"\1" * 32, UNTIL_MS, conflict_checked=True)
CHILD: dict[str, Any] = {"grantor": GUARDIAN, "majority_at_ms": UNTIL_MS + DAY_MS, "assent": Assent.NOT_REQUIRED}


def later(record: ConsentRecord, **changes: Any) -> ConsentRecord:
    """Return the next version, said now."""
    new = {"version": record.version + 1, "prev_hash": bytes(32), "event_time_ms": NOW_MS, "valid_from_ms": NOW_MS}
    return dataclasses.replace(record, **{**new, **changes})


def test_the_words_are_those_of_the_event() -> None:
    """The enum, the code list of ConsentAmended and nothing else."""
    assert set(code_lists()["refbus.ConsentChange"].codes) == {each.value for each in ConsentChange}


ADULT = consent_record()
CASES: dict[str, tuple[ConsentRecord, ConsentRecord, ConsentChange | None]] = {
    "the same again": (ADULT, later(ADULT), None),
    "another withdrawal contact": (ADULT, later(ADULT, withdrawal_contact="Fictional office"), None),
    "a category less": (
        ADULT,
        later(ADULT, provisions=(provision(data_categories=(DataCategory.IDENTITY,)),)),
        ConsentChange.NARROWED,
    ),
    "a denial more": (ADULT, later(ADULT, provisions=(provision(), deny())), ConsentChange.NARROWED),
    "a denial less": (
        consent_record(provisions=(provision(), deny())),
        later(ADULT),
        ConsentChange.WIDENED,
    ),
    "an earlier end": (ADULT, later(ADULT, valid_until_ms=UNTIL_MS - 1), ConsentChange.NARROWED),
    "a shorter keeping": (ADULT, later(ADULT, retain_until_ms=ADULT.retain_until_ms - 1), ConsentChange.NARROWED),
    "refused": (ADULT, later(ADULT, state=ConsentState.REFUSED), ConsentChange.NARROWED),
    "a category more": (
        ADULT,
        later(ADULT, provisions=(provision(data_categories=(DataCategory.HEALTH, DataCategory.IDENTITY)),)),
        ConsentChange.WIDENED,
    ),
    "a purpose more": (
        ADULT,
        later(ADULT, provisions=(provision(purposes=(Purpose.MEDICAL, Purpose.REFERRAL_SERVICES)),)),
        ConsentChange.WIDENED,
    ),
    "may be passed on": (ADULT, later(ADULT, provisions=(provision(onward_transfer=True),)), ConsentChange.WIDENED),
    "a later end": (
        ADULT,
        later(ADULT, valid_until_ms=UNTIL_MS + 1, provisions=(provision(until_ms=UNTIL_MS + 1),)),
        ConsentChange.RENEWED,
    ),
    "after it had ended": (
        consent_record(valid_until_ms=GIVEN_MS + 1, provisions=(provision(until_ms=GIVEN_MS + 1),)),
        later(ADULT),
        ConsentChange.RENEWED,
    ),
    "kept longer": (ADULT, later(ADULT, retain_until_ms=ADULT.retain_until_ms + 1), ConsentChange.RENEWED),
    "a later end and one thing more": (
        ADULT,
        later(
            ADULT,
            valid_until_ms=UNTIL_MS + 1,
            provisions=(provision(until_ms=UNTIL_MS + 1, actions=tuple(Action)),),
        ),
        ConsentChange.WIDENED,
    ),
    "something more from tomorrow on": (
        ADULT,
        later(
            ADULT,
            provisions=(
                provision(),
                provision(data_categories=(DataCategory.HEALTH,), from_ms=NOW_MS + DAY_MS),
            ),
        ),
        ConsentChange.WIDENED,
    ),
    "a denial that ends tomorrow": (
        consent_record(provisions=(provision(), deny())),
        later(ADULT, provisions=(provision(), deny(until_ms=NOW_MS + DAY_MS))),
        ConsentChange.WIDENED,
    ),
    "more, in force since before": (
        ADULT,
        later(ADULT, valid_from_ms=GIVEN_MS, provisions=(provision(purposes=tuple(Purpose)),)),
        ConsentChange.WIDENED,
    ),
    "more, in force tomorrow": (
        ADULT,
        later(ADULT, valid_from_ms=NOW_MS + DAY_MS, provisions=(provision(purposes=tuple(Purpose)),)),
        ConsentChange.WIDENED,
    ),
    "another country": (
        ADULT,
        later(ADULT, provisions=(provision(countries=(CountryCode("kg"), CountryCode("uz"))),)),
        ConsentChange.WIDENED,
    ),
    "the child's own word while still a child": (
        consent_record(**CHILD),
        later(consent_record(**CHILD), grantor=Grantor(GrantorKind.SELF)),
        None,
    ),
    "the same guardian of one who is no child": (
        consent_record(**CHILD),
        later(consent_record(**CHILD), majority_at_ms=None),
        None,
    ),
    "the child said no": (
        consent_record(**CHILD),
        later(consent_record(**CHILD), assent=Assent.REFUSED),
        ConsentChange.ASSENT_RECORDED,
    ),
    "the child was not asked again": (
        consent_record(**{**CHILD, "assent": Assent.GIVEN}),
        later(consent_record(**CHILD), assent=Assent.GIVEN),
        None,
    ),
    "the child's answer is not needed any more": (
        consent_record(**{**CHILD, "assent": Assent.GIVEN}),
        later(consent_record(**CHILD), assent=Assent.NOT_ASKED),
        None,
    ),
    "a guardian speaks": (ADULT, later(ADULT, grantor=GUARDIAN), ConsentChange.GUARDIAN_APPOINTED),
    "another guardian": (
        consent_record(**CHILD),
        later(consent_record(**CHILD), grantor=dataclasses.replace(GUARDIAN, authority_evidence=b"\2" * 32)),
        ConsentChange.GUARDIAN_REPLACED,
    ),
    "the child was asked": (
        consent_record(**CHILD),
        later(consent_record(**CHILD), assent=Assent.GIVEN),
        ConsentChange.ASSENT_RECORDED,
    ),
    "of age": (
        consent_record(**CHILD),
        later(ADULT, event_time_ms=UNTIL_MS + DAY_MS, valid_from_ms=UNTIL_MS + DAY_MS, valid_until_ms=UNTIL_MS * 2),
        ConsentChange.MAJORITY_REACHED,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_change_has_its_word(name: str) -> None:
    """One word for each; what only concerns us is none."""
    before, after, change = CASES[name]
    assert change_between(before, after) is change


def test_a_record_ends_with_the_guardian_or_with_majority() -> None:
    """Whatever is first."""
    child = consent_record(**CHILD)
    assert ends(child) == UNTIL_MS
    assert ends(dataclasses.replace(child, majority_at_ms=NOW_MS)) == NOW_MS
    assert ends(dataclasses.replace(child, grantor=dataclasses.replace(GUARDIAN, authority_until_ms=1))) == 1


def test_an_adults_own_word_ends_by_its_own_date() -> None:
    """An end of somebody's authority counts for a guardian only; a guardian's without an end ends by the date."""
    grantor = dataclasses.replace(GUARDIAN, kind=GrantorKind.SELF, authority_until_ms=1)
    assert ends(dataclasses.replace(ADULT, grantor=grantor)) == UNTIL_MS
    endless = dataclasses.replace(GUARDIAN, authority_until_ms=None)
    assert ends(dataclasses.replace(ADULT, grantor=endless)) == UNTIL_MS


def test_a_yes_is_followed_by_its_next_version_only() -> None:
    """Not by a withdrawal, not by another consent, not by a version after the next; and no refusal is followed."""
    assert follows(ADULT, later(ADULT))
    assert follows(ADULT, later(ADULT, state=ConsentState.REFUSED))
    assert not follows(ADULT, later(ADULT, state=ConsentState.WITHDRAWN))
    assert not follows(ADULT, later(ADULT, version=3))
    assert not follows(ADULT, later(ADULT, consent_id=bytes(16)))
    assert not follows(dataclasses.replace(ADULT, state=ConsentState.REFUSED), later(ADULT))


def test_points_are_those_of_permits_and_only_while_they_count() -> None:
    """A denial permits nothing, and nothing is permitted before its time or after it."""
    assert list(points(consent_record(provisions=(deny(),)))) == []
    point = next(points(ADULT))
    assert permits(ADULT, point, GIVEN_MS)
    assert not permits(ADULT, point, GIVEN_MS - 1)
    assert not permits(dataclasses.replace(ADULT, valid_until_ms=NOW_MS), point, NOW_MS)
    assert not permits(consent_record(provisions=(provision(until_ms=NOW_MS),)), point, NOW_MS)
    assert not permits(consent_record(provisions=(provision(recipients=(OrgId("uz-1ega1a1d"),)),)), point, NOW_MS)
    assert not permits(consent_record(provisions=(deny(),)), point, NOW_MS)
    onward = dataclasses.replace(point, action=Action.ONWARD_REFERRAL)
    passes = consent_record(provisions=(provision(actions=tuple(Action), onward_transfer=True),))
    assert permits(passes, onward, NOW_MS)
    assert not permits(consent_record(provisions=(provision(actions=tuple(Action)),)), onward, NOW_MS)
    assert {each.onward for each in points(passes)} == {False, True}
    assert {each.onward for each in points(ADULT)} == {False}
    assert not permits(dataclasses.replace(ADULT, state=ConsentState.REFUSED), point, NOW_MS)


def test_stopping_a_category_takes_it_out_of_every_permit_and_leaves_denials() -> None:
    """Narrowing is all that a program may do without a new word of the person."""
    record = consent_record(provisions=(provision(), provision(data_categories=(DataCategory.IDENTITY,)), deny()))
    less = narrowed(record, [DataCategory.IDENTITY])
    assert [each.data_categories for each in less.provisions] == [
        (DataCategory.SERVICE_NEEDS,),
        (DataCategory.IDENTITY,),
    ]
    assert less.provisions[-1] == deny()
    assert not widens(record, less)
