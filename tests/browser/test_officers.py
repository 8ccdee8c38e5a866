"""Two officers disclose in an emergency, and a third one reviews it: in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page

from browser.conftest import Desks, Eye, follow, look_until
from demo.world import PASSPHRASE
from refbus.core.ids import CountryCode
from support.gateways import case_file

AGENCY, SHELTER = "kz-agency01", "uz-she1ter1"


def test_two_officers_tell_one_organisation(desks: Desks, eye: Eye) -> None:
    """The rule first; the least; one officer twice and a wrong passphrase tell nobody; two do; a third reviews it."""
    agency = desks[AGENCY]
    page = eye.sign_in(agency)
    page.goto(f"{agency.url}emergency")
    assert "nothing may be told" in page.inner_text("main")
    assert page.locator("main input").count() == 0
    eye.look(page, "emergency-not-allowed")
    page.goto(f"{agency.url}emergency/decide")
    assert page.url == f"{agency.url}emergency"
    before = desks[SHELTER].received()
    desks.world.allow_emergencies(CountryCode("kz"))
    words = [agency.office.secret(f"officer-{number}", f"fictional officer {number}") for number in range(3)]
    officers = [
        agency.office.do("officers", "add", "--role", "DUTY_OFFICER", "--key-passphrase-file", path)["officer"]
        for path in words
    ]
    case = case_file(recipient={"organisation": SHELTER}, file_number="Red scarf", about="Fictional: unconscious")
    kept = agency.office.do("case", "add", agency.office.file("emergency.json", case))["case"]
    rule = page.locator("a[href$='/emergency/new']")  # the rule of today comes to this desk by the log
    look_until(page, f"{agency.url}emergency", lambda: rule.count() > 0)
    eye.look(page, "emergency")
    follow(page, "a[href$='/emergency/new']")
    page.select_option("#case", str(kept))
    page.check("input[name=ground][value=MEDICAL_EMERGENCY]")
    page.check("input[name=protects][value=PERSON]")
    page.check("input[name=incapacity][value=UNCONSCIOUS]")
    page.select_option("#to", SHELTER)
    page.fill("#needed_now", "Fictional: insulin, at once")
    page.check("input[name=categories][value=IDENTITY]")
    eye.look(page, "emergency-new")
    follow(page, "main form button")
    assert "Red scarf" in page.inner_text("main")
    eye.look(page, "emergency-decide")
    decide(page, officers[0], officers[0])
    assert page.locator(".errors").is_visible()
    decide(page, officers[0], officers[1], "wrong")
    eye.look(page, "emergency-wrong")
    assert desks[SHELTER].received() == before
    decide(page, officers[0], officers[1])
    assert page.url.rpartition("/")[2].isdecimal(), page.inner_text("main")
    told = desks[SHELTER].new(before)
    assert "insulin" in str(desks[SHELTER].office.do("inbox", "show", str(told)))
    eye.look(page, "emergency-told")
    page.check("input[name=result][value=UPHELD]")
    page.select_option("#officer", officers[2])
    page.fill("#passphrase_officer", "fictional officer 2")
    follow(page, "form[action$=review] button")
    assert "Reviewed" in page.inner_text("main")
    eye.look(page, "emergency-reviewed")


def decide(page: Page, first: str, second: str, word: str = "fictional officer 1") -> None:
    """Let two officers type their passphrases."""
    page.select_option("#first", first)
    page.fill("#passphrase_first", "fictional officer 0")
    page.select_option("#second", second)
    page.fill("#passphrase_second", word)
    page.fill("#passphrase", PASSPHRASE)
    follow(page, "main form button")
