"""Dates in a file as people write them: read alike in a case, a consent, a step of a return and what was kept."""

from __future__ import annotations

from typing import Any

import pytest

from refbus.core.consent.age import AgeRules
from refbus.core.times import read_time
from refbus.core.vocabulary import EventType
from refbus_gateway.cases import casework
from refbus_gateway.forms.asked import written_fields
from refbus_gateway.forms.casefile import parse_case
from refbus_gateway.forms.consentfile import parse_consent
from refbus_gateway.forms.dates import as_forms_have_it, is_time
from refbus_gateway.forms.problems import CaseInvalidError, Problems
from refbus_gateway.forms.values import read_record
from refbus_gateway.store import cases
from support.directories import NOW_MS
from support.gateways import Pair, case_file, consent_file, new_case

PERSON = {"prs_FirstName": "Fictional", "prs_Birthdate": "14.03.1991"}


@pytest.mark.parametrize("typed", ["2026-09-24", "24.9.2026", "24/09/2026 18:00", "2026-09-24 18:00"])
def test_a_case_is_read_the_same_when_it_is_kept(pair: Pair, typed: str) -> None:
    """A day to answer by ends with the working day there, and what was kept is read in the same zone."""
    wanted = read_time("2026-09-24T18:00+05:00")
    content = case_file(about=f"Fictional: {typed}", reply_by=typed, person=PERSON)
    number = new_case(pair.kz, content)
    with pair.kz.store.read() as tx:
        kept = casework.file_of(pair.kz, tx, cases.get(tx, number))
    assert kept.reply_by_ms == wanted
    assert kept.fields["person"]["prs_Birthdate"] == "1991-03-14"


def test_a_consent_says_its_days_either_way() -> None:
    """Its beginning, its end and the day of erasing."""
    days: dict[str, Any] = {"said_at": "20.9.2026 10:00", "valid_until": "1.3.2027", "retain_until": "1/6/2027"}
    iso: dict[str, Any] = {
        "said_at": "2026-09-20T10:00+05:00",
        "valid_until": "2027-03-01",
        "retain_until": "2027-06-01",
    }
    typed, said = (parse_consent(consent_file(**each), now_ms=NOW_MS, utc_offset_min=300) for each in (days, iso))
    assert typed == said


@pytest.mark.parametrize(
    ("country", "example"),
    [("kz", "+7 771 000 9998"), ("kg", "+996 700 123 456"), ("uz", "+998 91 234 56 78"), ("", "+998 91 234 56 78")],
)
def test_a_wrong_number_is_answered_with_one_of_the_own_country(country: str, example: str) -> None:
    """In plain words, as one would dial it from abroad; a number like the example is taken."""
    person = {**PERSON, "prs_MobilePhone": "call me"}
    with pytest.raises(CaseInvalidError) as refused:
        parse_case(case_file(person=person), now_ms=NOW_MS, desk=AgeRules(18, 300), country=country)
    (problem,) = refused.value.problems
    assert (problem.path, example in problem.advice, "E.164" in problem.advice) == (
        "person.prs_MobilePhone",
        True,
        False,
    )
    person["prs_MobilePhone"] = example
    parse_case(case_file(person=person), now_ms=NOW_MS, desk=AgeRules(18, 300), country=country)


def test_a_year_of_birth_may_have_its_word() -> None:
    """As it stands in papers: "1991 г."."""
    kept = parse_case(case_file(person={**PERSON, "prs_Birthdate": "1991 г."}), now_ms=NOW_MS, desk=AgeRules(18, 300))
    assert kept.fields["person"]["prs_Birthdate"] == "1991"


@pytest.mark.parametrize(
    ("event", "document", "path", "wanted"),
    [
        (EventType.RISK_ASSESSED, {"valid_until_ms": "20.10.2026"}, "valid_until_ms", "2026-10-20T23:59+05:00"),
        (
            EventType.RECEPTION_CONFIRMED,
            {"available_from_ms": "2026-10-20"},
            "available_from_ms",
            "2026-10-20T00:00+05:00",
        ),
        (EventType.PLAN_AGREED, {"legs": [{"departs_ms": "2.11.2026 8:15"}]}, "legs", "2026-11-02T08:15+05:00"),
    ],
)
def test_a_step_of_a_return_needs_no_milliseconds(
    event: EventType, document: dict[str, Any], path: str, wanted: str
) -> None:
    """Assessments, receptions and legs of a journey."""
    specs, problems = written_fields(event), Problems()
    made = read_record(specs, as_forms_have_it(specs, document, 300), "", problems)
    found = made[path][0]["departs_ms"] if path == "legs" else made[path]
    assert found == read_time(wanted)
    assert not [each for each in problems.found if each.path.endswith("_ms") and "write" in each.advice]


def test_a_moment_needs_its_hour() -> None:
    """A departure on a day alone would be midnight: it is asked for."""
    assert is_time("valid_until_ms", "20.10.2026")
    assert not is_time("departs_ms", "20.10.2026")


@pytest.mark.parametrize("wrong", ["31.2.1991", "1991.03.14", "14.03.91", "yesterday"])
def test_what_is_no_day_is_refused_with_both_ways_to_write_it(wrong: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(CaseInvalidError) as refused:
        parse_case(case_file(person={**PERSON, "prs_Birthdate": wrong}), now_ms=NOW_MS, desk=AgeRules(18, 300))
    (problem,) = refused.value.problems
    assert problem.path == "person.prs_Birthdate"
    assert "31.3.2026" in problem.advice
