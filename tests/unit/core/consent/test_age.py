"""One derived fact says whether a person is a child; doubt counts as a child, contradictions are named."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbus.core.consent.age import AgeFacts, AgeGroup, AgeRules, StatedAge, age_of, impossible, record_problems
from refbus.core.times import day_ms, day_text
from refbus.errors import Code
from support.consents import child_record, consent_record
from support.directories import NOW_MS

KZ = AgeRules(18, 300)
DAY = "2026-02-01"
A, C, U = AgeGroup.ADULT, AgeGroup.CHILD, AgeGroup.UNKNOWN


def ms(text: str) -> int:
    """Return a time in ms UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("facts", "group", "clashes"),
    [
        (AgeFacts(), U, 0),
        (AgeFacts("1991-05-02"), A, 0),
        (AgeFacts("2015"), C, 0),
        (AgeFacts("2008"), U, 0),
        (AgeFacts("2008", (False,)), U, 0),
        (AgeFacts("2008", (True,)), C, 0),
        (AgeFacts("2008", judged_adult=True), A, 0),
        (AgeFacts("2008-09"), U, 0),
        (AgeFacts(None, (False,)), U, 0),
        (AgeFacts(None, (True,)), C, 0),
        (AgeFacts(judged_adult=True), A, 0),
        (AgeFacts("2015-06-01", (False,)), C, 1),
        (AgeFacts("1991", (True,)), A, 1),
        (AgeFacts("2015", judged_adult=True), C, 1),
        (AgeFacts(None, (True,), judged_adult=True), C, 1),
        (AgeFacts(None, (True, False)), C, 1),
        (AgeFacts("2031"), C, 1),
        (AgeFacts("1400-12-23"), A, 1),
        (AgeFacts("0000"), U, 1),
        (AgeFacts(stated=StatedAge(15, 15, DAY)), C, 0),
        (AgeFacts(stated=StatedAge(15, 15, DAY), judged_adult=True), C, 1),
        (AgeFacts(None, (False,), stated=StatedAge(15, 15, DAY)), C, 1),
        (AgeFacts(None, (True, False), stated=StatedAge(15, 15, DAY)), C, 2),
        (AgeFacts(stated=StatedAge(17, 17, DAY, firm=True)), U, 0),
        (AgeFacts(stated=StatedAge(16, 20, DAY, firm=True)), U, 0),
        (AgeFacts(None, (True,), stated=StatedAge(16, 20, DAY)), C, 0),
        (AgeFacts(None, (False,), stated=StatedAge(16, 20, DAY)), U, 0),
        (AgeFacts(stated=StatedAge(16, 20, DAY), judged_adult=True), A, 0),
        (AgeFacts(stated=StatedAge(30, 30, DAY)), U, 0),
        (AgeFacts(stated=StatedAge(30, 30, DAY), judged_adult=True), A, 0),
        (AgeFacts(None, (True,), stated=StatedAge(30, 30, DAY)), C, 0),
        (AgeFacts(stated=StatedAge(30, 30, DAY, firm=True)), A, 0),
        (AgeFacts(None, (True,), stated=StatedAge(30, 30, DAY, firm=True)), C, 1),
        (AgeFacts(stated=StatedAge(17, 17, firm=True)), C, 0),
        (AgeFacts(stated=StatedAge(20, 17, DAY, firm=True)), U, 0),
        (AgeFacts(stated=StatedAge(15, 15, "0001-01-01")), U, 0),
        (AgeFacts(stated=StatedAge(15, 15, "soon")), U, 0),
        (AgeFacts("2008", stated=StatedAge(17, 17, DAY, firm=True)), U, 0),
        (AgeFacts("1991", stated=StatedAge(15, 15, DAY)), A, 1),
        (AgeFacts("2015", stated=StatedAge(30, 30, DAY)), C, 1),
        (AgeFacts("2012", stated=StatedAge(15, 15, DAY)), C, 0),
        (AgeFacts("2012", stated=StatedAge(15, 15, DAY, firm=True)), C, 1),
    ],
)
def test_the_age_follows_from_all_that_was_said(facts: AgeFacts, group: AgeGroup, clashes: int) -> None:
    """A birth date counts first; what may be a child is none without a documented reason; each clash is named."""
    age = age_of(facts, KZ, ms("2026-09-21T12:00"))
    assert (age.group, len(age.contradictions)) == (group, clashes)
    assert age.child is (group is not A)


def test_a_person_comes_of_age_at_local_midnight() -> None:
    """At 24:00 of Kazakhstan, which is 19:00 UTC of the day before the birthday."""
    born = AgeFacts("2008-09-22")
    assert age_of(born, KZ, ms("2026-09-21T18:59")).group is C
    assert age_of(born, KZ, ms("2026-09-21T19:00")).group is A


@pytest.mark.parametrize(
    ("born", "day"), [("2008-02-29", "2026-03-01"), ("2008-02", "2026-03-01"), ("2008", "2026-12-31")]
)
def test_majority_is_the_latest_day_that_it_can_be(born: str, day: str) -> None:
    """One born on 29 February waits for 1 March; of a month or year the last day counts."""
    majority_ms = age_of(AgeFacts(born), KZ, NOW_MS).majority_ms
    assert majority_ms is not None
    assert day_text(majority_ms, KZ.utc_offset_min) == day


def test_nobody_is_born_before_1900_or_tomorrow() -> None:
    """The year itself and today are possible."""
    for born, answer in (("1899", True), ("1900", False), ("2026-09-22", True), ("2026-09-21", False), ("2027", True)):
        assert impossible(born, KZ, ms("2026-09-21T12:00")) is answer


@given(st.dates(date(1901, 1, 1), date(2026, 1, 1)), st.integers(0, 45_000), st.integers(-720, 840))
def test_less_known_is_never_less_protected(born: date, days: int, offset: int) -> None:
    """Whoever is a child by the full date is one, or unknown, by the month and by the year."""
    rules = AgeRules(18, offset)
    at_ms = day_ms(born, offset) + days * 86_400_000
    full = age_of(AgeFacts(born.isoformat()), rules, at_ms).group
    assert full is not U
    for known in (born.isoformat()[:7], born.isoformat()[:4]):
        group = age_of(AgeFacts(known), rules, at_ms).group
        assert group in {full, U}
    birthday_18_years_later = born + timedelta(days=365 * 18 + 5)
    assert age_of(AgeFacts(born.isoformat()), rules, day_ms(birthday_18_years_later, offset)).group is A


def test_a_consent_must_be_that_of_the_same_age() -> None:
    """An adult's own word about a child, a guardian's about an adult, an adult's about a person of unknown age."""
    adult, child = consent_record(), child_record()
    for facts, record, codes in (
        (AgeFacts("2015"), adult, [Code.AGE_CONTRADICTS]),
        (AgeFacts("2015"), child, []),
        (AgeFacts("1991"), child, [Code.AGE_CONTRADICTS]),
        (AgeFacts("1991"), adult, []),
        (AgeFacts(), adult, [Code.AGE_UNKNOWN]),
        (AgeFacts(), child, []),
        (AgeFacts("2008", (False,)), adult, [Code.AGE_UNKNOWN]),
        (AgeFacts(stated=StatedAge(15, 15, DAY)), adult, [Code.AGE_CONTRADICTS]),
        (AgeFacts(stated=StatedAge(15, 15, DAY)), child, []),
        (AgeFacts(stated=StatedAge(30, 30, DAY)), adult, [Code.AGE_UNKNOWN]),
        (AgeFacts(stated=StatedAge(30, 30, DAY)), child, []),
        (AgeFacts(None, (False,), stated=StatedAge(30, 30, DAY)), adult, [Code.AGE_UNKNOWN]),
        (AgeFacts(stated=StatedAge(30, 30, DAY), judged_adult=True), adult, []),
        (AgeFacts(stated=StatedAge(30, 30, DAY, firm=True)), adult, []),
        (AgeFacts(is_minor=(False,)), adult, []),
        (AgeFacts(is_minor=(False,)), child, [Code.AGE_CONTRADICTS]),
    ):
        assert list(record_problems(facts, record, KZ, NOW_MS)) == codes


def test_an_answer_that_was_given_later_knows_more_than_the_case_did() -> None:
    """A person who came of age since speaks alone; a birth date still counts, as of the answer."""
    later = consent_record(event_time_ms=NOW_MS + 1, valid_from_ms=NOW_MS + 1)
    assert list(record_problems(AgeFacts(None, (True,)), later, KZ, NOW_MS)) == []
    assert list(record_problems(AgeFacts("2015", (True,)), later, KZ, NOW_MS)) == [Code.AGE_CONTRADICTS]
    stated = AgeFacts(stated=StatedAge(15, 15, DAY))
    assert list(record_problems(stated, later, KZ, NOW_MS)) == [Code.AGE_CONTRADICTS]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (AgeFacts(), False),
        (AgeFacts("2008"), True),
        (AgeFacts(is_minor=(False,)), True),
        (AgeFacts(judged_adult=True), True),
        (AgeFacts(stated=StatedAge(0, 0)), True),
    ],
)
def test_facts_know_whether_anything_was_said(facts: AgeFacts, said: bool) -> None:
    """A "not a minor" is something, too; only where nothing stands is nothing said."""
    assert bool(facts) is said
