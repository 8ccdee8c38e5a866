"""An age that somebody stated, on the page of the person: it stands for a birth date, and an estimate for no adult."""

from __future__ import annotations

from typing import Any, Final

import pytest

from refbus_gateway.actions import drafts
from support.ceremonies import SHELTER
from support.desks import desk_of
from support.gateways import Pair
from support.pages import Page, Pages, Person

STEPS: Final[dict[str, dict[str, Any]]] = {
    "need": {
        "services_requested": ["SocialCare"],
        "country": "uz",
        "reason": "AdditionalServicesRequired",
        "fictional": "true",
    },
    "organisation": {"organisation": SHELTER},
    "urgency": {"priority": "URGENT", "responsible_worker_role": "CASE_MANAGER", "source_of_referral": "NGO"},
}
BOTH: Final = {
    "is_minor": "Stated age / Is the person a child",
    "prs_Birthdate": "Birth date, as far as it is known / Stated age",
}
PERSON: Final = {"file_number": "Blue door", "person.prs_FirstName": "Тўқима бола"}


@pytest.fixture
def here(pair: Pair) -> Pages:
    """Give the pages of the agency."""
    desk, actor = desk_of(pair.world, pair.kz)
    for each in drafts.listed(desk, actor).drafts:
        drafts.drop(desk, actor, each.name)
    return Pages(pair.world, pair.kz)


def fill(person: Person, path: str, fields: dict[str, Any]) -> Page:
    """Fill in the form of a page; what is not named stays as the page shows it."""
    return person.post(path, {**person.get(path).forms[path], **fields})


def test_an_age_that_was_stated_stands_for_a_birth_date(here: Pages) -> None:
    """What cannot be is told at its field; a child by an estimate has a guardian and no question for its majority."""
    person = here.person()
    for step, fields in STEPS.items():
        fill(person, f"/refer/1/{step}", fields)
    unborn = {**PERSON, "person.prs_Birthdate": "", "person.is_minor": ""}
    fifteen = {"person.stated_age": "15", "person.stated_age_on": "1.9.2026", "person.stated_age_estimated": "true"}
    for name, typed, wrong in (
        ("is_minor", "false", "is_minor"),
        ("prs_Birthdate", "1991", "is_minor"),
        ("stated_age_on", "", "stated_age_on"),
        ("stated_age_on", "1.9.2027", "stated_age_on"),
        ("stated_age", "fifteen", "stated_age"),
        ("stated_age_to", "12", "stated_age_to"),
    ):
        page = fill(person, "/refer/1/person", {**unborn, **fifteen, f"person.{name}": typed})
        assert f"person-{wrong}-wrong" in page.ids, (name, page.ids)
        if name in BOTH:
            assert f"{BOTH[name]}. The answers about the age do not go together." in page.text
    thirty = {**fifteen, "person.stated_age": "30", "person.is_minor": "false"}
    assert "adult_judgement-reason-wrong" in fill(person, "/refer/1/person", {**unborn, **thirty}).ids
    assert fill(person, "/refer/1/person", {**unborn, **fifteen, "person.stated_age_to": ""}).path == "/refer/1/contact"
    fill(person, "/refer/1/contact", {})
    page = person.get("/refer/1/consent")
    assert "Who consents for the child?" in page.text
    assert "majority_on" not in page.html


def test_only_a_firm_age_stands_for_the_question_whether_it_is_a_child(here: Pages) -> None:
    """An estimate leaves it open: the worker is asked, and may answer that nobody knows."""
    person = here.person()
    for step, fields in STEPS.items():
        fill(person, f"/refer/1/{step}", fields)
    fifteen = {"person.stated_age": "15", "person.stated_age_on": "1.9.2026"}
    for estimated, asked in (("true", True), ("", True), ("false", False)):
        form = person.get("/refer/1/person").forms["/refer/1/person"]
        typed = {**form, **PERSON, **fifteen, "person.prs_Birthdate": "", "person.stated_age_estimated": estimated}
        typed.pop("person.is_minor", None)
        page = person.post("/refer/1/person", typed)
        assert ("person-is_minor-wrong" in page.ids) is asked, estimated
