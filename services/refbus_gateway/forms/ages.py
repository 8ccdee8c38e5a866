"""What a case file or a payload says about the age of its person, and what of it cannot be true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from refbus.core.consent.age import FIRST_YEAR, AgeFacts, AgeRules, StatedAge, age_of, impossible
from refbus.core.facts import BIRTH
from refbus.errors import Code
from refbus.said import said
from refbus.wire.fields import FieldSpec, walk
from refbus_gateway.forms.problems import Problem, Problems

LAST_YEAR: Final = 2200
STATED: Final = ("stated_age", "stated_age_to", "stated_age_on", "stated_age_estimated")
"""The fields of a person that together are a stated age."""


def facts_of(fields: Mapping[str, Any]) -> AgeFacts:
    """Return what the fields of a case file or of a payload say about the age."""
    person, judgement = fields.get("person") or {}, fields.get("adult_judgement") or {}
    said = (person.get("is_minor"), fields.get("is_minor"))
    return AgeFacts(
        person.get("prs_Birthdate"),
        tuple(answer for answer in said if answer is not None),
        judged_adult=bool(judgement.get("reason") and judgement.get("judged_by_role")),
        stated=_stated_age(person),
    )


def _stated_age(person: Mapping[str, Any]) -> StatedAge | None:
    """Return the age that was stated; a band of which only the end is written begins with a newborn."""
    least, most = person.get("stated_age"), person.get("stated_age_to")
    if least is None and most is None:
        return None
    firm = person.get("stated_age_estimated") is False
    return StatedAge(least or 0, (least or 0) if most is None else most, person.get("stated_age_on"), firm)


def check_dates(specs: Iterable[FieldSpec], fields: Mapping[str, Any], problems: Problems) -> None:
    """Note days that no form means: another calendar, or a slip of the hand."""
    for leaf in walk(tuple(specs), fields):
        if leaf.spec.attributes.get("format") in {"date", "partial_date"}:
            year = int(str(leaf.value)[:4])
            if not FIRST_YEAR <= year <= LAST_YEAR and leaf.path != BIRTH:
                problems.invalid(
                    leaf.path,
                    said(
                        "write a day from %(first)s to %(last)s, of the Gregorian calendar",
                        first=FIRST_YEAR,
                        last=LAST_YEAR,
                    ),
                )


def check_fields(fields: Mapping[str, Any], rules: AgeRules, now_ms: int, problems: Problems) -> None:
    """Note what cannot be true of the age that a case file tells, as of the day on which it is taken in.

    An impossible birth date is in the table of `refbus.core.plausibility`, and says no age.
    """
    facts, judgement = facts_of(fields), fields.get("adult_judgement") or {}
    if impossible(facts.birthdate, rules, now_ms):
        return
    _check_stated(fields.get("person") or {}, problems)
    if len(judgement) == 1:
        problems.invalid("adult_judgement", "write both: the reason, and judged_by_role")
    for clash in age_of(facts, rules, now_ms).contradictions:
        problems.add(
            Problem(
                "person",
                Code.AGE_CONTRADICTS,
                said("%(clash)s: find out which is true and correct the other", clash=clash),
            )
        )


def _check_stated(person: Mapping[str, Any], problems: Problems) -> None:
    """Note a stated age without its day: it is true of that day alone."""
    if _stated_age(person) is not None and person.get("stated_age_on") is None:
        problems.invalid("person.stated_age_on", said("write the day on which the age was stated"))
