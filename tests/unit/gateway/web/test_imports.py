"""Cases from another system on pages: a file, its report, and a person of it becomes a referral that is begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.core.bounds import MOST_IMPORT
from refbus_gateway.actions import cases
from refbus_gateway.exchange.records import read_source
from support.desks import desk_of
from support.gateways import Pair
from support.imported import FILES, SOURCES, TWICE, mapping_of
from support.pages import Page, Pages, Person


@pytest.fixture
def person(own: Pair) -> Person:
    """Give a case-worker at the desk of the agency."""
    return Pages(own.world, own.kz).person()


def upload(person: Person, **files: bytes) -> Page:
    """Send files by the form of the page."""
    form = {name: value[0] for name, value in person.get("/case/import").forms["/case/import"].items()}
    sent = {name: (name, content) for name, content in files.items()}
    return Page(person.client.post("/case/import", data=form, files=sent))


def test_the_list_of_cases_leads_there(person: Person) -> None:
    """Whoever looks for a case finds how to bring one."""
    assert "/case/import" in person.get("/case").html


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_each_kind_of_file_is_told_on_a_page(person: Person, path: Path) -> None:
    """What comes over, what is lost and what is refused has words; nothing is kept."""
    beside = path.with_suffix("").with_suffix(".mapping.json")
    files = {"mapping": beside.read_bytes()} if beside.exists() else {}
    page = upload(person, file=path.read_bytes(), **files)
    assert page.status == 200
    assert "No consent came over" in page.text
    assert "Comes over" in page.text
    assert f"Read as {read_source(path.read_bytes(), mapping_of(path)).format.title}: " in page.text
    assert "/case/import/person" in page.forms


def test_a_person_of_the_file_becomes_a_referral_that_is_begun(person: Person, own: Pair) -> None:
    """The steps show what came over and ask for the rest; no case is kept before."""
    page = upload(person, file=(FILES / "fhir-bundle.json").read_bytes())
    begun = person.post("/case/import/person", page.forms["/case/import/person"])
    assert begun.path == "/refer/1/need"
    assert "Ikkinchi" in person.get("/refer/1/person").html
    assert "H-2026/4" in person.get("/refer/1/person").html
    assert cases.listed(*desk_of(own.world, own.kz)).total == 0


def test_a_file_number_that_the_file_has_twice_is_told(person: Person) -> None:
    """Both rows are named with each of the two persons, before anybody goes on with one."""
    page = upload(person, file=TWICE.encode())
    assert "row 2 and row 3 have the same file number" in page.text
    assert "row 3 and row 2 have the same file number" in page.text


def test_a_wrong_code_is_told_with_the_name_of_the_nearest(person: Person) -> None:
    """In words and not in codes; where none is near, the person is sent to the steps."""
    table = b"cas_CaseOwner,prs_FirstName,prs_Gender,vic_TypeOfExploitation\nw,a,feminin,slaverie\n"
    page = upload(person, file=table)
    assert "did you mean Feminine?" in page.text
    assert "is on no list here: choose it at the steps" in page.text


def test_what_cannot_be_read_is_told_at_its_field(person: Person) -> None:
    """No file, a file of no format, one that is too large, and a mapping that is none."""
    assert "file-wrong" in upload(person).ids
    assert "file-wrong" in upload(person, file=b"a,b\n1,2\n").ids
    assert "file-wrong" in upload(person, file=b"PK\x03\x04").ids
    assert "file-wrong" in upload(person, file=b"a" * (MOST_IMPORT + 1)).ids
    assert "mapping-wrong" in upload(person, file=b"a,b\n1,2\n", mapping=b"{}").ids
    form = {name: value[0] for name, value in person.get("/case/import").forms["/case/import"].items()}
    forged = person.client.post("/case/import", data={**form, "csrf": "forged"}, files={"file": ("a", b"a")})
    assert forged.status_code == 403


@pytest.mark.parametrize("content", ["{", "[]", "7", "", "[" * 100])
def test_what_no_page_sends_is_refused(person: Person, content: str) -> None:
    """A content that is no case file begins nothing."""
    page = upload(person, file=(FILES / "primero-case.json").read_bytes())
    form = {**page.forms["/case/import/person"], "content": [content]}
    assert person.post("/case/import/person", form).status == 400


def test_a_name_that_is_markup_is_a_text(person: Person) -> None:
    """Whatever a file calls its columns and its persons, the page shows it."""
    hostile = "prs_FirstName,prs_SecondName,vic_TypeOfExploitation,cas_CaseOwner,<script>alert(1)</script>\n"
    page = upload(person, file=(hostile + '"<img src=x>",b,ForcedLabour,w,1\n').encode())
    assert "<script>alert" not in page.html
    assert "<img src" not in page.html


@pytest.mark.parametrize(
    "content", ['{"person": 7}', '{"person": [1]}', '{"confirmed": [], "base": {}}', '{"needs": {}}']
)
def test_a_content_of_another_shape_hurts_nobody(person: Person, content: str) -> None:
    """Whoever forges what was shown begins a referral that its steps refuse, or is refused at once."""
    page = upload(person, file=(FILES / "primero-case.json").read_bytes())
    form = {**page.forms["/case/import/person"], "content": [content]}
    assert person.post("/case/import/person", form).status in {200, 400}
