"""Counts of a closed year that can be published: who is counted, and what must not be said for small numbers.

A country publishes only courses that began in it, so no two countries publish the same number. Each table splits one
total; nothing else is published, so a suppressed number can be attacked through its own table alone. `publish` makes
sure that such an attack leaves at least `threshold` possible values, for a reader who knows this very rule and works it
backwards through all tables that there could be. No cell is there that everybody knows to be zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from refbus.core.course import CourseView, state_of
from refbus.core.facts import EventFact
from refbus.core.ids import CountryCode
from refbus.core.machine import CourseKind
from refbus.core.vocabulary import Priority

LEAST_THRESHOLD = 11
"""Numbers below are never published (the rule of thumb of official statistics: at least eleven)."""


class Age(StrEnum):
    """Whether the person was of age when asked, by the consent record."""

    ADULT = "ADULT"
    CHILD = "CHILD"
    NOT_KNOWN = "NOT_KNOWN"


@dataclass(frozen=True, slots=True)
class Counted:
    """One course as it is counted: nothing that names anybody."""

    kind: CourseKind
    year: int
    destination: CountryCode
    outcome: str
    age: Age
    priority: Priority


@dataclass(frozen=True, slots=True)
class Table:
    """One total split in one way; None for what is not told. `total` None: nothing at all is told of this kind."""

    kind: CourseKind
    split_by: str
    total: int | None
    cells: Mapping[str, int | None]


def counted(facts: Iterable[EventFact], minor: bool | None, destination: CountryCode) -> Counted | None:
    """Return how a course counts; None before what began it is known. Its year is that of its beginning, UTC."""
    known = tuple(facts)
    view = state_of(known)
    began = next((fact for fact in known if fact.type is view.machine.begins), None)
    if began is None:
        return None
    age = Age.NOT_KNOWN if minor is None else (Age.CHILD if minor else Age.ADULT)
    year = datetime.fromtimestamp(began.occurred_at_ms / 1000, UTC).year
    return Counted(view.kind, year, destination, _outcome(view), age, began.priority or Priority.ROUTINE)


def tables(courses: Iterable[Counted], countries: Iterable[CountryCode], threshold: int) -> tuple[Table, ...]:
    """Return every table of one year's courses, safe to publish. `threshold` is never below LEAST_THRESHOLD.

    `countries` are those to which something could be sent.
    """
    known, k = tuple(courses), max(threshold, LEAST_THRESHOLD)
    places = sorted({*countries, *(each.destination for each in known)})
    found = []
    for kind in CourseKind:
        of_kind = [each for each in known if each.kind is kind]
        splits: dict[str, tuple[Iterable[str], Counter[str]]] = {
            "outcome": (_OUTCOMES[kind], Counter(each.outcome for each in of_kind)),
        }
        if kind is CourseKind.REFERRAL:
            splits["destination"] = places, Counter(each.destination for each in of_kind)
            splits["priority"] = list(Priority), Counter(each.priority.value for each in of_kind)
        for name, (cells, counts) in splits.items():
            found.append(publish(kind, name, {cell: counts[cell] for cell in cells}, k))
        if kind is not CourseKind.EMERGENCY:  # without a consent record nobody's age is known
            found.append(_by_age(kind, [each.age for each in of_kind], k))
    return tuple(found)


def _by_age(kind: CourseKind, ages: list[Age], k: int) -> Table:
    """Split by age, or not at all when somebody's is not known: that cell is nearly always zero, and hides no other."""
    if Age.NOT_KNOWN in ages:
        return Table(kind, "age", len(ages) if len(ages) >= k else None, {})
    return publish(kind, "age", {age.value: ages.count(age) for age in (Age.ADULT, Age.CHILD)}, k)


def publish(kind: CourseKind, split_by: str, counts: Mapping[str, int], k: int) -> Table:
    """Return the table with every number that would tell of fewer than `k` people left out.

    Cells below a bound are left out together: first below `k`, then below twice that, and so on, until what is left out
    together is wide enough. Where nothing would be told any more the cells are empty, and look alike whatever they are.
    """
    total, low = sum(counts.values()), k
    if total < k:
        return Table(kind, split_by, None, {})
    while len(hidden := [count for count in counts.values() if count < low]) < len(counts):
        if not hidden or len(_possible(hidden, low, k)) >= k:
            cells = {cell: None if count < low else count for cell, count in counts.items()}
            return Table(kind, split_by, total, cells)
        low *= 2
    return Table(kind, split_by, total, {})


def _possible(hidden: list[int], bound: int, k: int) -> set[int]:
    """Return values that any one of the hidden cells may have, for one who knows their sum, `bound` and this rule.

    Each stands for a table that is published alike: one small value, `others` cells that only the last doubling hid,
    the rest zero. At every earlier bound the small value alone was hidden, and that is never enough. So it is enough to
    count them, and which cells are small is not asked: the answer depends on what is published alone.
    """
    together, low, high = sum(hidden), bound // 2 if bound > k else 0, bound - 1
    found: set[int] = set()
    for others in range(1, len(hidden)):
        for small in range(k - 1 if bound > k else k):
            rest = together - small
            if others * low <= rest <= others * high:
                found.add(small)
                found.update(range(max(low, rest - (others - 1) * high), min(high, rest - (others - 1) * low) + 1))
    return found


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
_OUTCOMES = {kind: (*groups, *([_OTHER[kind]] if kind in _OTHER else []), _MISTAKE) for kind, groups in _GROUPS.items()}


def _outcome(view: CourseView) -> str:
    groups = _GROUPS[view.kind]
    found = next((name for name, states in groups.items() if view.status in states), None)
    return found or (_MISTAKE if view.status == _MISTAKE else _OTHER.get(view.kind, _MISTAKE))
