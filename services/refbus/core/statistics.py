"""Counts of a closed year that can be published: who is counted, and what must not be said for small numbers.

A country publishes only courses that began in it, so no two countries publish the same number. Each table splits one
total; nothing else is published, so a suppressed number can be attacked through its own table alone. `publish` makes
sure that such an attack leaves at least `threshold` possible values, for a reader who knows this very rule.
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
    """Return every table of one year's courses, safe to publish. `threshold` is never below LEAST_THRESHOLD."""
    known, k = tuple(courses), max(threshold, LEAST_THRESHOLD)
    places = sorted(countries)
    found = []
    for kind in CourseKind:
        of_kind = [each for each in known if each.kind is kind]
        splits: dict[str, tuple[Iterable[str], Counter[str]]] = {
            "outcome": (_OUTCOMES[kind], Counter(each.outcome for each in of_kind)),
        }
        if kind is not CourseKind.EMERGENCY:  # without a consent record nobody's age is known
            splits["age"] = list(Age), Counter(each.age.value for each in of_kind)
        if kind is CourseKind.REFERRAL:
            splits["destination"] = places, Counter(each.destination for each in of_kind)
            splits["priority"] = list(Priority), Counter(each.priority.value for each in of_kind)
        for name, (cells, counts) in splits.items():
            found.append(publish(kind, name, {cell: counts[cell] for cell in cells}, k))
    return tuple(found)


def publish(kind: CourseKind, split_by: str, counts: Mapping[str, int], k: int) -> Table:
    """Return the table with every number that would tell of fewer than `k` people left out.

    Numbers below `k`, zero too, are left out; then the smallest others, until what is left out together says nothing
    narrower than `k` values about any of it. Where even all of it left out would, the cells are not told at all.
    """
    total = sum(counts.values())
    if total < k:
        return Table(kind, split_by, None, {})
    small = {cell for cell, count in counts.items() if count < k}
    hidden = set(small)
    told = sorted((count, cell) for cell, count in counts.items() if cell not in small)
    while hidden and not _is_safe(counts, small, hidden, k):
        if not told:
            return Table(kind, split_by, total, {})
        hidden.add(told.pop(0)[1])
    return Table(kind, split_by, total, {cell: None if cell in hidden else counts[cell] for cell in counts})


def _is_safe(counts: Mapping[str, int], small: set[str], hidden: set[str], k: int) -> bool:
    """Tell whether each hidden cell may be one of `k` values for one who knows the sum and which cells are small.

    The others that are hidden are at least `k`, and at most the smallest that is told, since those are hidden first.
    """
    together = sum(counts[cell] for cell in hidden)
    told = [count for cell, count in counts.items() if cell not in hidden]
    most = min(told, default=together)
    bounds = {cell: (0, k - 1) if cell in small else (k, most) for cell in hidden}
    lowest, highest = sum(low for low, _ in bounds.values()), sum(high for _, high in bounds.values())
    for low, high in bounds.values():
        least = max(low, together - (highest - high))
        greatest = min(high, together - (lowest - low))
        if greatest - least + 1 < k:
            return False
    return True


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
