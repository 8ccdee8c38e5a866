"""A stated age that is true never makes an adult of a child, whatever the day, the band, the zone or the leap year."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date, timedelta

from hypothesis import assume, example, given
from hypothesis import strategies as st

from refbus.core.consent.age import (
    AgeFacts,
    AgeGroup,
    AgeRules,
    StatedAge,
    age_of,
    age_span,
    birth_span,
    record_problems,
)
from refbus.core.facts import years_between
from refbus.core.times import day_ms
from refbus.core.units import DAY_MS
from refbus_gateway.exchange.stated import age_in
from support.consents import child_record, consent_record


@dataclass(frozen=True)
class Life:
    """Somebody who was born on a day, said a true age on another, and is looked at at a moment."""

    born: date
    stated: StatedAge
    rules: AgeRules
    at_ms: int

    def by_age(self, **others: bool | tuple[bool, ...]) -> AgeFacts:
        """Return what the stated age tells, and others."""
        return dataclasses.replace(AgeFacts(stated=self.stated), **others)  # type: ignore[arg-type]

    @property
    def by_birth(self) -> AgeGroup:
        """What the person truly is."""
        return age_of(AgeFacts(self.born.isoformat()), self.rules, self.at_ms).group


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Draw a life; one in four birth days and days of stating is a 29 February."""
    leap = st.sampled_from([date(year, 2, 29) for year in range(1940, 2025, 4)])
    days = st.dates(date(1935, 1, 1), date(2026, 6, 1))
    born = draw(st.one_of(days, days, days, leap))
    on = born + timedelta(days=draw(st.integers(0, 18_000)))
    if draw(st.integers(0, 3)) == 0:
        on = max(born, date(min(on.year - on.year % 4, 2096), 2, 29))
    years = years_between(born, on)
    least, most = max(0, years - draw(st.integers(0, 4))), years + draw(st.integers(0, 4))
    rules = AgeRules(draw(st.sampled_from((16, 18, 21))), draw(st.integers(-720, 840)))
    at_ms = day_ms(on, rules.utc_offset_min) + draw(st.integers(-2 * DAY_MS, 12_000 * DAY_MS))
    return Life(born, StatedAge(least, most, on.isoformat(), draw(st.booleans())), rules, at_ms)


@given(lives())
@example(Life(date(2008, 2, 29), StatedAge(16, 16, "2025-02-28", firm=True), AgeRules(18, 300), 1_772_222_400_000))
@example(Life(date(2006, 3, 1), StatedAge(17, 17, "2024-02-29", firm=True), AgeRules(18, 300), 1_709_164_800_000))
def test_a_true_age_never_makes_an_adult_of_a_child(life: Life) -> None:
    """Nor a child of an adult; and the day of majority that it gives is never before the true one."""
    told = age_of(life.by_age(), life.rules, life.at_ms)
    assert told.contradictions == ()
    if told.group is not AgeGroup.UNKNOWN:
        assert told.group is life.by_birth
    true = age_of(AgeFacts(life.born.isoformat()), life.rules, life.at_ms).majority_ms
    if told.majority_ms is not None and told.majority_from_ms is not None and true is not None:
        assert told.majority_from_ms <= true <= told.majority_ms


@given(lives())
def test_the_days_of_birth_are_exactly_those_of_the_age(life: Life) -> None:
    """The first and the last fit, and the days beside them do not."""
    span, on = age_span(life.stated, life.rules, life.at_ms), date.fromisoformat(life.stated.on or "")
    assert span is not None
    first, last = span
    day = timedelta(days=1)
    assert first <= life.born <= last
    assert years_between(first, on) <= life.stated.most < years_between(first - day, on)
    assert years_between(last, on) >= life.stated.least > years_between(last + day, on)


@given(lives())
def test_an_estimate_makes_nobody_an_adult(life: Life) -> None:
    """However old it says; a documented reason does, unless the estimate is that of a child: then both are named."""
    estimate = dataclasses.replace(life, stated=dataclasses.replace(life.stated, firm=False))
    told = age_of(estimate.by_age(), life.rules, life.at_ms)
    assert told.group is not AgeGroup.ADULT
    assert told.majority_ms is None or told.majority_ms > life.at_ms
    judged = age_of(estimate.by_age(judged_adult=True), life.rules, life.at_ms)
    if told.group is AgeGroup.CHILD:
        assert judged.contradictions
        assert judged.child
    else:
        assert judged.group is AgeGroup.ADULT
        assert judged.contradictions == ()


@given(lives(), st.integers(0, 9), st.integers(0, 9))
def test_a_wider_band_never_protects_less(life: Life, younger: int, older: int) -> None:
    """Whatever is known less, and whoever did not say that it is no estimate, is unknown or the same."""
    known = life.stated
    wider = dataclasses.replace(known, least=max(0, known.least - younger), most=known.most + older)
    group = age_of(life.by_age(), life.rules, life.at_ms).group
    for less in (wider, dataclasses.replace(known, firm=False)):
        assert age_of(AgeFacts(stated=less), life.rules, life.at_ms).group in {group, AgeGroup.UNKNOWN}


@given(lives(), st.integers(0, 9_000))
def test_nobody_becomes_a_child_again(life: Life, days: int) -> None:
    """With the time a child becomes unknown, and an adult if the age was no estimate."""
    order = [AgeGroup.CHILD, AgeGroup.UNKNOWN, AgeGroup.ADULT]
    before, after = (
        order.index(age_of(life.by_age(), life.rules, at).group) for at in (life.at_ms, life.at_ms + days * DAY_MS)
    )
    assert before <= after


@given(lives())
def test_a_birth_date_counts_before_an_age(life: Life) -> None:
    """What it decides stands; what it leaves open a true age decides rightly, and contradicts nothing."""
    for born in (life.born.isoformat(), life.born.isoformat()[:7], life.born.isoformat()[:4]):
        assume(date.fromisoformat(life.stated.on or "") >= life.born)
        alone = age_of(AgeFacts(born), life.rules, life.at_ms)
        both = age_of(AgeFacts(born, stated=life.stated), life.rules, life.at_ms)
        if alone.group is not AgeGroup.UNKNOWN or not life.stated.firm:
            assert (both.majority_from_ms, both.majority_ms) == (alone.majority_from_ms, alone.majority_ms)
        assert both.contradictions == alone.contradictions
        assert both.group in {alone.group, life.by_birth}
        assert alone.group in {both.group, AgeGroup.UNKNOWN}
        true = age_of(AgeFacts(life.born.isoformat()), life.rules, life.at_ms).majority_ms
        assert true is not None
        assert (both.majority_from_ms or 0) <= true <= (both.majority_ms or 0)


@st.composite
def told(draw: st.DrawFn) -> tuple[AgeFacts, AgeRules, int]:
    """Draw whatever may stand side by side, true or not, of somebody about the age of majority."""
    rules = AgeRules(draw(st.sampled_from((16, 18, 21))), draw(st.integers(-720, 840)))
    today = draw(st.dates(date(2024, 1, 1), date(2028, 12, 31)))
    birth = draw(st.none() | st.dates(date(2002, 1, 1), date(2014, 12, 31)))
    written = None if birth is None else birth.isoformat()[: draw(st.sampled_from((4, 7, 10)))]
    years, wider = draw(st.integers(10, 24)), draw(st.integers(0, 3))
    on = today - timedelta(days=draw(st.integers(0, 2_500)))
    age = StatedAge(years, years + wider, on.isoformat(), draw(st.booleans()))
    stated = draw(st.sampled_from((age, None)))
    words = draw(st.sampled_from(((), (True,), (False,), (True, False))))
    return AgeFacts(written, words, draw(st.booleans()), stated), rules, day_ms(today, rules.utc_offset_min)


JUDGED_BESIDE_A_YEAR = AgeFacts("2008", judged_adult=True, stated=StatedAge(17, 17, "2026-09-20", firm=True))


@given(told())
@example((JUDGED_BESIDE_A_YEAR, AgeRules(18, 300), 1_790_000_000_000))
@example(
    (dataclasses.replace(JUDGED_BESIDE_A_YEAR, stated=StatedAge(12, 12, "2026-09-20")), AgeRules(18), 1_790_000_000_000)
)
def test_nobody_whom_one_fact_calls_a_child_is_an_adult(said: tuple[AgeFacts, AgeRules, int]) -> None:
    """Whatever stands beside it, unless both are named; nor is the word that it is an adult passed over."""
    facts, rules, at_ms = said
    alone = [
        age_of(each, rules, at_ms).group
        for each in (AgeFacts(facts.birthdate), AgeFacts(stated=facts.stated), AgeFacts(is_minor=facts.is_minor))
    ]
    age = age_of(facts, rules, at_ms)
    if AgeGroup.CHILD in alone:
        assert age.child or age.contradictions
        if facts.judged_adult or False in facts.is_minor:
            assert age.contradictions
    if not age.child and not age.contradictions and not facts.judged_adult:
        assert AgeGroup.ADULT in alone


@given(told(), st.integers(1, 99), st.integers(0, 6), st.booleans())
def test_a_stated_age_beside_the_year_of_majority_is_never_passed_over(
    said: tuple[AgeFacts, AgeRules, int], days: int, away: int, firm: bool
) -> None:
    """Where no day of birth fits both, that is named, and the person is treated as a child."""
    facts, rules, _ = said
    today = date(2027, 1, 1) + timedelta(days=days)
    at_ms, year = day_ms(today, rules.utc_offset_min), str(2027 - rules.majority_age)
    stated = StatedAge(rules.majority_age - 3 + away, rules.majority_age - 3 + away, today.isoformat(), firm)
    age = age_of(dataclasses.replace(facts, birthdate=year, stated=stated), rules, at_ms)
    born, span = birth_span(year), age_span(stated, rules, at_ms)
    assert born is not None
    assert span is not None
    if max(born[0], span[0]) > min(born[1], span[1]):
        assert "the birth date and the stated age do not go together" in age.contradictions
        assert age.child
    elif not firm:
        assert (age.majority_from_ms, age.majority_ms) == tuple(
            day_ms(day, rules.utc_offset_min) for day in (date(2027, 1, 1), date(2027, 12, 31))
        )


@given(lives())
def test_no_consent_of_an_adult_passes_for_a_child(life: Life) -> None:
    """A true age of a child stands against an adult's own word, and never against a guardian's for a child."""
    assume(life.by_birth is AgeGroup.CHILD)
    adult = dataclasses.replace(consent_record(), event_time_ms=life.at_ms)
    assert list(record_problems(life.by_age(), adult, life.rules, life.at_ms))
    child = dataclasses.replace(child_record(), event_time_ms=life.at_ms, majority_at_ms=life.at_ms + DAY_MS)
    assert list(record_problems(life.by_age(), child, life.rules, life.at_ms)) == []


@given(lives(), st.lists(st.integers(-2_000, 2_000), max_size=3), st.sampled_from((4, 7, 10)))
def test_an_imported_age_holds_the_true_one(life: Life, others: list[int], known: int) -> None:
    """Whatever days a file names beside the true one, and however little of each is known."""
    on = date.fromisoformat(life.stated.on or "")
    assume(day_ms(on, life.rules.utc_offset_min) <= life.at_ms)
    days = [(on + timedelta(days=each)).isoformat()[:known] for each in (0, *others)]
    span = age_in(f"{life.stated.least}-{life.stated.most}", days, life.rules, life.at_ms)
    assume(span is not None)
    assert span is not None
    stated = StatedAge(span.least, span.most, span.on.isoformat(), firm=True)
    born = age_span(stated, life.rules, life.at_ms)
    assert born is not None
    assert born[0] <= life.born <= born[1]
