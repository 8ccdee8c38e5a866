"""What a case file or a payload says about the age of its person, and what of it cannot be true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from refbus.core.consent.age import FIRST_YEAR, AgeFacts, AgeRules, age_of, impossible
from refbus.core.plausibility import BIRTH
from refbus.errors import Code
from refbus.said import said
from refbus.wire.fields import FieldSpec, walk
from refbus_gateway.forms.problems import Problem, Problems

LAST_YEAR: Final = 2200


def facts_of(fields: Mapping[str, Any]) -> AgeFacts:
    """Return what the fields of a case file or of a payload say about the age."""
    person, judgement = fields.get("person") or {}, fields.get("adult_judgement") or {}
    said = (person.get("is_minor"), fields.get("is_minor"))
    return AgeFacts(
        person.get("prs_Birthdate"),
        tuple(answer for answer in said if answer is not None),
        judged_adult=bool(judgement.get("reason") and judgement.get("judged_by_role")),
    )


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
