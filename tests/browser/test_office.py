"""The pages of an office in a real browser: nothing is cut at the side, in the longest words that there are."""

from __future__ import annotations

import pytest

from browser.conftest import Desk, Desks, Eye, follow
from browser.test_first_pages import refer
from demo.world import PASSPHRASE
from support.gateways import case_file

AGENCY, SHELTER = "kz-agency01", "uz-she1ter1"
OFFICE = (
    *("office", "office/alarms", "office/keys", "office/backup", "office/recovery", "office/restored", "office/line"),
    *("office/counts", "office/people", "office/officers", "office/profile", "office/stolen", "office/log"),
)
WORK = (
    *("practice", "referral", "case", "case/import", "card", "erased", "return", "return/begin", "emergency"),
    *("inspect", "refer"),
)


@pytest.fixture(scope="module")
def agency(desks: Desks) -> Desk:
    """Give the desk of an office that has a referral to count."""
    before = desks[SHELTER].received()
    refer(desks[AGENCY], "Oq gul")
    desks[SHELTER].new(before)
    return desks[AGENCY]


@pytest.mark.parametrize("language", ["en", "ru", "uz-Latn"])
def test_every_page_of_an_office_fits(agency: Desk, eye: Eye, language: str) -> None:
    """At both widths, with a referral to count, and without anything that axe finds."""
    page = eye.sign_in(agency, language=language)
    for path in (*OFFICE, *WORK):
        page.goto(agency.url + path)
        eye.look(page, f"{path.replace('/', '-')}-{language}")


def test_who_is_silent_is_called(desks: Desks, eye: Eye) -> None:
    """The telephone stands after sending and on the sheet of what the person is told."""
    agency, shelter = desks[AGENCY], desks[SHELTER]
    case = case_file(recipient={"organisation": SHELTER}, file_number="Ko'k eshik", about="Fictional: to call")
    kept = agency.office.do("case", "add", agency.office.file("call.json", case))["case"]
    before = shelter.received()
    page = eye.sign_in(agency, language="ru")
    page.goto(f"{agency.url}case/{kept}/who")
    eye.look(page, "who-nobody-ru")
    assert shelter.received() == before
    page.goto(f"{agency.url}office/officers")
    page.fill("#passphrase", PASSPHRASE)
    follow(page, "main form >> nth=-1 >> button")
    eye.look(page, "officers-wrong-ru")
