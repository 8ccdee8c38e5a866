"""Suppression against an exact attacker: all tables that the rule would publish alike are tried, one by one."""

from __future__ import annotations

from collections import defaultdict
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.core.facts import SystemEvent
from refbus.core.ids import CountryCode
from refbus.core.machine import CourseKind, Saying
from refbus.core.statistics import LEAST_THRESHOLD, Age, Counted, Table, counted, publish, tables
from refbus.core.vocabulary import EventType, Priority
from support.courses import Course

E = EventType

KG, TM, UZ = CountryCode("kg"), CountryCode("tm"), CountryCode("uz")
HOME = ["AT_HOME", "ON_THE_WAY", "STOPPED", "PREPARING", "ENTERED_IN_ERROR"]
K = LEAST_THRESHOLD
SMALL = st.lists(st.integers(0, 40), min_size=2, max_size=3)


def table(counts: list[int]) -> Table:
    """Return what is published of these counts."""
    return publish(CourseKind.REFERRAL, "outcome", {str(number): count for number, count in enumerate(counts)}, K)


@given(SMALL)
@settings(deadline=None)
def test_no_small_number_is_told(counts: list[int]) -> None:
    """Below the threshold nothing is; and what is told is true."""
    found = table(counts)
    assert found.total is None or found.total == sum(counts) >= K
    for name, count in found.cells.items():
        assert count is None or (count == counts[int(name)] and count >= K)
    assert list(found.cells.values()).count(None) != 1, "one alone would be the rest of the total"


@given(SMALL)
@settings(deadline=None, max_examples=60)
def test_a_reader_who_tries_every_table_finds_no_hidden_number(counts: list[int]) -> None:
    """By the told numbers and the total, each hidden cell may be at least eleven different numbers."""
    found = table(counts)
    hidden = [name for name, count in found.cells.items() if count is None]
    if found.total is None or not hidden:
        return
    rest = found.total - sum(count for count in found.cells.values() if count is not None)
    ways = [way for way in product(range(rest + 1), repeat=len(hidden)) if sum(way) == rest]
    for place in range(len(hidden)):
        assert len({way[place] for way in ways}) >= K


@pytest.mark.parametrize(("cells", "most", "k"), [(2, 24, 3), (3, 20, 3), (3, 24, 4), (4, 13, 3)])
def test_nor_does_one_who_works_the_rule_backwards(cells: int, most: int, k: int) -> None:
    """All tables with one total are made, and those that are published alike leave k values for each hidden number."""
    alike: defaultdict[tuple[int | None, tuple[int | None, ...]], list[tuple[int, ...]]] = defaultdict(list)
    for counts in product(range(most + 1), repeat=cells):
        found = publish(CourseKind.REFERRAL, "outcome", {str(n): count for n, count in enumerate(counts)}, k)
        if sum(counts) <= most:
            alike[found.total, tuple(found.cells.get(str(n)) for n in range(cells))].append(counts)
    for (total, shown), made in alike.items():
        hidden = [n for n in range(cells) if shown[n] is None]
        assert total is None or all(len({each[n] for each in made}) >= k for n in hidden), (total, shown)


def test_a_large_table_is_told_as_far_as_it_can_be() -> None:
    """Written out: the bound is doubled until what is hidden is wide enough, and no further."""
    counts = {"a": 100, "b": 30, "c": 25, "d": 5, "e": 2}
    told = publish(CourseKind.REFERRAL, "outcome", counts, K)
    assert told.cells == {"a": 100, "b": None, "c": None, "d": None, "e": None}
    assert publish(CourseKind.REFERRAL, "outcome", {**counts, "d": 10, "e": 9}, K).cells["c"] == 25
    assert publish(CourseKind.REFERRAL, "outcome", {"a": 11, "b": 400}, K).cells == {"a": 11, "b": 400}
    assert publish(CourseKind.REFERRAL, "outcome", {"a": 10, "b": 400}, K).cells == {}


def test_an_age_that_is_not_known_hides_no_child() -> None:
    """Its cell would be zero in every year, so ten children beside it could be found: they are not told of at all."""

    def by_age(*ages: Age) -> Table:
        courses = [Counted(CourseKind.REFERRAL, 2026, UZ, "STOPPED", age, Priority.ROUTINE) for age in ages]
        return next(each for each in tables(courses, [UZ], K) if each.split_by == "age")

    adults = [Age.ADULT] * 50
    assert by_age(*adults, *[Age.CHILD] * 10).cells == {}
    assert by_age(*adults, *[Age.CHILD] * 11).cells == {"ADULT": 50, "CHILD": 11}
    unknown = by_age(*adults, *[Age.CHILD] * 11, Age.NOT_KNOWN)
    assert (unknown.total, unknown.cells) == (62, {})
    assert by_age(*[Age.NOT_KNOWN] * 10).total is None


def test_a_place_that_is_counted_has_its_cell() -> None:
    """Also when no organisation is there any more: the cells of a table make its total."""
    courses = [Counted(CourseKind.REFERRAL, 2026, UZ, "STOPPED", Age.ADULT, Priority.ROUTINE)] * 12
    found = next(each for each in tables(courses, [], K) if each.split_by == "destination")
    assert (found.total, found.cells) == (12, {"uz": 12})


def test_the_threshold_is_never_lower_than_eleven() -> None:
    """Whatever is asked for."""
    courses = [Counted(CourseKind.REFERRAL, 2026, UZ, "STOPPED", Age.ADULT, Priority.ROUTINE)] * 10
    assert LEAST_THRESHOLD == 11
    assert {each.total for each in tables(courses, [UZ], 2)} == {None}


COUNTED_AS = {
    CourseKind.REFERRAL: {
        (): "NOT_ANSWERED",
        (E.REFERRAL_DELIVERED,): "NOT_ANSWERED",
        (E.REFERRAL_OPENED,): "NOT_ANSWERED",
        (SystemEvent.REFERRAL_EXPIRED,): "NOT_ANSWERED",
        (E.REFERRAL_ACCEPTED,): "ANSWERED_AND_HELPED",
        (E.REFERRAL_ACCEPTED, E.REFERRAL_IN_PROGRESS): "ANSWERED_AND_HELPED",
        (E.REFERRAL_ACCEPTED, E.REFERRAL_IN_PROGRESS, E.REFERRAL_ON_HOLD): "ANSWERED_AND_HELPED",
        (E.REFERRAL_ACCEPTED, E.REFERRAL_COMPLETED): "ANSWERED_AND_HELPED",
        (E.REFERRAL_REJECTED,): "TURNED_DOWN",
        (E.REFERRAL_REDIRECTED,): "TURNED_DOWN",
        (E.REFERRAL_CANCELLED,): "STOPPED",
        (E.REFERRAL_ACCEPTED, E.REFERRAL_FAILED): "STOPPED",
        (E.CONSENT_WITHDRAWN,): "STOPPED",
        (E.ENTERED_IN_ERROR,): "ENTERED_IN_ERROR",
    },
    CourseKind.REPATRIATION: {
        (): "PREPARING",
        (E.PLAN_AGREED, E.DEPARTURE_AUTHORISED): "PREPARING",
        (E.PLAN_AGREED, E.DEPARTURE_AUTHORISED, E.DEPARTED): "ON_THE_WAY",
        (E.DEPARTED, E.ARRIVED): "AT_HOME",
        (E.DEPARTED, E.ARRIVED, E.REINTEGRATION_AGREED): "AT_HOME",
        (E.DEPARTED, E.ARRIVED, E.REINTEGRATION_AGREED, E.MONITORING_RECORDED): "AT_HOME",
        (E.DEPARTED, E.ARRIVED, E.REINTEGRATION_AGREED, E.REPATRIATION_CLOSED): "AT_HOME",
        (E.REPATRIATION_SUSPENDED,): "STOPPED",
        (E.REPATRIATION_ABORTED,): "STOPPED",
        (E.ENTERED_IN_ERROR,): "ENTERED_IN_ERROR",
    },
    CourseKind.EMERGENCY: {
        (): "NOT_REVIEWED",
        (E.EMERGENCY_REVIEWED,): "REVIEWED",
        (E.ENTERED_IN_ERROR,): "ENTERED_IN_ERROR",
    },
}
BEGINS = {
    CourseKind.REFERRAL: E.REFERRAL_REQUESTED,
    CourseKind.REPATRIATION: E.RETURN_WISH_RECORDED,
    CourseKind.EMERGENCY: E.EMERGENCY_INVOKED,
}
ROADS = [(kind, road) for kind, roads in COUNTED_AS.items() for road in roads]


@pytest.mark.parametrize(("kind", "road"), ROADS)
def test_each_course_is_counted_as_it_is_written_here(kind: CourseKind, road: tuple[Saying, ...]) -> None:
    """By where it stands, in the year in which it began; before its beginning came it is not counted."""
    course = Course(BEGINS[kind])
    for each in road:
        course.add(each)
    found = counted(course.facts, None, UZ)
    assert found == Counted(kind, 1970, UZ, COUNTED_AS[kind][road], Age.NOT_KNOWN, Priority.ROUTINE)
    assert counted(course.facts[1:], None, UZ) is None
    both = [counted(course.facts, minor, UZ) for minor in (True, False)]
    assert [each.age for each in both if each] == [Age.CHILD, Age.ADULT]


def test_each_kind_is_split_as_it_is_written_here() -> None:
    """A total of exactly the threshold is told; nobody's age is known in an emergency."""
    courses = [Counted(kind, 2026, UZ, "X", Age.ADULT, Priority.ROUTINE) for kind in CourseKind for _ in range(11)]
    found = tables(courses, [UZ], K)
    assert [(each.kind, each.split_by) for each in found] == [
        (CourseKind.REFERRAL, "outcome"),
        (CourseKind.REFERRAL, "destination"),
        (CourseKind.REFERRAL, "priority"),
        (CourseKind.REFERRAL, "age"),
        (CourseKind.REPATRIATION, "outcome"),
        (CourseKind.REPATRIATION, "age"),
        (CourseKind.EMERGENCY, "outcome"),
    ]
    assert {each.total for each in found if each.split_by in {"age", "priority", "destination"}} == {11}


def test_every_cell_is_there_whether_counted_or_not() -> None:
    """A country without a course and a priority that nobody used are cells too: what is absent would tell of zero."""
    urgent = [Counted(CourseKind.REFERRAL, 2026, UZ, "STOPPED", Age.ADULT, Priority.URGENT)] * 40
    helped = [Counted(CourseKind.REFERRAL, 2026, KG, "ANSWERED_AND_HELPED", Age.ADULT, Priority.EMERGENCY)] * 40
    few = [Counted(CourseKind.REFERRAL, 2026, TM, "TURNED_DOWN", Age.ADULT, Priority.ROUTINE)] * 12
    found = {each.split_by: each for each in tables([*urgent, *helped, *few], [UZ, KG, TM], K)}
    assert found["destination"].cells == {"kg": 40, "tm": 12, "uz": 40}
    assert found["priority"].cells == {"EMERGENCY": 40, "URGENT": 40, "ROUTINE": 12}
    more = tables([*urgent, *helped, *few[:10]], [UZ, KG, TM, CountryCode("tj")], K)
    places = next(each for each in more if each.split_by == "destination")
    assert places.cells == {"kg": 40, "tj": None, "tm": None, "uz": 40}
    outcomes = next(each for each in more if each.split_by == "outcome")
    assert list(outcomes.cells) == ["ANSWERED_AND_HELPED", "TURNED_DOWN", "NOT_ANSWERED", "STOPPED", "ENTERED_IN_ERROR"]
    home = [Counted(CourseKind.REPATRIATION, 2026, UZ, name, Age.ADULT, Priority.ROUTINE) for name in HOME * 11]
    of_home = next(each for each in tables(home, [UZ], K) if each.kind is CourseKind.REPATRIATION)
    assert of_home.cells == dict.fromkeys(HOME, 11)
