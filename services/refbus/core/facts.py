"""What a case or an event states, read by the paths of its fields, and how old that makes its person."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from refbus.core.consent.age import Age, AgeFacts, AgeRules, StatedAge, age_of, age_span, birth_span
from refbus.core.times import day_text, read_day

BIRTH: Final = "person.prs_Birthdate"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a case or an event states, at one moment (ms UTC), by the rules and the day of a country.

    `age`: as `age_of` derives it; `stated`: the stated age that it may follow from; `age_as_stated`: the age if no time
    had passed since.
    """

    fields: Mapping[str, Any]
    at_ms: int
    rules: AgeRules
    age: Age
    stated: StatedAge | None = None
    age_as_stated: Age | None = None

    @property
    def today(self) -> date:
        """The day of the country."""
        return read_day(day_text(self.at_ms, self.rules.utc_offset_min)) or date.max

    def at(self, path: str) -> Any:
        """Return the value at a path like "risk.assessed_on"; None where nothing is stated."""
        value: Any = self.fields
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def codes(self, path: str) -> frozenset[str]:
        """Return the codes at a path: of a list, or of one field."""
        value = self.at(path)
        items = value if isinstance(value, list | tuple) else [] if value is None else [value]
        return frozenset(str(item.get("code")) if isinstance(item, Mapping) else str(item) for item in items)

    def number(self, path: str) -> int | None:
        """Return the number at a path."""
        value = self.at(path)
        return value if type(value) is int else None

    def span(self, path: str) -> tuple[date, date] | None:
        """Return the first and the last day that a full or partial date can mean."""
        value = self.at(path)
        return birth_span(value) if isinstance(value, str) else None

    @property
    def born(self) -> tuple[date, date] | None:
        """The first and the last day of birth, by the birth date, else by the stated age."""
        if self.at(BIRTH) is not None or self.stated is None:
            return self.span(BIRTH)
        return age_span(self.stated, self.rules, self.at_ms)

    @property
    def oldest(self) -> int | None:
        """The greatest age in years that the day of birth allows today."""
        born = self.born
        return None if born is None else years_between(born[0], self.today)

    @property
    def youngest(self) -> int | None:
        """The smallest age in years that the day of birth allows today."""
        born = self.born
        return None if born is None else years_between(born[1], self.today)


def facts_at(fields: Mapping[str, Any], said: AgeFacts, rules: AgeRules, at_ms: int) -> Facts:
    """Return what fields state at a moment in ms UTC. `said`: what they say of the age."""
    age = age_of(said, rules, at_ms)
    if said.stated is None:
        return Facts(fields, at_ms, rules, age)
    as_stated = dataclasses.replace(said, stated=dataclasses.replace(said.stated, on=None))
    return Facts(fields, at_ms, rules, age, said.stated, age_of(as_stated, rules, at_ms))


def years_between(first: date, then: date) -> int:
    """Return how many birthdays of the one day have passed on the other; negative when it is the earlier."""
    return then.year - first.year - ((then.month, then.day) < (first.month, first.day))
