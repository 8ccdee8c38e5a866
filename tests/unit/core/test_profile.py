"""What may stand in a profile, and what a reader picks from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from refbus.core.directory import Organisation, OrgRole, OrgStatus
from refbus.core.ids import CountryCode, OrgId
from refbus.core.placeholder import placeholder
from refbus.core.profile import (
    Capacity,
    Fault,
    LocalText,
    OpeningHours,
    Profile,
    Serves,
    Wrong,
    doubts,
    faults,
    in_language,
    is_hidden,
)
from support.directories import NOW_MS

PROFILE = Profile(
    OrgId("uz-she1ter1"),
    1,
    NOW_MS,
    NOW_MS,
    names=(LocalText("en", "Fictional shelter"), LocalText("uz-Cyrl", "Тўқима бошпана")),
    telephones=("+998712000001",),
    hours=(OpeningHours(1, 0, 720), OpeningHours(1, 720, 1440), OpeningHours(2, 540, 1080)),
    area=(LocalText("en", "South of the capital"),),
    capacity=Capacity.FEW,
    places=2,
    capacity_at_ms=NOW_MS,
    serves=(Serves.CHILDREN, Serves.WOMEN),
    languages=("ru", "uz"),
    withdrawal=(LocalText("en", "Any office of the fictional shelter"),),
)
ADDRESS = (LocalText("en", "Fictional street 1"),)


def test_a_good_profile_has_no_fault() -> None:
    """Of a shelter and of an office with an address, and one that says nothing at all."""
    assert faults(PROFILE, hidden=True) == doubts(PROFILE, hidden=True) == []
    assert faults(replace(PROFILE, address=ADDRESS), hidden=False) == []
    assert faults(Profile(PROFILE.organisation, 1, NOW_MS, NOW_MS), hidden=True) == []


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"address": ADDRESS}, "address", Fault.STREET),
        ({"names": (LocalText("ru", "а"), LocalText("en", "a"))}, "names", Fault.ORDER),
        ({"names": (LocalText("en", "a"), LocalText("en", "b"))}, "names", Fault.ORDER),
        ({"names": (LocalText("English", "a"),)}, "names", Fault.FORM),
        ({"names": (LocalText("en", ""),)}, "names", Fault.FORM),
        ({"names": (LocalText("en", "a" * 301),)}, "names", Fault.FORM),
        ({"area": (LocalText("en", "two\nlines"),)}, "area", Fault.FORM),
        ({"withdrawal": (LocalText("en", " blank"),)}, "withdrawal", Fault.FORM),
        ({"names": tuple(LocalText(f"a{chr(97 + n)}", "a") for n in range(13))}, "names", Fault.FORM),
        ({"telephones": ("8 71 200 00 01",)}, "telephones", Fault.FORM),
        ({"telephones": ("+998712000001",) * 5}, "telephones", Fault.FORM),
        ({"hours": (OpeningHours(1, 60, 60),)}, "hours", Fault.FORM),
        ({"hours": (OpeningHours(8, 0, 60),)}, "hours", Fault.FORM),
        ({"hours": (OpeningHours(2, 0, 60), OpeningHours(1, 0, 60))}, "hours", Fault.ORDER),
        ({"hours": (OpeningHours(1, 0, 60), OpeningHours(1, 30, 90))}, "hours", Fault.ORDER),
        ({"capacity_at_ms": 0}, "capacity", Fault.FORM),
        ({"capacity": Capacity.UNSTATED, "places": None}, "capacity", Fault.FORM),
        ({"capacity": Capacity.NONE, "places": 3}, "capacity", Fault.FORM),
        ({"serves": (Serves.WOMEN, Serves.CHILDREN)}, "serves", Fault.ORDER),
        ({"languages": ("uz", "ru")}, "languages", Fault.ORDER),
        ({"languages": ("Russian",)}, "languages", Fault.FORM),
    ],
)
def test_every_reader_refuses(changes: dict[str, Any], field: str, fault: Fault) -> None:
    """What is not of the form, not in the one order, or says where a shelter is."""
    assert Wrong(field, fault) in faults(replace(PROFILE, **changes), hidden=True)


@pytest.mark.parametrize(
    ("field", "text", "fault"),
    [
        ("names", "Тўқима Тўқимаевна", Fault.PERSON),
        ("names", "Fictional Fictionalovich", Fault.PERSON),
        ("withdrawal", "Ask Ms Fictional", Fault.PERSON),
        ("withdrawal", "somebody@office.example", Fault.PERSON),
        ("names", "Ойдан уулу", Fault.PERSON),
        ("withdrawal", placeholder("where the person can withdraw"), Fault.PLACEHOLDER),
        ("area", "Fictional street 12", Fault.STREET),
    ],
)
def test_the_organisation_itself_signs_no_such_text(field: str, text: str, fault: Fault) -> None:
    """A person, a placeholder, a house number in the area of a shelter."""
    changes: dict[str, Any] = {field: (LocalText("en", text),)}
    assert doubts(replace(PROFILE, **changes), hidden=True) == [Wrong(field, fault)]


def test_a_number_in_the_area_of_an_office_is_no_matter() -> None:
    """Only whoever must not be found leaves it out."""
    assert doubts(replace(PROFILE, area=(LocalText("en", "District 5"),)), hidden=False) == []


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "Fictional shelter"), ("uz-Cyrl", "Тўқима бошпана"), ("uz", "Тўқима бошпана"), ("tg", "Fictional shelter")],
)
def test_a_text_is_in_the_language_of_the_reader_or_one_that_most_read(language: str, text: str) -> None:
    """Another script of the same language comes before another language."""
    assert in_language(PROFILE.names, language) == text


def test_no_text_and_any_text() -> None:
    """Without a text there is none; one that nobody here reads is better than none."""
    assert in_language((), "ru") == ""
    assert in_language((LocalText("ka", "a"),), "ru") == "a"


def test_only_a_public_office_without_beds_has_a_street() -> None:
    """An NGO may run a shelter that no list names; an agency that lists safe accommodation has one."""
    found = {role: is_hidden(_of(role, ("Legal",))) for role in (OrgRole.NATIONAL_AGENCY, OrgRole.EMBASSY, OrgRole.NGO)}
    assert found == {OrgRole.NATIONAL_AGENCY: False, OrgRole.EMBASSY: False, OrgRole.NGO: True}
    assert is_hidden(_of(OrgRole.NATIONAL_AGENCY, ("Legal", "x_safehouse_service")))


def _of(role: OrgRole, services: tuple[str, ...]) -> Organisation:
    country = CountryCode("uz")
    return Organisation(PROFILE.organisation, country, role, OrgStatus.ACTIVE, "Fictional", services, (), (), ())
