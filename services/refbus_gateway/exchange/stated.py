"""An age that a file states without a birth date: a number or a band of years, a day, and whether it is an estimate.

A case has no field for it, as it changes: it stays in the worker's own note as the file says it. What follows from it
for certain is that somebody is a child. Whoever may be a child counts as one until a worker writes why not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from refbus.core.consent.age import AgeRules, birth_span
from refbus.core.facts import years_between
from refbus.core.times import day_text, iso_day, read_day

AGE: Final = "stated.age"
ON: Final = "stated.on"
ESTIMATED: Final = "stated.estimated"
STATED: Final = frozenset({AGE, ON, ESTIMATED})
"""What a rule may say of a column, beside the fields of a case file."""
_OLDEST: Final = 120
_YEARS: Final = re.compile(r"([0-9]{1,3})(?:\s*(?:-{1,2}|\N{EN DASH})\s*([0-9]{1,3})|(\+))?")
_DAY: Final = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}(?=$|[T ])")


@dataclass(frozen=True, slots=True)
class Span:
    """How old somebody is today at least and at most, in full years, and whether a file gave the day for that."""

    least: int
    most: int
    dated: bool

    def is_child(self, rules: AgeRules) -> bool:
        """Whether somebody is a child for certain."""
        return self.most < rules.majority_age

    def is_adult(self, rules: AgeRules) -> bool:
        """Whether somebody is an adult for certain, where the age is no estimate."""
        return self.least >= rules.majority_age


def age_today(text: str, days: Iterable[str], rules: AgeRules, at_ms: int) -> Span | None:
    """Return what an age that was stated on one of these days is at `at_ms` (UTC), None for one that says nothing.

    `text`: "14", "9-17", "48+". Without a day it is as of today: then nobody is older than taken.
    """
    found = _YEARS.fullmatch(text.strip())
    today = read_day(day_text(at_ms, rules.utc_offset_min)) or date.max
    if found is None:
        return None
    known = [_span(each) for each in days]
    spans = [each for each in known if each is not None and each[0] <= today]
    spans = spans if len(spans) == len(known) else []  # the day that cannot be read may be the last one
    least, most = int(found[1]), _OLDEST if found[3] else int(found[2] or found[1])
    if not least <= most <= _OLDEST:
        return None
    first = min((each[0] for each in spans), default=today)
    last = max((each[1] for each in spans), default=today)
    birthday = 0 if first == today else 1
    return Span(least + max(years_between(last, today), 0), most + years_between(first, today) + birthday, bool(spans))


def _span(text: str) -> tuple[date, date] | None:
    """Return the first and the last day that a date, a month, a year or a moment can mean."""
    plain = _DAY.match(text.strip())
    return birth_span(plain[0] if plain is not None else iso_day(text))
