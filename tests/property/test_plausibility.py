"""Facts that do not go together: nothing that is not stated contradicts, and what is true of a life breaks no rule."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.core.consent.age import AgeRules
from refbus.core.facts import years_between
from refbus.core.plausibility import RULES
from refbus.core.times import day_ms
from refbus_gateway.forms.plausible import broken

RULES_HERE = AgeRules(18, 300)
TODAY = date(2026, 9, 21)
STATED = "person.stated_age"
AT_MS = day_ms(TODAY, 300) + 43_200_000

_codes = st.sampled_from(("NATIONAL", "STATELESS", "REFUGEE", "SEPARATED_OR_UNACCOMPANIED_CHILD"))
_days = st.dates(date(1850, 1, 1), date(2100, 1, 1)).map(date.isoformat)
_partial = st.one_of(_days, _days.map(lambda day: day[:7]), _days.map(lambda day: day[:4]), st.text(max_size=8))
_leaves: dict[str, st.SearchStrategy[Any]] = {
    "person.prs_Birthdate": _partial,
    "person.is_minor": st.booleans(),
    "person.stated_age": st.integers(0, 120),
    "person.stated_age_to": st.integers(0, 120),
    "person.stated_age_on": _days,
    "person.stated_age_estimated": st.booleans(),
    "person.prs_Citizenship": st.lists(st.sampled_from(("UZ", "KG", "x_STATELESS")), max_size=2),
    "person.prs_MaritalStatus": st.sampled_from(("Single", "Married")),
    "person.prs_NumberOfChildren": st.integers(0, 30),
    "location.country": st.sampled_from(("KZ", "UZ")),
    "immigration.status": st.lists(_codes, max_size=3),
    "immigration.permit_until": _days,
    "risk.assessed_on": _days,
    "trafficking.vic_AgeWhenTrafficked": st.integers(0, 120),
    "trafficking.vic_TypeOfExploitation": st.lists(st.sampled_from(("ForcedLabour", "ForcedMarriage")), max_size=2),
    "trafficking.palermo_means": st.lists(st.sampled_from(("FRAUD", "NOT_REQUIRED_CHILD")), max_size=2),
    "guardian.relation": st.just("AUNT_UNCLE"),
}


def _placed(leaves: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for path, value in leaves.items():
        group, _, name = path.partition(".")
        made.setdefault(group, {})[name] = value
    return made


def names(leaves: dict[str, Any]) -> set[str]:
    """Return the names of the rules that these facts break."""
    return {rule.name for rule in broken(_placed(leaves), RULES_HERE, AT_MS)}


facts = st.fixed_dictionaries({}, optional=_leaves)


@settings(max_examples=200)
@given(facts)
def test_a_rule_speaks_only_of_facts_that_are_stated(leaves: dict[str, Any]) -> None:
    """Whatever is stated, it raises nothing, and each rule that is broken has all the facts that it compares."""
    made = _placed(leaves)
    for rule in broken(made, RULES_HERE, AT_MS):
        for path in rule.paths:
            assert made.get(path.partition(".")[0]), rule.name


@settings(max_examples=200)
@given(facts, st.data())
def test_what_is_withheld_makes_no_new_refusal(leaves: dict[str, Any], data: st.DataObject) -> None:
    """Without the citizenship a stateless person is one; no rule that refuses appears when a fact goes away.

    A stated age, its band, its day and whether it is an estimate are one fact, of one category of data.
    """
    gone = data.draw(st.sampled_from(sorted(leaves) or [""]))
    one = STATED if gone.startswith(STATED) else gone or "nothing"
    kept = {path: value for path, value in leaves.items() if not path.startswith(one)}
    refused = {rule.name for rule in RULES if rule.weight.value == "REFUSED"}
    assert names(kept) & refused <= names(leaves) & refused


@settings(max_examples=200)
@given(st.dates(date(1935, 1, 1), TODAY), st.integers(0, 40_000), st.sampled_from((4, 7, 10)))
def test_a_true_life_breaks_no_rule(born: date, lived: int, known: int) -> None:
    """Whatever is known of the birth date, and whenever it began between the birth and today."""
    began = min(born + timedelta(days=lived), TODAY)
    child = years_between(born, TODAY) < 18
    leaves = {
        "person.prs_Birthdate": born.isoformat()[:known],
        "person.prs_Citizenship": ["UZ"],
        "location.country": "KZ",
        "immigration.status": ["MIGRANT_WORKER"],
        "immigration.permit_until": TODAY.isoformat(),
        "risk.assessed_on": began.isoformat(),
        "trafficking.vic_AgeWhenTrafficked": years_between(born, began),
        **({"guardian.relation": "AUNT_UNCLE"} if child else {}),
    }
    assert names(leaves) == set()


@settings(max_examples=100)
@given(st.dates(date(1935, 1, 1), TODAY), st.integers(1, 60))
def test_whoever_was_older_then_than_now_is_found(born: date, more: int) -> None:
    """Every age beyond that of today, to the day."""
    leaves = {
        "person.prs_Birthdate": born.isoformat(),
        "trafficking.vic_AgeWhenTrafficked": years_between(born, TODAY) + more,
    }
    assert "TRAFFICKED_OLDER_THAN_NOW" in names(leaves)


@settings(max_examples=100)
@given(st.integers(1, 10_000))
def test_days_turn_over_once(days: int) -> None:
    """A permit is doubtful from the day after its last, a day of yesterday is never ahead."""
    before, after = (TODAY - timedelta(days=days)).isoformat(), (TODAY + timedelta(days=days)).isoformat()
    assert "PERMIT_ENDED" in names({"immigration.permit_until": before})
    assert "PERMIT_ENDED" not in names({"immigration.permit_until": after})
    assert "RISK_ASSESSED_AHEAD" not in names({"risk.assessed_on": before})
    assert ("RISK_ASSESSED_AHEAD" in names({"risk.assessed_on": after})) is (days > 1)


def test_every_name_stands_once_and_has_words() -> None:
    """Case files hold the names; people read the headings."""
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.heading and rule.paths for rule in RULES)
