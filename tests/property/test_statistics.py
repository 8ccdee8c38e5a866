"""What is told, against exact attackers: one or two organisations that know all their own courses and the rule."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from itertools import combinations_with_replacement as _some

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from refbus.core.courses.facts import SystemEvent
from refbus.core.courses.machine import CourseKind, Saying
from refbus.core.ids import CountryCode, OrgId
from refbus.core.statistics import (
    LEAST_THRESHOLD,
    PARTITIONS,
    Age,
    Counted,
    Partition,
    Period,
    Table,
    counted,
    left_by_two,
    publish,
    read_period,
    tables,
)
from refbus.core.vocabulary import EventType
from support.courses import Course

E = EventType
K = LEAST_THRESHOLD
REFERRAL = CourseKind.REFERRAL
ORGS = [OrgId(f"kz-org{number:05d}") for number in range(8)]
TOTAL = Partition((), ("",))
World = tuple[Counted, ...]


UZ, KG = CountryCode("uz"), CountryCode("kg")


def course(outcome: str, age: Age, *orgs: OrgId, home: CountryCode = UZ, half: int = 1) -> Counted:
    """Return a referral that these organisations took part in."""
    return Counted(REFERRAL, 2026, outcome, age, frozenset(orgs), home, half)


def seen_by(world: World, pair: frozenset[OrgId]) -> tuple[Counted, ...]:
    """Return what an attacker knows of a world besides the publication: its own courses."""
    return tuple(each for each in world if each.known_to & pair)


def worlds(orgs: int, cells: Sequence[tuple[str, Age]], most: int) -> Iterator[World]:
    """Yield every world: each organisation has from 0 to `most` courses of its own, in any cells."""
    mine = [
        [tuple(course(*cell, org) for cell in some) for size in range(most + 1) for some in _some(cells, size)]
        for org in ORGS[:orgs]
    ]
    for parts in product(*mine):
        yield tuple(each for part in parts for each in part)


def shown(table: Table) -> tuple[str, int | None, tuple[tuple[str, int], ...]]:
    """Return a table as something that can be compared."""
    return table.split_by, table.total, tuple(sorted(table.cells.items()))


TWO = [("A", Age.ADULT), ("B", Age.ADULT)]
THREE = [("A", Age.ADULT), ("A", Age.CHILD), ("B", Age.ADULT)]
FOUR = [(outcome, age) for outcome in "AB" for age in Age]
BY_AGE = Partition(("age",), ("ADULT", "CHILD"))
BY_BOTH = Partition(("outcome", "age"), tuple(f"{outcome}/{age}" for outcome, age in FOUR))
BY_THREE = Partition(("outcome", "age"), tuple(f"{outcome}/{age}" for outcome, age in THREE))
BY_OUTCOME = Partition(("outcome",), ("A", "B"))


@pytest.mark.parametrize(
    ("orgs", "cells", "most", "partitions", "k"),
    [
        (3, TWO, 5, (BY_OUTCOME, TOTAL), 2),
        (3, TWO, 6, (BY_OUTCOME, TOTAL), 3),
        (4, TWO, 2, (BY_OUTCOME, TOTAL), 2),
        (3, THREE, 3, (BY_THREE, BY_AGE, TOTAL), 1),
        (3, THREE, 4, (BY_THREE, BY_OUTCOME, TOTAL), 2),
        (3, FOUR, 2, (BY_BOTH, BY_AGE, TOTAL), 1),
    ],
)
def test_two_who_try_every_world_find_nothing_below_the_threshold(
    orgs: int, cells: Sequence[tuple[str, Age]], most: int, partitions: Sequence[Partition], k: int
) -> None:
    """For every set of cells: either it holds at least k courses that they do not know, or any number below k.

    All worlds are made. Those that look alike to two organisations, by their own courses and by what is published, are
    compared: that is all that can be worked out.
    """
    sets = [frozenset(some) for size in range(1, len(cells) + 1) for some in combinations(cells, size)]
    pairs = [frozenset(pair) for pair in combinations(ORGS[:orgs], 2)]
    alike: defaultdict[object, set[tuple[int, ...]]] = defaultdict(set)
    for world in worlds(orgs, cells, most):
        seen = shown(publish(REFERRAL, UZ, world, partitions, k))
        for pair in pairs:
            unknown = Counter((each.outcome, each.age) for each in world if not each.known_to & pair)
            numbers = tuple(sum(unknown[cell] for cell in some) for some in sets)
            alike[pair, seen_by(world, pair), seen].add(numbers)
    for found in alike.values():
        for possible in map(set, zip(*found, strict=True)):
            assert min(possible) >= k or possible >= set(range(k))


def test_the_attacker_of_these_tests_finds_what_the_old_rule_told() -> None:
    """Suppressing by size alone is broken by it: a contributor takes its own courses away and has the others'."""
    mine, others = [course("A", Age.ADULT, ORGS[0])] * 11, [course("A", Age.ADULT, ORGS[1])] * 3
    assert len(mine + others) >= K
    assert left_by_two(mine + others) < K
    assert publish(REFERRAL, UZ, mine + others, (TOTAL,), K).total is None


_courses = st.builds(
    course,
    st.sampled_from(PARTITIONS[REFERRAL][1].cells),
    st.sampled_from(Age),
    st.sampled_from(ORGS),
    st.sampled_from(ORGS),
)


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_below_the_threshold_every_number_is_possible(data: st.DataObject) -> None:
    """The proof, done: for any world, attackers and set of cells another world is made that is published alike."""
    often = data.draw(st.lists(_courses, min_size=3, max_size=12))
    world = tuple(each for each in often for _ in range(data.draw(st.integers(1, 30))))
    pair = frozenset(data.draw(st.lists(st.sampled_from(ORGS), min_size=1, max_size=2)))
    partitions = PARTITIONS[REFERRAL]
    told = publish(REFERRAL, UZ, world, partitions, K)
    parts = next(each for each in partitions if "/".join(each.split_by) == told.split_by) if told.cells else TOTAL
    cells = [(outcome, age) for outcome in partitions[1].cells for age in partitions[2].cells]
    some = data.draw(st.sets(st.sampled_from(cells), min_size=1))
    outside: dict[str, tuple[str, str]] = {}
    for cell in cells:
        if cell not in some:
            outside.setdefault(parts.cell_of(course(cell[0], Age(cell[1]))), cell)
    assume(len(outside) == len(parts.cells))  # the set holds no whole part: of such nothing below K is told
    wanted = data.draw(st.integers(0, K - 1))
    other, unknown = list(seen_by(world, pair)), [each for each in world if not each.known_to & pair]
    if told.total is None:
        stranger = next(org for org in ORGS if org not in pair)
        unknown = [course("STOPPED", Age.ADULT, stranger)] * wanted
    for each in unknown:
        part = parts.cell_of(each)
        inside = [cell for cell in sorted(some) if parts.cell_of(course(cell[0], Age(cell[1]))) == part]
        take = inside and sum((one.outcome, one.age) in some and not one.known_to & pair for one in other) < wanted
        cell = inside[0] if take else outside[part]
        other.append(course(cell[0], Age(cell[1]), *each.known_to))
    assert sum((each.outcome, each.age) in some for each in other if not each.known_to & pair) == wanted
    assert seen_by(tuple(other), pair) == seen_by(world, pair)
    assert shown(publish(REFERRAL, UZ, other, partitions, K)) == shown(told)


@pytest.mark.parametrize("kind", CourseKind)
def test_each_list_of_partitions_falls_in_length(kind: CourseKind) -> None:
    """What the proof rests on: a later partition has fewer cells, and the last is the total."""
    sizes = [len(each.cells) for each in PARTITIONS[kind]]
    assert sizes == sorted(set(sizes), reverse=True)
    assert sizes[-1] == 1


@given(st.lists(_courses, max_size=60))
@settings(deadline=None)
def test_what_is_told_is_true_and_one_partition(courses: list[Counted]) -> None:
    """Cells make the total, each is at least the threshold without any two organisations, and nothing else is there."""
    for told in tables(courses, [UZ]):
        of_kind = [each for each in courses if each.kind is told.kind]
        assert told.total in {None, len(of_kind)}
        assert not told.cells or sum(told.cells.values()) == told.total
        split = next(each for each in PARTITIONS[told.kind] if not told.cells or set(each.cells) == set(told.cells))
        for name, count in told.cells.items():
            here = [each for each in of_kind if split.cell_of(each) == name]
            assert len(here) == count
            for pair in combinations(ORGS, 2):
                assert sum(not each.known_to & set(pair) for each in here) >= K


def _spread(outcome: str, age: Age, each: int) -> list[Counted]:
    return [course(outcome, age, *pair) for pair in zip(ORGS[::2], ORGS[1::2], strict=True) for _ in range(each)]


def test_the_finest_partition_that_is_safe_is_told() -> None:
    """Written out: by outcome and age, by outcome, by age, the total, nothing."""
    names = PARTITIONS[REFERRAL][1].cells
    full = [each for name in names for age in Age for each in _spread(name, age, 6)]
    found = {each.kind: each for each in tables(full, [UZ])}[REFERRAL]
    assert (found.split_by, found.total, set(found.cells.values())) == ("outcome/age", 192, {24})
    adults = [each for name in names for each in _spread(name, Age.ADULT, 6)]
    found = {each.kind: each for each in tables(adults, [UZ])}[REFERRAL]
    assert (found.split_by, found.cells) == ("outcome", dict.fromkeys(names, 24))
    one = _spread(names[0], Age.ADULT, 6) + _spread(names[0], Age.CHILD, 6)
    found = {each.kind: each for each in tables(one, [UZ])}[REFERRAL]
    assert (found.split_by, found.cells) == ("age", {"ADULT": 24, "CHILD": 24})
    found = {each.kind: each for each in tables(_spread(names[0], Age.ADULT, 6), [UZ])}[REFERRAL]
    assert (found.split_by, found.total, found.cells) == ("outcome", 24, {})
    found = {each.kind: each for each in tables(_spread(names[0], Age.ADULT, 5), [UZ])}[REFERRAL]
    assert (found.split_by, found.total, found.cells) == ("outcome", None, {}), "ten are left without two"


def test_one_agency_that_sends_everything_is_never_told_of() -> None:
    """However many there are: it knows them all, and so does everybody who asks it."""
    courses = [course("STOPPED", Age.ADULT, ORGS[0], org) for org in ORGS[1:] for _ in range(500)]
    assert {each.total for each in tables(courses, [UZ])} == {None}


@given(st.integers(1, 9998), st.sampled_from([0, 1, 2]), st.integers(1, 9998), st.sampled_from([1, 2]))
def test_periods_that_do_not_cross_have_no_course_in_common(year: int, half: int, of: int, in_half: int) -> None:
    """So nothing of two editions can be subtracted; and each period is read as it is written."""
    here = Period(year, half)
    course_ = Counted(REFERRAL, of, "STOPPED", Age.ADULT, frozenset(ORGS[:2]), UZ, in_half)
    assert read_period(str(here)) == here
    both = [each for each in (Period(of), Period(of, 1), Period(of, 2), here) if each.holds(course_)]
    assert all(one == other or other in one.crossing for one in both for other in both)
    assert not any(each.crossing and here in here.crossing for each in both)


def test_a_year_beside_its_half_tells_the_other_half() -> None:
    """The attack that keeps them apart: thirty of the year less twenty-four of its first half are six."""
    first, second = _spread("STOPPED", Age.ADULT, 6), [course("STOPPED", Age.ADULT, ORGS[0], ORGS[1])] * 6
    year = {each.kind: each for each in tables([*first, *second], [UZ])}[REFERRAL]
    half = {each.kind: each for each in tables(first, [UZ])}[REFERRAL]
    assert (year.total, half.total) == (30, 24)
    assert {each.kind: each for each in tables(second, [UZ])}[REFERRAL].total is None


def test_courses_of_one_own_making_tell_nothing() -> None:
    """Who adds as many courses of its own as it likes does not bring the others over the threshold."""
    others = [course("STOPPED", Age.ADULT, ORGS[0], ORGS[1])] * 10
    for number in (0, 1, 500):
        made = [course("STOPPED", Age.ADULT, ORGS[2], ORGS[3])] * number
        assert publish(REFERRAL, UZ, others + made, (TOTAL,), K).total is None


def test_the_threshold_is_never_lower_than_eleven() -> None:
    """Whatever is asked for."""
    assert LEAST_THRESHOLD == 11
    assert {each.total for each in tables(_spread("STOPPED", Age.ADULT, 5), [UZ], 2)} == {None}


COUNTED_AS: dict[CourseKind, dict[tuple[Saying, ...], str]] = {
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
    },
    CourseKind.EMERGENCY: {
        (): "NOT_REVIEWED",
        (E.EMERGENCY_REVIEWED,): "REVIEWED",
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
    made = Course(BEGINS[kind])
    for each in road:
        made.add(each)
    found = counted(made.facts, False, UZ)
    assert found is not None
    assert (found.kind, found.year, found.outcome, found.age) == (kind, 1970, COUNTED_AS[kind][road], Age.ADULT)
    assert len(found.known_to) == 2
    assert counted(made.facts[1:], None, UZ) is None
    both = [counted(made.facts, minor, UZ) for minor in (True, None)]
    assert [each.age for each in both if each] == [Age.CHILD, Age.CHILD], "an age that is not known is a child's"


@pytest.mark.parametrize("kind", CourseKind)
def test_what_was_entered_in_error_is_no_course(kind: CourseKind) -> None:
    """It is not counted."""
    made = Course(BEGINS[kind])
    made.add(E.ENTERED_IN_ERROR)
    assert counted(made.facts, False, UZ) is None
