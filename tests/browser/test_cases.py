"""Cases in a real browser, in Russian: from another system, who belongs together, the card for the person."""

from __future__ import annotations

from browser.conftest import Desks, Eye, follow
from support.gateways import case_file
from support.imported import FILES

AGENCY = "kg-agency01"
WRONG_CODES = b"cas_CaseOwner,prs_FirstName,prs_Gender,vic_TypeOfExploitation\nFictional,Fictional,feminin,slaverie\n"


def test_a_case_from_another_system(desks: Desks, eye: Eye) -> None:
    """No file, a file with much that is lost, one with wrong codes; a person of it becomes a referral begun."""
    agency = desks[AGENCY]
    page = eye.sign_in(agency, language="ru")
    page.goto(f"{agency.url}case/import")
    follow(page, "main form button")
    assert page.locator(".errors").is_visible()
    eye.look(page, "import-wrong-ru")
    for name in ("primero-case.json", "fhir-bundle.json"):
        page.goto(f"{agency.url}case/import")
        page.set_input_files("#file", FILES / name)
        follow(page, "main form button")
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        eye.look(page, f"import-{name.partition('.')[0]}-ru")
    page.goto(f"{agency.url}case/import")
    page.set_input_files("#file", {"name": "table.csv", "mimeType": "text/csv", "buffer": WRONG_CODES})
    follow(page, "main form button")
    eye.look(page, "import-refused-ru")
    follow(page, "form[action$='/import/person'] button")
    assert page.url.endswith("/need")
    eye.look(page, "import-begun-ru")


def test_who_belongs_together_and_the_card(desks: Desks, eye: Eye) -> None:
    """Nobody yet, nothing chosen, a child who comes along; the card in a language of the person."""
    agency = desks[AGENCY]
    mother, child = (
        agency.office.do("case", "add", agency.office.file("family.json", case_file(file_number=name)))["case"]
        for name in ("Green door, the tall one from the south", "Small door")
    )
    page = eye.sign_in(agency, language="ru")
    page.goto(f"{agency.url}case/{mother}/together")
    follow(page, "main form button")
    assert page.locator(".errors").is_visible()
    eye.look(page, "together-wrong-ru")
    page.select_option("#other", str(child))
    page.check("input[name=relation][value=CHILD]")
    page.check("input[name=travels][value=yes]")
    follow(page, "main form button")
    assert page.locator(f"main a[href='/case/{child}']").is_visible()
    eye.look(page, "together-ru")
    page.goto(f"{agency.url}card?language=tk")
    eye.look(page, "card-tk")
