"""What a file says of the age and cannot be taken is never covered by an answer for all: no child becomes an adult."""

from __future__ import annotations

import json
from typing import Any

import pytest

from refbus.errors import Code
from refbus_gateway.exchange.translation import Draft
from refbus_gateway.words.losses import Loss, Lost
from support.imported import SERVICES, drafts_of

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
    ],
)
def test_an_age_in_years_and_a_birth_date_go_together(more: dict[str, Any], wrong: list[Code]) -> None:
    """An age that nobody can read, and one that contradicts the birth date, keep the person out."""
    assert [each.code for each in primero(CHILDREN, **more).problems] == wrong


@pytest.mark.parametrize(
    ("more", "minor"),
    [
        ({"age": 14}, True),
        ({"age": 14, "registration_date": "2026-06-01"}, True),
        ({"age": 17, "registration_date": "2026-06-01"}, None),
        ({"age": 12, "registration_date": "2021-06-01"}, None),
        ({"age": 17, "registration_date": "2016-06-01", "last_updated_at": "2026-11-01T10:00:00.000Z"}, None),
        ({"age": 17, "registration_date": "2999-06-01"}, True),
        ({"age": "9-17"}, True),
        ({"age": "16--20", "estimated": True}, None),
        ({"age": 30, "estimated": True}, None),
        ({"date_of_birth": "1990-01-01", "estimated": True}, None),
        ({"date_of_birth": "2012-01-01", "estimated": True}, None),
        ({"age": 30}, False),
        ({"age": "48+"}, False),
        ({"age": 17, "registration_date": "2016-06-01"}, False),
    ],
)
def test_no_answer_makes_an_adult_of_whoever_may_be_a_child(more: dict[str, Any], minor: bool | None) -> None:
    """A child for certain is one; an answer for all stands beside an age that is certainly an adult's, and no other."""
    one = primero(ADULTS, **more)
    document = json.loads(one.content)
    assert one.problems == ()
    assert document.get("person", {}).get("is_minor") is minor
    assert ("adult_judgement" in document) is (minor is False)


def test_an_age_stays_in_the_note_as_the_file_says_it() -> None:
    """The number, its day and that it is estimated; the report says what came over, and names an age without a day."""
    dated = primero({}, age=14, registration_date="2026-06-01", estimated=True)
    assert json.loads(dated.content)["about"] == "age = 14; registration_date = 2026-06-01; estimated = true"
    assert ("age, registration_date, estimated", "about") in {(each.source, each.to) for each in dated.taken}
    assert primero({}, age=14).lost == (Lost("age", Loss.AGE_DAY),)


def test_an_estimated_birth_date_of_an_adult_is_none() -> None:
    """It stays in the note, and the report says why; that of a child is kept."""
    adult = primero({}, date_of_birth="2007-01-01", estimated=True)
    assert json.loads(adult.content)["about"] == "estimated = true; date_of_birth = 2007-01-01"
    assert adult.lost == (Lost("date_of_birth", Loss.AGE_ESTIMATED),)
    assert json.loads(primero({}, date_of_birth="2012-01-01", estimated=True).content)["person"]["prs_Birthdate"]


def test_whoever_says_nothing_of_an_age_has_the_answer() -> None:
    """An answer stands where the file is silent."""
    assert codes(b"fictional,responsible_worker_role,person.prs_FirstName\ntrue,CASE_MANAGER,Fictional\n") == []
