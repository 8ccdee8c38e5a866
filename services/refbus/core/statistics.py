"""Counts of a closed year or half-year that can be published: who is counted, and when a number is told.

Each kind of course has a table for each home country, the one where it goes: the host publishes them, and the home
country adds up what the hosts told of it (`at_home`). No two tables have a course in common (docs/adr/0084).

Whoever took part in a course knows it, and subtracts it. So a number is told only when it stays at least `threshold`
after the courses of any two organisations are taken away from it. Of each kind one single partition is published: the
first of a fixed list in which every part can be told. Nothing else is, so there is nothing else to subtract.

Why nothing can be worked backwards: let two organisations know all their own courses and this rule. Each part that is
told holds at least `threshold` courses that they do not know. For any set of courses that contains no whole part, they
may be thought to lie all outside that set, in one cell of each part, but for any number below `threshold`. The same is
published then: the parts and the organisations are the same, and every earlier partition of the list has more parts
than this one, so one of its parts has no such cell, is below `threshold`, and is not told. So of every number that may
be below the threshold, all numbers below it are possible. It needs the lists to fall strictly in length. Where no total
is told, all that the two do not know may lie in the set (docs/adr/0044). A course that moves from cell to cell keeps
its organisations, so no cell may say anything of them: the home country is that of one, and is no cell of a table.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from itertools import combinations, product
from typing import Final

from refbus.core.courses.course import CourseView, state_of
from refbus.core.courses.facts import EventFact
from refbus.core.courses.machine import CourseKind
from refbus.core.ids import CountryCode, OrgId
from refbus.core.vocabulary import EventType

LAST_YEAR: Final = 9999
LEAST_THRESHOLD: Final = 11
"""No number is told of fewer courses (the rule of thumb of official statistics: at least eleven)."""


class Age(StrEnum):
    """Whether the person was of age when asked, by the consent record. A child too where that is not known."""

    ADULT = "ADULT"
    CHILD = "CHILD"


_PERIOD: Final = re.compile(r"([0-9]{4})(?:-H([12]))?")
_SECOND_HALF: Final = 7
"""The month with which it begins."""


@dataclass(frozen=True, slots=True)
class Period:
    """A year, UTC, or one half of it (`half` 1 or 2; 0 for all of it)."""

    year: int
    half: int = 0

    def __str__(self) -> str:
        """Return how it is written: 2026, or 2026-H1."""
        return f"{self.year:04}-H{self.half}" if self.half else f"{self.year:04}"

    @property
    def over_at(self) -> datetime:
        """When it is over."""
        return (
            datetime(self.year, _SECOND_HALF, 1, tzinfo=UTC)
            if self.half == 1
            else datetime(self.year + 1, 1, 1, tzinfo=UTC)
        )

    @property
    def crossing(self) -> tuple[Period, ...]:
        """The other periods that have courses of this one: whoever has two of them told can subtract."""
        return (Period(self.year),) if self.half else (Period(self.year, 1), Period(self.year, 2))

    def holds(self, course: Counted) -> bool:
        """Whether a course began in it."""
        return course.year == self.year and self.half in {0, course.half}


def half_of(day: date) -> int:
    """Return which half of its year a day is in, 1 or 2."""
    return 1 if day.month < _SECOND_HALF else 2


def read_period(text: str) -> Period | None:
    """Return the period that a text names, None for none."""
    found = _PERIOD.fullmatch(text)
    return Period(int(found[1]), int(found[2] or 0)) if found and 1 <= int(found[1]) < LAST_YEAR else None


@dataclass(frozen=True, slots=True)
class Counted:
    """One course as it is counted: nothing that names anybody. `known_to` took part in it and know all of this."""

    kind: CourseKind
    year: int
    outcome: str
    age: Age
    known_to: frozenset[OrgId]
    home: CountryCode  # where it goes
    half: int = 1  # of the year


@dataclass(frozen=True, slots=True)
class Table:
    """One total, split in one way or not at all (`cells` empty). `total` None: nothing is told of this kind."""

    kind: CourseKind
    home: CountryCode
    split_by: str
    total: int | None
    cells: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Partition:
    """A way to split the courses of a kind: by which of their properties, and the cells that there are."""

    split_by: tuple[str, ...]
    cells: tuple[str, ...]

    def cell_of(self, course: Counted) -> str:
        """Return the cell that a course falls into."""
        return "/".join(str(getattr(course, name)) for name in self.split_by)


def counted(facts: Iterable[EventFact], minor: bool | None, home: CountryCode) -> Counted | None:
    """Return how a course counts; None before what began it is known, and for one that was entered in error.

    Its year and half-year are those of its beginning, UTC.
    """
    known = tuple(facts)
    view = state_of(known)
    began = next((fact for fact in known if fact.type is view.machine.begins), None)
    if began is None or view.status == _MISTAKE:
        return None
    day = datetime.fromtimestamp(began.occurred_at_ms / 1000, UTC)
    age = Age.ADULT if minor is False else Age.CHILD
    said = [fact for fact in known if isinstance(fact.type, EventType)]  # what a gate notes is no organisation's
    known_to = frozenset(org for fact in said for org in (fact.sender, fact.recipient))
    return Counted(view.kind, day.year, _outcome(view), age, known_to, home, half_of(day))


def tables(
    courses: Iterable[Counted], homes: Iterable[CountryCode], threshold: int = LEAST_THRESHOLD
) -> tuple[Table, ...]:
    """Return what is published of the courses of a period, for each kind and each of `homes`.

    `threshold` is at least LEAST_THRESHOLD.
    """
    known, k = tuple(courses), max(threshold, LEAST_THRESHOLD)
    return tuple(
        publish(kind, home, [each for each in known if (each.kind, each.home) == (kind, home)], PARTITIONS[kind], k)
        for kind, home in product(CourseKind, sorted(homes))
    )


def publish(
    kind: CourseKind, home: CountryCode, courses: Collection[Counted], partitions: Iterable[Partition], k: int
) -> Table:
    """Return the first of `partitions` of which every cell can be told; its last has one cell, the total.

    Without the total nothing is told, and the table looks alike whatever it holds.
    """
    for partition in partitions:
        cells: dict[str, list[Counted]] = {name: [] for name in partition.cells}
        for course in courses:
            cells[partition.cell_of(course)].append(course)
        if all(left_by_two(each) >= k for each in cells.values()):
            told = {name: len(each) for name, each in cells.items()} if partition.split_by else {}
            return Table(kind, home, "/".join(partition.split_by) or UNSPLIT, len(courses), told)
    return Table(kind, home, UNSPLIT, None, {})


@dataclass(frozen=True, slots=True)
class HomeTable:
    """What the `hosts` told of one kind of course that goes to one country, added up; None where none told anything."""

    kind: CourseKind
    split_by: str
    total: int | None
    cells: Mapping[str, int]
    hosts: tuple[CountryCode, ...]


def at_home(told: Mapping[CountryCode, Iterable[Table]], home: CountryCode) -> tuple[HomeTable, ...]:
    """Return the sums for a home country of what each host published: for each kind in all, by outcome and by age.

    Whoever has the hosts' editions can add them, so it tells nothing more than they do.
    """
    made: list[HomeTable] = []
    for kind in CourseKind:
        found = {
            host: table
            for host, tables_ in sorted(told.items())
            for table in tables_
            if (table.kind, table.home) == (kind, home) and table.total is not None
        }
        total = sum(table.total or 0 for table in found.values())
        made.append(HomeTable(kind, UNSPLIT, total if found else None, {}, tuple(found)))
        for name in _PROPERTIES:
            split = {host: table for host, table in found.items() if table.cells and name in table.split_by.split("/")}
            cells = Counter[str]()
            for table in split.values():
                place = table.split_by.split("/").index(name)
                for cell, count in table.cells.items():
                    cells[cell.split("/")[place]] += count
            if split:
                made.append(HomeTable(kind, name, sum(cells.values()), dict(cells), tuple(split)))
    return tuple(made)


def left_by_two(courses: Collection[Counted]) -> int:
    """Return how many of these courses at least are unknown to any two organisations together."""
    alone = Counter(org for course in courses for org in course.known_to)
    both = Counter(pair for course in courses for pair in combinations(sorted(course.known_to), 2))
    pairs = combinations(sorted(alone), 2)
    known = [alone[one] + alone[other] - both[one, other] for one, other in pairs]
    most = max((*known, *alone.values()), default=0)
    return len(courses) - most


_GROUPS: Mapping[CourseKind, Mapping[str, frozenset[str]]] = {
    CourseKind.REFERRAL: {
        "ANSWERED_AND_HELPED": frozenset({"ACCEPTED", "IN_PROGRESS", "ON_HOLD", "COMPLETED"}),
        "TURNED_DOWN": frozenset({"REJECTED", "REDIRECTED"}),
        "NOT_ANSWERED": frozenset({"REQUESTED", "DELIVERED", "UNDER_REVIEW", "EXPIRED"}),
        "STOPPED": frozenset({"CANCELLED", "FAILED", "CONSENT_SUSPENDED"}),
    },
    CourseKind.REPATRIATION: {
        "AT_HOME": frozenset({"ARRIVED", "HANDED_OVER", "REINTEGRATION", "MONITORING", "CLOSED"}),
        "ON_THE_WAY": frozenset({"IN_TRANSIT"}),
        "STOPPED": frozenset({"SUSPENDED", "ABORTED"}),
    },
    CourseKind.EMERGENCY: {"REVIEWED": frozenset({"REVIEWED"}), "NOT_REVIEWED": frozenset({"INVOKED"})},
}
_OTHER = {CourseKind.REPATRIATION: "PREPARING"}
_MISTAKE = "ENTERED_IN_ERROR"
UNSPLIT: Final = "outcome"
"""How a table is split that is not, or of which nothing is told: what there is to see is always the same."""
_PROPERTIES: Final = ("outcome", "age")


def _partitions(kind: CourseKind) -> tuple[Partition, ...]:
    outcomes = (*_GROUPS[kind], *([_OTHER[kind]] if kind in _OTHER else []))
    ages = tuple(age.value for age in Age)
    total = Partition((), ("",))
    if kind is CourseKind.EMERGENCY:  # without a consent record nobody's age is known
        return Partition(("outcome",), outcomes), total
    both = tuple("/".join(pair) for pair in product(outcomes, ages))
    return Partition(("outcome", "age"), both), Partition(("outcome",), outcomes), Partition(("age",), ages), total


PARTITIONS: Final = {kind: _partitions(kind) for kind in CourseKind}
"""What may be published of each kind, the finest first; each has fewer cells than the one before it."""


def _outcome(view: CourseView) -> str:
    groups = _GROUPS[view.kind]
    found = next((name for name, states in groups.items() if view.status in states), None)
    return found or _OTHER.get(view.kind, next(iter(groups)))
