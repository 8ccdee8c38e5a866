"""What a file says of the age and cannot be taken is never covered by an answer for all: no child becomes an adult."""

from __future__ import annotations

import json
from typing import Any

import pytest

from refbus.core.consent.age import AgeGroup, age_of
from refbus.core.units import DAY_MS
from refbus.errors import Code
from refbus_gateway.exchange import tables
from refbus_gateway.exchange.translation import Draft
from refbus_gateway.forms.ages import facts_of
from refbus_gateway.words.losses import Loss, Lost
from support.imported import NOW_MS, RULES, SERVICES, drafts_of

A, C, U = AgeGroup.ADULT, AgeGroup.CHILD, AgeGroup.UNKNOWN
PRIMERO = b'{"data": [%s]}'
ASKED = [Code.FACTS_DOUBTFUL]
"""A child on the day of the age, and an adult only by the time since then."""
APART = [Code.AGE_CONTRADICTS]

ADULTS = {
    **SERVICES,
    "person": {"is_minor": False},
    "adult_judgement": {"reason": "Fictional", "judged_by_role": "SOCIAL_WORKER"},
}
"""Answers for all persons of a file, by somebody who believes that they are adults."""


CHILDREN = {**SERVICES, "person": {"is_minor": True}}


def primero(answers: dict[str, Any], **facts: Any) -> Draft:
    """Return what a case of Primero with these facts becomes."""
    record = {"case_id_display": "00a1", "name_first": "Fictional", **facts}
    (one,) = drafts_of(json.dumps({"data": [record]}).encode(), answers={**SERVICES, **answers})
    return one


def codes(content: bytes) -> list[Code]:
    """Return what is wrong with the only person of a file."""
    (one,) = drafts_of(content, answers=ADULTS)
    return [problem.code for problem in one.problems]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("person.is_minor", "yes"),
        ("person.prs_Birthdate", "2026-13-40"),
        ("person.prs_Birthdate", "=DATE(2015,4,3)"),
        ("person.prs_Birthdate", "about nine"),
    ],
)
def test_an_age_that_cannot_be_taken_keeps_the_person_out(column: str, value: str) -> None:
    """The field is refused, and the person waits for somebody who corrects it; the answer does not stand for it."""
    heads = f'fictional,responsible_worker_role,person.prs_FirstName,"{column}"'
    assert codes(f'{heads}\ntrue,CASE_MANAGER,Fictional,"{value}"\n'.encode()) == [Code.AGE_CONTRADICTS]


def test_two_ages_are_none() -> None:
    """Two columns that say whether somebody is a child, and differ."""
    heads = "fictional,responsible_worker_role,person.is_minor,person.is_minor"
    assert codes(f"{heads}\ntrue,CASE_MANAGER,false,true\n".encode()) == [Code.AGE_CONTRADICTS]


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"age": "about nine"}, [Code.AGE_CONTRADICTS]),
        ({"age": 14, "date_of_birth": "1990-04-03"}, [Code.AGE_CONTRADICTS]),
        ({"age": 14, "date_of_birth": "2012-04-03"}, []),
        ({"age": "about nine", "date_of_birth": "2012-04-03"}, []),
        ({"age": "about nine", "date_of_birth": "1990-04-03"}, [Code.AGE_CONTRADICTS]),
        ({"age": "about nine", "date_of_birth": "2008"}, [Code.AGE_CONTRADICTS]),
        ({"age": {"years": 12}}, [Code.AGE_CONTRADICTS]),
        ({"date_of_birth": {"year": 2014}}, [Code.AGE_CONTRADICTS]),
    ],
)
def test_an_age_in_years_and_a_birth_date_go_together(more: dict[str, Any], wrong: list[Code]) -> None:
    """An age that nobody can read, and one that contradicts the birth date, keep the person out."""
    assert [each.code for each in primero(CHILDREN, **more).problems] == wrong


@pytest.mark.parametrize(
    ("more", "group", "told"),
    [
        ({"age": 14}, C, []),
        ({"age": 14, "registration_date": "2026-06-01"}, C, []),
        ({"age": 17, "registration_date": "2026-06-01"}, U, []),
        ({"age": 12, "registration_date": "2022-06-01"}, C, []),
        ({"age": 12, "registration_date": "2021-06-01"}, U, []),
        ({"age": 12, "registration_date": "2018-06-01"}, A, ASKED),
        ({"age": 17, "registration_date": "2016-06-01", "last_updated_at": "2026-11-01T10:00:00.000Z"}, U, []),
        ({"age": 17, "registration_date": "2999-06-01"}, C, []),
        ({"age": "9-17"}, C, []),
        ({"age": "16--20", "estimated": True}, U, []),
        ({"age": 30, "estimated": True}, U, []),
        ({"date_of_birth": "1990-01-01", "estimated": True}, U, []),
        ({"date_of_birth": "2012-01-01", "estimated": True}, C, []),
        ({"date_of_birth": "2008"}, U, []),
        ({"date_of_birth": "2012"}, C, []),
        ({"date_of_birth": "2008", "age": 17, "registration_date": "2026-11-01"}, U, []),
        ({"date_of_birth": "2008", "age": 12, "registration_date": "2026-11-01"}, C, APART),
        ({"date_of_birth": "2008", "age": 12, "registration_date": "2026-11-01", "estimated": True}, C, []),
        ({"date_of_birth": "2008", "age": 30, "registration_date": "2026-11-01"}, U, APART),
        ({"date_of_birth": "1990"}, A, []),
        ({"age": 30}, A, []),
        ({"age": "48+"}, A, []),
        ({"age": 17, "registration_date": "2016-06-01"}, A, ASKED),
    ],
)
def test_no_answer_makes_an_adult_of_whoever_may_be_a_child(
    more: dict[str, Any], group: AgeGroup, told: list[Code]
) -> None:
    """A child for certain is one; an answer for all stands beside an age that is certainly an adult's, and no other."""
    one = primero(ADULTS, **more)
    document = json.loads(one.content)
    assert [each.code for each in one.problems] == told
    assert age_of(facts_of(document), RULES, NOW_MS).group is group
    assert ("adult_judgement" in document) is (group is A)


def own(columns: str, row: str, answers: dict[str, Any]) -> tuple[list[Code], AgeGroup, dict[str, Any]]:
    """Return what is wrong with a person of a table of our own, the age group of its case, and the case."""
    heads = f"fictional,responsible_worker_role,person.prs_FirstName,{columns}"
    (one,) = drafts_of(f"{heads}\ntrue,CASE_MANAGER,Fictional,{row}\n".encode(), None, answers)
    document = json.loads(one.content)
    return [each.code for each in one.problems], age_of(facts_of(document), RULES, NOW_MS).group, document


@pytest.mark.parametrize("guess", ["", "true", "false"])
def test_a_stated_child_beside_an_open_birth_date_is_in_the_fields(guess: str) -> None:
    """Both are in the case, where every check sees them, and no answer decides between them."""
    mixed = primero(ADULTS, date_of_birth="2008", age=12, registration_date="2026-11-01")
    person = json.loads(mixed.content)["person"]
    assert (person["prs_Birthdate"], person["stated_age"], person["stated_age_on"]) == ("2008", 12, "2026-11-01")
    columns = "person.prs_Birthdate,person.stated_age,person.stated_age_on,person.stated_age_estimated"
    _, group, document = own(columns, f"2008,12,2026-11-01,{guess}", ADULTS)
    assert group is not A
    assert "adult_judgement" not in document
    assert "is_minor" not in document["person"]


NO_ESTIMATE = {**SERVICES, "person": {"stated_age_estimated": False}}
OF_ALL = {"stated_age": 30, "stated_age_to": 40, "stated_age_on": "2026-11-01", "stated_age_estimated": False}
BORN_OF_ALL = {**SERVICES, "person": {**OF_ALL, "prs_Birthdate": "1990-01-01"}}


@pytest.mark.parametrize("answers", [NO_ESTIMATE, BORN_OF_ALL], ids=["no estimate", "an age"])
@pytest.mark.parametrize("more", [{"age": 19}, {"age": 30}, {"age": "16-20"}, {"age": 19, "estimated": False}])
def test_no_age_is_taken_from_answers_where_one_is_in_the_file(answers: dict[str, Any], more: dict[str, Any]) -> None:
    """Neither how old, nor when born, nor that it is no estimate: the file alone says that of each person."""
    one = primero(answers, **more, registration_date="2026-11-01")
    document = json.loads(one.content)
    assert age_of(facts_of(document), RULES, NOW_MS).group is U
    assert {"prs_Birthdate", "stated_age_estimated"}.isdisjoint(document["person"])
    _, group, document = own("person.stated_age,person.stated_age_on", "19,2026-11-01", answers)
    assert group is U
    assert {"prs_Birthdate", "stated_age_estimated"}.isdisjoint(document["person"])


def test_a_birth_date_of_the_file_has_no_stated_age_of_all_beside_it() -> None:
    """An adult by the birth date has the reason that was given for all, and no age that is another's."""
    one = primero({**ADULTS, "person": {"is_minor": False, **OF_ALL}}, date_of_birth="1970-01-01")
    assert json.loads(one.content)["person"].keys() == {"prs_FirstName", "prs_Birthdate", "is_minor"}


@pytest.mark.parametrize("column", ["stated_age_on", "stated_age_estimated"])
@pytest.mark.parametrize("answers", [ADULTS, BORN_OF_ALL])
def test_what_is_said_of_an_age_without_an_age_keeps_the_person_out(column: str, answers: dict[str, Any]) -> None:
    """The age itself was lost there; that of the answers does not take its place."""
    wrong, group, document = own(f"person.{column}", "2026-11-01" if column.endswith("on") else "false", answers)
    assert (wrong, group) == ([Code.AGE_CONTRADICTS], U)
    assert "adult_judgement" not in document


URL = "urn:refbus:person.stated_age"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
TIME = {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "2012-04-03T10:00:00Z"}
ACCURACY = {"url": "http://other.example/date-accuracy", "valueString": "estimated"}
AGED = {"url": URL, "valueInteger": 15}
ON_DAY = {"url": f"{URL}_on", "valueDate": "2026-11-01"}


def fhir(**patient: Any) -> Draft:
    """Return what a patient becomes where somebody believes that all are adults."""
    resource = {"resourceType": "Patient", "name": [{"given": ["Fictional"]}], **patient}
    (one,) = drafts_of(json.dumps({"resourceType": "Bundle", "entry": [{"resource": resource}]}).encode(), None, ADULTS)
    return one


@pytest.mark.parametrize(
    "patient",
    [
        {"extension": [{"url": URL, "valueString": "15"}, ON_DAY]},
        {"extension": [{"url": URL, "valueDateTime": "2011-11-01"}]},
        {"extension": [{"url": URL, "valueDecimal": 15.5}, ON_DAY]},
        {"extension": [{"url": URL, "valueInteger": 15.0}, ON_DAY]},
        {"extension": [{"url": URL, "valueQuantity": {"value": 15, "unit": "a"}}]},
        {"extension": [{"url": URL, "extension": [AGED]}]},
        {"extension": [{"url": "http://other.example/social", "extension": [AGED]}]},
        {"extension": [{"url": "http://other.example/a", "extension": [{"url": "b", "extension": [AGED]}]}]},
        {"extension": [{"url": f"{URL}_to", "valueString": "17"}]},
        {"extension": [{"url": f"{URL}_estimated", "valueString": "yes"}]},
        {"extension": [ON_DAY]},
        {"modifierExtension": [AGED]},
        {"birthDate": {"value": "2012"}},
        {"birthDate": "1990-01-01", "_birthDate": {"extension": [ACCURACY]}},
        {"_birthDate": {"extension": [TIME]}},
        {"birthDate": "1990-01-01", "extension": [{"url": URL, "valueString": "15"}]},
    ],
)
def test_an_age_in_another_shape_keeps_the_patient_out(patient: dict[str, Any]) -> None:
    """Whatever is said of the age and does not come over; what is left as a draft has no answer about the age."""
    one = fhir(**patient)
    assert Code.AGE_CONTRADICTS in [each.code for each in one.problems]
    assert "adult_judgement" not in json.loads(one.content)


def test_a_birth_date_that_is_said_to_be_unknown_is_no_silence() -> None:
    """The patient comes over, and whoever may be a child counts as one until a worker writes why not."""
    one = fhir(_birthDate={"extension": [{"url": ABSENT, "valueCode": "asked-unknown"}]})
    assert one.problems == ()
    assert age_of(facts_of(json.loads(one.content)), RULES, NOW_MS).group is U
    assert "adult_judgement" not in json.loads(one.content)
    born = fhir(birthDate="1990-04-03", _birthDate={"extension": [TIME]})
    assert (born.problems, json.loads(born.content)["person"]["prs_Birthdate"]) == ((), "1990-04-03")


def test_a_flag_and_a_heading_that_cannot_be_read_keep_the_person_out() -> None:
    """Two columns of estimates that differ, and a column with two headings, one of them of the age."""
    rules = {"Имя": "person.prs_FirstName", "Лет": "stated.age", "Пол": "person.prs_Gender"}
    guesses = {"Оценка": "stated.estimated", "Точно": "stated.estimated"}
    written = {"format": "refbus-mapping/1", "fields": rules | guesses}
    table = tables.read_mapping(json.dumps(written).encode())
    (one,) = drafts_of("Имя,Лет,Оценка,Точно\nНамуна,30,true,false\n".encode(), table, ADULTS)
    assert [each.code for each in one.problems] == [Code.AGE_CONTRADICTS]
    (one,) = drafts_of("Имя,Лет\nИмя,Пол\nНамуна,12\n".encode(), table, ADULTS)
    assert [each.code for each in one.problems] == [Code.AGE_CONTRADICTS]


@pytest.mark.parametrize(
    ("more", "dated"),
    [
        ({"date_of_birth": "1990-04-03", "age": 36}, False),
        ({"date_of_birth": "2012-04-03", "age": 14}, False),
        ({"age": 30, "registration_date": "2026-06-01"}, False),
        ({"age": 30}, True),
        ({"age": 14, "registration_date": "2026"}, True),
        ({"date_of_birth": "1990-04-03", "estimated": True}, True),
    ],
)
def test_a_case_is_named_by_its_file_unless_the_day_of_import_is_in_it(more: dict[str, Any], dated: bool) -> None:
    """So it is found under the name that every program gave it; what it may have been named is behind it."""
    one = primero(ADULTS, **more)
    assert (one.names[0] != one.content) is dated
    assert one.content in one.names


def test_an_age_comes_over_with_its_day_and_whether_it_is_an_estimate() -> None:
    """Into fields of the case; the report says what came from where, and names an age without a day."""
    dated = primero({}, age=14, registration_date="2026-06-01", estimated=True)
    aged = {"stated_age": 14, "stated_age_on": "2026-06-01", "stated_age_estimated": True}
    assert json.loads(dated.content)["person"] == {"prs_FirstName": "Fictional", **aged}
    taken = {(each.source, each.to) for each in dated.taken}
    assert {("age", "person.stated_age"), ("registration_date", "person.stated_age_on")} <= taken
    undated = primero({}, age="9--17")
    assert undated.lost == (Lost("age", Loss.AGE_DAY),)
    aged = {"stated_age": 9, "stated_age_to": 17, "stated_age_on": "2026-11-30"}
    assert json.loads(undated.content)["person"] == {"prs_FirstName": "Fictional", **aged}


def test_an_age_of_one_of_several_days_is_a_band_on_the_last() -> None:
    """Whoever was 12 on one of two days is from 12 to 18 on the second, if they are more than five years apart."""
    one = primero({}, age=12, registration_date="2021-06-01", last_updated_at="2026-11-01T10:00:00.000Z")
    aged = {"stated_age": 12, "stated_age_to": 18, "stated_age_on": "2026-11-01"}
    assert json.loads(one.content)["person"] == {"prs_FirstName": "Fictional", **aged}


@pytest.mark.parametrize("day", ["2018-06-01 or later", "2018 ?", "2018 г. ≈", "+2018", "2018-06-01T", "20_18"])
def test_a_day_with_a_mark_of_doubt_is_none(day: str) -> None:
    """Then the age is as of the day of import, so that nobody is older than taken."""
    assert json.loads(primero({}, age=12, registration_date=day).content)["person"]["stated_age_on"] == "2026-11-30"
    for known in ("2018-06-01", "2018-06-01T10:00:00.000Z", "2018-06-01 10:00", "1.6.2018"):
        aged = json.loads(primero({}, age=12, registration_date=known).content)["person"]
        assert aged["stated_age_on"] == "2018-06-01"


@pytest.mark.parametrize(
    ("typed", "told"), [("да", True), ("нет", False), ("возможно", True)], ids=["yes", "no", "perhaps"]
)
def test_a_table_of_ones_own_says_what_is_no_estimate(typed: str, told: bool) -> None:
    """Only the word that means false does."""
    rules = {"Имя": "person.prs_FirstName", "Лет": "stated.age", "На": "stated.on"}
    guess = {"to": "stated.estimated", "codes": {"нет": "false", "да": "true"}}
    table = tables.read_mapping(
        json.dumps({"format": "refbus-mapping/1", "fields": {**rules, "Оценка": guess}}).encode()
    )
    (one,) = drafts_of(f"Имя,Лет,На,Оценка\nНамуна,30,1.6.2026,{typed}\n".encode(), table, SERVICES)
    assert json.loads(one.content)["person"]["stated_age_estimated"] is told


def test_an_estimated_birth_date_of_an_adult_is_an_estimated_age() -> None:
    """The date stays in the note, and the report says why; that of a child is kept."""
    adult = primero({}, date_of_birth="2007-01-01", estimated=True)
    assert json.loads(adult.content)["about"] == "date_of_birth = 2007-01-01"
    aged = {"stated_age": 19, "stated_age_on": "2026-11-30", "stated_age_estimated": True}
    assert json.loads(adult.content)["person"] == {"prs_FirstName": "Fictional", **aged}
    assert adult.lost == (Lost("date_of_birth", Loss.AGE_ESTIMATED),)
    assert json.loads(primero({}, date_of_birth="2012-01-01", estimated=True).content)["person"]["prs_Birthdate"]


@pytest.mark.parametrize("more", [{"age": 14}, {"date_of_birth": "1990-01-01", "estimated": True}])
def test_whoever_is_imported_on_another_day_is_the_same(more: dict[str, Any]) -> None:
    """The day of import is in the case, and in nothing by which it is known again; other facts are another person."""
    (first,), (later,) = (
        drafts_of(
            PRIMERO % json.dumps({"case_id_display": "00a1", "name_first": "Fictional", **more}).encode(),
            None,
            SERVICES,
            at_ms=at_ms,
        )
        for at_ms in (NOW_MS, NOW_MS + 2 * DAY_MS)
    )
    assert first.content != later.content
    assert first.names[0] == later.names[0]
    assert later.content in later.names
    assert primero({}, **more, name_last="Other").names[0] != first.names[0]


@pytest.mark.parametrize(("column", "value"), [("stated_age", "about nine"), ("stated_age_on", "soon")])
def test_a_stated_age_of_our_own_table_that_cannot_be_taken_keeps_the_person_out(column: str, value: str) -> None:
    """As a birth date does; and no answer for all makes an adult beside one that is taken."""
    heads = f"fictional,responsible_worker_role,person.prs_FirstName,person.{column}"
    assert Code.AGE_CONTRADICTS in codes(f"{heads}\ntrue,CASE_MANAGER,Fictional,{value}\n".encode())
    heads = "fictional,responsible_worker_role,person.stated_age,person.stated_age_to,person.stated_age_on"
    (one,) = drafts_of(f"{heads}\ntrue,CASE_MANAGER,16,20,2026-06-01\n".encode(), None, ADULTS)
    assert "adult_judgement" not in json.loads(one.content)


def test_whoever_says_nothing_of_an_age_has_the_answer() -> None:
    """An answer stands where the file is silent."""
    assert codes(b"fictional,responsible_worker_role,person.prs_FirstName\ntrue,CASE_MANAGER,Fictional\n") == []
