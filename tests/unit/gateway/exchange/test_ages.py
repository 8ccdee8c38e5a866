"""What a file says of the age and cannot be taken is never covered by an answer for all: no child becomes an adult."""

from __future__ import annotations

import json

import pytest

from refbus.errors import Code
from support.imported import SERVICES, drafts_of

ADULTS = {**SERVICES, "person": {"is_minor": False}}
"""Answers for all persons of a file, by somebody who believes that they are adults."""


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


@pytest.mark.parametrize(("more", "wrong"), [({}, [Code.AGE_CONTRADICTS]), ({"date_of_birth": "1990-04-03"}, [])])
def test_an_age_in_years_without_a_date_keeps_the_person_out(more: dict[str, str], wrong: list[Code]) -> None:
    """Primero knows ages alone; with a date of birth the age adds nothing."""
    record = {"case_id_display": "00a1", "name_first": "Fictional", "age": 14, **more}
    assert codes(json.dumps({"data": [record]}).encode()) == wrong


def test_whoever_says_nothing_of_an_age_has_the_answer() -> None:
    """An answer stands where the file is silent."""
    assert codes(b"fictional,responsible_worker_role,person.prs_FirstName\ntrue,CASE_MANAGER,Fictional\n") == []
