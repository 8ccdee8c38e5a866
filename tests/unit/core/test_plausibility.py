"""The table of facts that do not go together: each rule has an example that breaks it and one that only looks so."""

from __future__ import annotations

from typing import Any

import pytest

from refbus.core.consent.age import AgeRules
from refbus.core.plausibility import RULES
from refbus_gateway.forms.plausible import broken
from support.directories import NOW_MS

BORN = {"person": {"prs_Birthdate": "1990-01-01"}}
CHILD, ADULT = {"prs_Birthdate": "2016-05-01"}, {"prs_Birthdate": "1990"}
AGED = {"stated_age": 15, "stated_age_on": "2026-02-01"}
JUDGED = {"reason": "Fictional: has grown children", "judged_by_role": "CASE_MANAGER"}
LEG = {"departs_ms": 2, "arrives_ms": 3}

EXAMPLES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("BIRTH_IMPOSSIBLE", {"person": {"prs_Birthdate": "2027"}}, {"person": {"prs_Birthdate": "2026"}}),
    ("RISK_ASSESSED_AHEAD", {"risk": {"assessed_on": "2026-09-23"}}, {"risk": {"assessed_on": "2026-09-22"}}),
    (
        "TRAFFICKED_OLDER_THAN_NOW",
        {"person": {"prs_Birthdate": "2005"}, "trafficking": {"vic_AgeWhenTrafficked": 60}},
        {"person": {"prs_Birthdate": "2005"}, "trafficking": {"vic_AgeWhenTrafficked": 21}},
    ),
    (
        "TRAFFICKED_OLDER_THAN_STATED",
        {"person": {**AGED, "stated_age_estimated": False}, "trafficking": {"vic_AgeWhenTrafficked": 17}},
        {"person": {**AGED, "stated_age_estimated": True}, "trafficking": {"vic_AgeWhenTrafficked": 17}},
    ),
    ("AGE_BAND_TURNED", {"person": {**AGED, "stated_age_to": 14}}, {"person": {**AGED, "stated_age_to": 15}}),
    (
        "AGE_STATED_BEFORE_BIRTH",
        {"person": {"prs_Birthdate": "2016-05", "stated_age_on": "2016-04-30"}},
        {"person": {"prs_Birthdate": "2016-05", "stated_age_on": "2016-05-01"}},
    ),
    ("AGE_STATED_AHEAD", {"person": {"stated_age_on": "2026-09-23"}}, {"person": {"stated_age_on": "2026-09-22"}}),
    (
        "NATIONAL_AND_STATELESS",
        {"immigration": {"status": [{"code": "NATIONAL"}, {"code": "STATELESS"}]}},
        {"immigration": {"status": ["REFUGEE", "STATELESS"]}},
    ),
    ("JOURNEY_BACKWARDS", {"legs": [{"departs_ms": 3, "arrives_ms": 2}]}, {"legs": [LEG]}),
    ("JOURNEY_BACKWARDS", {"legs": [LEG, {"departs_ms": 1, "arrives_ms": 4}]}, {"legs": [LEG, LEG]}),
    (
        "CERTIFICATE_ENDS_ON_THE_WAY",
        {"medical_certificate_until": "2026-09-21", "legs": [{"arrives_ms": NOW_MS + 3 * 86_400_000}]},
        {"medical_certificate_until": "2026-09-21", "legs": [{"arrives_ms": NOW_MS}]},
    ),
    (
        "CERTIFICATE_ENDS_FIRST",
        {"medical_certificate_until": "2026-09-01", "medical_certificate_on": "2026-09-02"},
        {"medical_certificate_until": "2026-09-02", "medical_certificate_on": "2026-09-02"},
    ),
    (
        "MEDICAL_CERTIFICATE_ON_AHEAD",
        {"medical_certificate_on": "2026-10-02"},
        {"medical_certificate_on": "2026-09-21"},
    ),
    *(
        (name, {group: {field: "2026-09-20"}}, {group: {field: "2026-09-21"}})
        for name, group, field in (
            ("REFLECTION_ENDED", "immigration", "reflection_until"),
            ("HEARING_PASSED", "legal_proceedings", "next_hearing"),
        )
    ),
    (
        "ROOM_ENDS_FIRST",
        {"available_from_ms": 2, "available_until_ms": 1},
        {"available_from_ms": 2, "available_until_ms": 2},
    ),
    *(
        (f"{name.upper()}_AHEAD", {name: "2026-10-01"}, {name: "2026-09-21"})
        for name in ("assessed_on", "agreed_on", "contacted_on", "determined_on", "wished_on")
    ),
    *(
        (name, {**BORN, group: {**other, field: "1989-05-01"}}, {**BORN, group: {**other, field: "2026-09-01"}})
        for name, group, field, other in (
            ("EXPLOITED_BEFORE_BIRTH", "trafficking", "exploited_from", {}),
            ("EXPLOITATION_ENDS_FIRST", "trafficking", "exploited_until", {"exploited_from": "2001"}),
            ("ARRIVED_BEFORE_BIRTH", "immigration", "arrived_on", {}),
            ("DOCUMENT_BEFORE_BIRTH", "immigration", "document_issued_on", {}),
            ("DOCUMENT_ENDS_FIRST", "immigration", "document_valid_until", {"document_issued_on": "2001-01-01"}),
        )
    ),
    *(
        (name, {group: {field: "2026-10-02"}}, {group: {field: "2026-09-21"}})
        for name, group, field in (
            ("EXPLOITED_AHEAD", "trafficking", "exploited_from"),
            ("EXPLOITATION_ENDS_AHEAD", "trafficking", "exploited_until"),
            ("ARRIVED_AHEAD", "immigration", "arrived_on"),
            ("DOCUMENT_ISSUED_AHEAD", "immigration", "document_issued_on"),
        )
    ),
    (
        "DOCUMENT_ENDED",
        {"immigration": {"has_travel_document": True, "document_valid_until": "2026-09-20"}},
        {"immigration": {"has_travel_document": True, "document_valid_until": "2026-09-21"}},
    ),
    ("PERMIT_ENDED", {"immigration": {"permit_until": "2026-09-20"}}, {"immigration": {"permit_until": "2026-09-21"}}),
    ("GUARDIAN_OF_ADULT", {"person": ADULT, "guardian": {"name": "x"}}, {"person": CHILD, "guardian": {"name": "x"}}),
    ("BORN_LONG_AGO", {"person": {"prs_Birthdate": "1905"}}, {"person": {"prs_Birthdate": "1940"}}),
    (
        "CITIZEN_AND_STATELESS",
        {"person": {"prs_Citizenship": ["UZ"]}, "immigration": {"status": ["STATELESS"]}},
        {"person": {"prs_Citizenship": ["x_STATELESS"]}, "immigration": {"status": ["STATELESS"]}},
    ),
    (
        "NATIONAL_ELSEWHERE",
        {
            "person": {"prs_Citizenship": ["UZ"]},
            "immigration": {"status": ["NATIONAL"]},
            "location": {"country": {"code": "KZ"}},
        },
        {"person": {"prs_Citizenship": ["KZ"]}, "immigration": {"status": ["NATIONAL"]}, "location": {"country": "KZ"}},
    ),
    (
        "CHILD_MARRIED",
        {"person": {**CHILD, "prs_MaritalStatus": "Married"}},
        {
            "person": {**CHILD, "prs_MaritalStatus": "Married"},
            "trafficking": {"vic_TypeOfExploitation": ["ForcedMarriage"]},
        },
    ),
    (
        "CHILD_MARRIED",
        {"person": {**AGED, "stated_age": 12, "prs_MaritalStatus": "Married"}},
        {"person": {**AGED, "stated_age_to": 19, "prs_MaritalStatus": "Married"}},
    ),
    (
        "CHILD_WITH_CHILDREN",
        {"person": {**CHILD, "prs_NumberOfChildren": 1}},
        {"person": {**CHILD, "prs_NumberOfChildren": 0}},
    ),
    (
        "STATED_CHILD_GROWN",
        {"person": {**AGED, "stated_age_on": "2016-09-01", "stated_age_estimated": False}},
        {"person": {**AGED, "stated_age_on": "2016-09-01", "stated_age_estimated": True}},
    ),
    (
        "STATED_CHILD_GROWN",
        {"person": {**AGED, "stated_age_on": "2016-09-01"}, "adult_judgement": JUDGED},
        {"person": {**AGED, "stated_age": 25, "stated_age_on": "2016-09-01"}, "adult_judgement": JUDGED},
    ),
    (
        "STATED_CHILD_GROWN",
        {
            "person": {"prs_Birthdate": "2008", "stated_age": 17, "stated_age_on": "2026-09-20"},
            "adult_judgement": JUDGED,
        },
        {
            "person": {"prs_Birthdate": "1990", "stated_age": 17, "stated_age_on": "2007-09-20"},
            "adult_judgement": JUDGED,
        },
    ),
    (
        "STATED_CHILD_GROWN",
        {
            "person": {
                "stated_age": 15,
                "stated_age_to": 20,
                "stated_age_on": "2016-09-01",
                "stated_age_estimated": False,
            }
        },
        {"person": {"stated_age": 15, "stated_age_to": 20, "stated_age_on": "2026-09-01"}, "adult_judgement": JUDGED},
    ),
    (
        "ADULT_WITHOUT_ADULTS",
        {"person": ADULT, "immigration": {"status": ["SEPARATED_OR_UNACCOMPANIED_CHILD"]}},
        {"person": CHILD, "immigration": {"status": ["SEPARATED_OR_UNACCOMPANIED_CHILD"]}},
    ),
    (
        "ADULT_THEN",
        {"trafficking": {"palermo_means": ["NOT_REQUIRED_CHILD"], "vic_AgeWhenTrafficked": 18}},
        {"trafficking": {"palermo_means": ["NOT_REQUIRED_CHILD"], "vic_AgeWhenTrafficked": 17}},
    ),
]


@pytest.mark.parametrize(("name", "wrong", "right"), EXAMPLES)
def test_a_rule_finds_its_example_alone(name: str, wrong: dict[str, Any], right: dict[str, Any]) -> None:
    """And nothing where the facts go together."""
    assert [rule.name for rule in broken(wrong, AgeRules(), NOW_MS)] == [name]
    assert broken(right, AgeRules(), NOW_MS) == ()


def test_every_rule_has_an_example() -> None:
    """A new rule brings one."""
    assert {rule.name for rule in RULES} == {name for name, _, _ in EXAMPLES}
