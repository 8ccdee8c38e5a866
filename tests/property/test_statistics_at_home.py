"""Tables of host and home countries and of half-years, all at once, against two organisations that have every one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import combinations, product
from itertools import combinations_with_replacement as _some
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.core.courses.machine import CourseKind
from refbus.core.ids import CountryCode, OrgId
from refbus.core.statistics import (
    LEAST_THRESHOLD,
    PARTITIONS,
    Age,
    Counted,
    Partition,
    Period,
    Table,
    at_home,
    publish,
    tables,
)

REFERRAL: Final = CourseKind.REFERRAL
KZ, KG, UZ, TM = (CountryCode(each) for each in ("kz", "kg", "uz", "tm"))
ORGS: Final = [OrgId(f"uz-org{number:05d}") for number in range(8)]
K: Final = 2
BY_OUTCOME: Final = Partition(("outcome",), ("A", "B"))
TOTAL: Final = Partition((), ("",))
Place = tuple[CountryCode, CountryCode, int]
"""Where a course is counted: host, home, half of the year."""
PLACES: Final[dict[str, tuple[Place, Place]]] = {
    "two homes of one host": ((KZ, UZ, 1), (KZ, TM, 1)),
    "two hosts of one home": ((KZ, UZ, 1), (KG, UZ, 1)),
    "two halves of a year": ((KZ, UZ, 1), (KZ, UZ, 2)),
}
Course = tuple[Place, Counted]


def made(place: Place, outcome: str, *orgs: OrgId, age: Age = Age.ADULT) -> Course:
    """Return a referral at a place."""
    return place, Counted(REFERRAL, 2026, outcome, age, frozenset(orgs), place[1], place[2])


def worlds(places: tuple[Place, ...], orgs: int, most: int) -> Iterator[tuple[Course, ...]]:
    """Yield every world: each organisation has from 0 to `most` courses at each place, with any outcomes."""
    mine = [
        [tuple(made(place, outcome, org) for outcome in some) for size in range(most + 1) for some in _some("AB", size)]
        for org in ORGS[:orgs]
        for place in places
    ]
    for parts in product(*mine):
        yield tuple(each for part in parts for each in part)


@cache  # one place's courses meet all that another's may be
def told_of(place: Place, courses: tuple[Counted, ...]) -> Table:
    """Return what the host publishes of the courses at a place."""
    return publish(REFERRAL, place[1], courses, (BY_OUTCOME, TOTAL), K)


def published(world: tuple[Course, ...], places: tuple[Place, ...]) -> object:
    """Return all that is published of a world: what each host tells of each home and half, and the homes' sums."""
    told = {place: told_of(place, tuple(each for at, each in world if at == place)) for place in places}
    sums = [
        at_home({host: [table] for (host, _, of), table in told.items() if of == half}, home)
        for home, half in sorted({(home, half) for _, home, half in places})
    ]
    return repr((sorted(told.items(), key=lambda one: one[0]), sums))


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
def test_two_who_have_every_table_find_nothing_below_the_threshold(places: tuple[Place, Place]) -> None:
    """For every set of cells of both places: it surely holds as many that they do not know, or any number below.

    Whoever takes the table of one place away from the other, or from a home's sum, is among them.
    """
    cells = [(place, outcome) for place in places for outcome in "AB"]
    sets = [frozenset(some) for size in range(1, len(cells) + 1) for some in combinations(cells, size)]
    pairs = [frozenset(pair) for pair in combinations(ORGS[:3], 2)]
    alike: defaultdict[object, set[tuple[int, ...]]] = defaultdict(set)
    for world in worlds(places, 3, 2):
        seen = published(world, places)
        for pair in pairs:
            own = tuple(each for each in world if each[1].known_to & pair)
            unknown = Counter((at, each.outcome) for at, each in world if not each.known_to & pair)
            alike[pair, own, seen].add(tuple(sum(unknown[cell] for cell in some) for some in sets))
    assert any(min(numbers) >= K for found in alike.values() for numbers in zip(*found, strict=True)), "some are told"
    for found in alike.values():
        for possible in map(set, zip(*found, strict=True)):
            assert min(possible) >= K or possible >= set(range(K))


def test_a_total_of_all_homes_would_tell_the_one_that_is_not_told() -> None:
    """The attack that keeps them apart: thirty of all less twenty-four of one home are the six of the other."""
    spread = [pair for pair in zip(ORGS[::2], ORGS[1::2], strict=True) for _ in range(6)]
    uz = [made((KZ, UZ, 1), "STOPPED", *pair)[1] for pair in spread]
    tm = [made((KZ, TM, 1), "STOPPED", *ORGS[:2])[1]] * 6
    told = {each.home: each.total for each in tables([*uz, *tm], [UZ, TM]) if each.kind is REFERRAL}
    assert told == {UZ: 24, TM: None}
    assert publish(REFERRAL, UZ, [*uz, *tm], (TOTAL,), LEAST_THRESHOLD).total == 30, "no such table is published"
    assert len(tables([*uz, *tm], [UZ, TM])) == 2 * len(CourseKind)


def test_no_cell_says_where_an_organisation_is() -> None:
    """The proof moves a course from cell to cell with its organisations, and these are in one country each."""
    assert {name for each in PARTITIONS.values() for one in each for name in one.split_by} == {"outcome", "age"}


_tables = st.builds(
    lambda outcomes, ages: [
        made((KZ, UZ, 1), outcome, *pair, age=age)[1]
        for outcome in outcomes
        for age in ages
        for pair in zip(ORGS[::2], ORGS[1::2], strict=True)
        for _ in range(6)
    ],
    st.lists(st.sampled_from(PARTITIONS[REFERRAL][1].cells), unique=True),
    st.lists(st.sampled_from(Age), unique=True),
)


@given(st.lists(_tables, max_size=3), st.sampled_from([UZ, TM]))
@settings(deadline=None)
def test_a_home_country_adds_up_what_was_told_and_nothing_else(hosts: list[list[Counted]], home: CountryCode) -> None:
    """Every number of it is a sum of published ones, and it names whose they are."""
    told = {host: tables(each, [UZ, TM]) for host, each in zip((KG, KZ, TM), hosts, strict=False)}
    here = {
        host: {each.kind: each for each in found if each.home == home and each.total is not None}
        for host, found in told.items()
    }
    for row in at_home(told, home):
        mine = [here[host][row.kind] for host in row.hosts]
        assert row.total == (sum(each.total or 0 for each in mine) if mine else None)
        assert not row.cells or sum(row.cells.values()) == row.total
        if not row.cells:
            assert set(row.hosts) == {host for host, found in here.items() if row.kind in found}
        for name, count in row.cells.items():
            assert count == sum(
                number
                for each in mine
                for cell, number in each.cells.items()
                if cell.split("/")[each.split_by.split("/").index(row.split_by)] == name
            )


@pytest.mark.parametrize("half", [0, 1, 2])
def test_a_period_is_the_same_for_host_and_home(half: int) -> None:
    """What a half holds for one it holds for the other: the day on which the course began decides, UTC."""
    course = made((KZ, UZ, 1), "STOPPED", *ORGS[:2])[1]
    assert Period(2026, half).holds(course) is (half in {0, 1})
