"""An age that a file states: a number or a band of years, a day, and whether it is an estimate, as a case has them.

A file may name several days, or a month or a year: the age was stated on one of them, nobody knows on which. Then it
counts on the last, and the band is so wide that it holds whichever it was.
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
LEAST: Final = "person.stated_age"
MOST: Final = "person.stated_age_to"
DAY: Final = "person.stated_age_on"
GUESSED: Final = "person.stated_age_estimated"
_OLDEST: Final = 120
_YEARS: Final = re.compile(r"([0-9]{1,3})(?:\s*(?:-{1,2}|\N{EN DASH})\s*([0-9]{1,3})|(\+))?")
_DAY: Final = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}")
_MOMENT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?( ?(Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?"
)


@dataclass(frozen=True, slots=True)
class Span:
    """How old somebody was on a day at least and at most, in full years. `dated`: the file gave the day."""

    least: int
    most: int
    on: date
    dated: bool


def age_in(text: str, days: Iterable[str], rules: AgeRules, at_ms: int) -> Span | None:
    """Return an age that was stated on one of these days, None for one that says nothing.

    `text`: "14", "9-17", "48+". Without a day before `at_ms` (UTC) it is as of that day: then nobody is older than
    taken.
    """
    found = _YEARS.fullmatch(text.strip())
    if found is None:
        return None
    least, most = int(found[1]), _OLDEST if found[3] else int(found[2] or found[1])
    if not least <= most <= _OLDEST:
        return None
    today = _today(rules, at_ms)
    known = [_span(each) for each in days]
    spans = [each for each in known if each is not None and each[0] <= today]
    if not spans or len(spans) != len(known):  # the day that cannot be read may be the last one
        return Span(least, most, today, dated=False)
    first, last = min(each[0] for each in spans), min(max(each[1] for each in spans), today)
    wider = 0 if first == last else years_between(first, last) + 1
    return Span(least, min(most + wider, _OLDEST), last, dated=True)


def age_of_birth(text: str, rules: AgeRules, at_ms: int) -> Span | None:
    """Return how old a full or partial birth date makes somebody at `at_ms` (UTC); None for one that is none."""
    born, today = _span(text), _today(rules, at_ms)
    if born is None or born[0] > today:
        return None
    least, most = (min(max(years_between(each, today), 0), _OLDEST) for each in reversed(born))
    return Span(least, most, today, dated=False)


def _today(rules: AgeRules, at_ms: int) -> date:
    return read_day(day_text(at_ms, rules.utc_offset_min)) or date.max


def _span(text: str) -> tuple[date, date] | None:
    """Return the first and the last day that a date, a month, a year or a moment can mean."""
    moment = _MOMENT.fullmatch(text.strip())
    day = iso_day(text.strip()) if moment is None else moment[1]
    return birth_span(day) if _DAY.fullmatch(day) else None
