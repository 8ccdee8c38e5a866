"""Linking people who belong together by pages: with a case that is here, or with somebody new of the group."""

from __future__ import annotations

import pytest

from refbus_gateway.actions import cases, drafts, links
from support.desks import desk_of
from support.gateways import Pair, case_file, new_case
from support.pages import Pages


@pytest.fixture
def here(pair: Pair) -> Pages:
    """Give the pages of the agency."""
    desk, actor = desk_of(pair.world, pair.kz)
    for each in drafts.listed(desk, actor).drafts:
        drafts.drop(desk, actor, each.name)
    return Pages(pair.world, pair.kz)


def made(pair: Pair, name: str) -> int:
    """Keep a case with a nickname."""
    return new_case(pair.kz, case_file(about=f"Fictional: {name}", file_number=name))


def linked(pair: Pair, case: int) -> list[tuple[int, str, bool]]:
    """Return what is linked with a case."""
    desk, actor = desk_of(pair.world, pair.kz)
    return [(each.case, each.relation, each.travels) for each in links.shown(desk, actor, case).links]


def test_a_case_that_is_here_is_linked_and_the_link_taken_away_again(pair: Pair, here: Pages) -> None:
    """Both cases show it, and the page of a case leads there; afterwards neither does."""
    mother, baby = made(pair, "Green door"), made(pair, "Small door")
    person = here.person()
    at = f"/case/{mother}/together"
    assert at in person.get(f"/case/{mother}").html
    page = person.send(at, other=str(baby), relation="CHILD", travels="yes")
    assert (page.path, "Small door" in page.text) == (at, True)
    assert linked(pair, mother) == [(baby, "CHILD", True)]
    assert linked(pair, baby) == [(mother, "PARENT", True)]
    page = person.send(f"{at}/end", at=at)
    assert "Nobody is linked with this case." in page.text
    assert linked(pair, baby) == []


def test_all_that_is_missing_is_told_at_once(pair: Pair, here: Pages) -> None:
    """No person, no relation, no answer; a relation that no list has; the case itself."""
    mother = made(pair, "Red door")
    person, at = here.person(), f"/case/{mother}/together"
    page = person.send(at)
    for text in ("Choose the other person", "Choose what the other person is", "Answer yes or no"):
        assert text in page.text
    page = person.send(at, other=str(mother), relation="AUNTIE", travels="yes")
    assert "Choose what the other person is" in page.text
    page = person.send(at, other=str(mother), relation="CHILD", travels="yes")
    assert "the two cases cannot be linked" in page.text.lower()
    assert linked(pair, mother) == []


def test_somebody_new_of_the_group_begins_with_nothing_of_the_other(pair: Pair, here: Pages) -> None:
    """The steps are empty; once the person is written down, the new case is linked."""
    from .test_refer import until_contact

    mother = made(pair, "Yellow door")
    person = here.person()
    page = person.send(f"/case/{mother}/together", other="-", relation="SIBLING", travels="no")
    assert page.path == "/refer/1/need"
    assert "Yellow door" not in page.html
    person.get("/refer/1/need")
    assert until_contact(person).path == "/refer/1/ask"
    ((other, relation, travels),) = linked(pair, mother)
    assert (relation, travels) == ("SIBLING", False)
    desk, actor = desk_of(pair.world, pair.kz)
    file = cases.file_to_edit(desk, actor, other)
    assert (file["file_number"], file["person"]["prs_Birthdate"]) == ("Blue door", "1990-05")
