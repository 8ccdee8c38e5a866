"""A person signs in, sees what there is to do, opens a referral, is locked out and comes back: in a real browser."""

from __future__ import annotations

from browser.conftest import Desk, Desks, Eye, follow
from demo.world import PASSPHRASE
from support.gateways import case_file, consent_file

AGENCY, SHELTER = "kz-agency01", "uz-she1ter1"


def refer(desk: Desk, nickname: str) -> int:
    """Send a referral from the command line; return its number there."""
    case = case_file(
        recipient={"organisation": SHELTER}, file_number=nickname, about=f"Fictional: {nickname}", reply_within_hours=48
    )
    kept = desk.office.do("case", "add", desk.office.file("case.json", case))["case"]
    desk.office.do("consent", "grant", str(kept), "--file", desk.office.file("c.json", consent_file()))
    number: int = desk.office.do("send", str(kept))["referral"]
    return number


def test_from_the_first_page_to_an_opened_referral(desks: Desks, eye: Eye) -> None:
    """Language, passphrase, Today, an unopened referral, what was sent, the list, a locked desk, leaving quickly."""
    shelter = desks[SHELTER]
    before = shelter.received()
    number = refer(desks[AGENCY], "Blue door")
    theirs = shelter.new(before)
    page = eye.open(shelter)
    eye.look(page, "sign-in")
    page.fill("#passphrase", "wrong")
    follow(page, "main button")
    assert page.locator(".errors").is_visible()
    eye.look(page, "sign-in-wrong")
    page.fill("#passphrase", PASSPHRASE)
    follow(page, "main button")
    page.wait_for_url("**/today")
    eye.look(page, "today")
    follow(page, f"main ul.list a[href$='/{theirs}']")
    eye.look(page, "unopened")
    follow(page, "form[action$=open] button")
    assert "needs a dentist" in page.inner_text("main")
    eye.look(page, "referral")
    follow(page, "nav >> text=Referrals")
    eye.look(page, "referrals")
    page.goto(f"{shelter.url}referral/999")
    eye.look(page, "no-such-referral")
    page.goto(f"{shelter.url}lock")
    eye.look(page, "locked")
    page.fill("#passphrase", PASSPHRASE)
    follow(page, "main button >> nth=0")
    page.wait_for_url("**/today")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_url("**/leave")
    eye.look(page, "left")
    page.goto(f"{shelter.url}today")
    assert page.locator("#passphrase").is_visible()
    agency = eye.sign_in(desks[AGENCY], language="ru")
    agency.goto(f"{desks[AGENCY].url}referral/{number}")
    assert "Blue door" in agency.inner_text("h1")
    eye.look(agency, "referral-ru")


def test_every_page_works_without_a_script(desks: Desks, eye: Eye) -> None:
    """A browser that runs no script signs in and leaves."""
    page = eye.sign_in(desks[SHELTER], java_script_enabled=False)
    follow(page, "#leave")
    page.wait_for_url("**/leave")
    page.goto(f"{desks[SHELTER].url}today")
    assert page.locator("#passphrase").is_visible()
