"""A person is referred by pages alone, in Russian, from signing in to sent; the other side sees it on Today."""

from __future__ import annotations

from playwright.sync_api import Page

from browser.conftest import Desks, Eye, follow
from demo.world import PASSPHRASE

AGENCY, SHELTER = "kz-agency01", "uz-she1ter1"
NAME = "Тўқима шахс " + "узун исм " * 6


def answer(page: Page, name: str, value: str) -> None:
    """Choose an answer as a person does, by its label."""
    page.check(f"input[name='{name}'][value='{value}']")


def go_on(page: Page, step: str) -> None:
    """Send the form of a step."""
    follow(page, "main form[method=post] button[type=submit] >> nth=-1")
    page.wait_for_url(f"**/{step}*")


def ask_for(page: Page, eye: Eye, *, seen: str) -> None:
    """Answer the first steps, until the person is asked."""
    follow(page, "a.big")
    page.wait_for_url("**/need")
    follow(page, "main form button")
    page.wait_for_selector(".errors")
    eye.look(page, f"{seen}-need-wrong")
    for service in ("SocialCare", "x_safehouse_service"):
        answer(page, "services_requested", service)
    answer(page, "country", "uz")
    answer(page, "reason", "AdditionalServicesRequired")
    answer(page, "fictional", "true")
    eye.look(page, f"{seen}-need")
    go_on(page, "organisation")
    eye.look(page, f"{seen}-organisation")
    answer(page, "organisation", SHELTER)
    go_on(page, "urgency")
    answer(page, "priority", "URGENT")
    page.select_option("#responsible_worker_role", "CASE_MANAGER")
    page.select_option("#source_of_referral", "NGO")
    eye.look(page, f"{seen}-urgency")
    go_on(page, "person")
    page.fill("#file_number", "Синяя дверь")
    page.fill("#person-prs_FirstName", NAME)
    page.fill("#person-prs_Birthdate", "1990")
    answer(page, "person.is_minor", "false")
    page.click("details.block >> nth=4")
    page.fill("#health-summary", "Вымышлено: нужен зубной врач.")
    eye.look(page, f"{seen}-person")
    go_on(page, "contact")
    answer(page, "safe_contact.may_call", "true")
    answer(page, "safe_contact.may_text", "false")
    page.fill("#person-prs_MobilePhone", "+998 90 000 00 00")
    eye.look(page, f"{seen}-contact")
    go_on(page, "ask")
    eye.look(page, f"{seen}-ask")


def test_a_person_is_referred_by_pages_alone(desks: Desks, eye: Eye) -> None:
    """Every step in Russian, what was agreed to and nothing else, the referral on the other desk's Today."""
    shelter = desks[SHELTER]
    before = shelter.received()
    page = eye.sign_in(desks[AGENCY], language="ru")
    ask_for(page, eye, seen="refer-ru")
    follow(page, "a[href*='sheet']")
    eye.look(page, "refer-ru-sheet")
    page.emulate_media(media="print")
    assert page.eval_on_selector(".signed p", "each => getComputedStyle(each).fontSize") == "24px"  # 18 pt: large type
    page.emulate_media(media="screen")
    page.go_back()
    follow(page, "a.big")
    page.wait_for_url("**/consent*")
    for category in ("IDENTITY", "CONTACT", "SERVICE_NEEDS"):
        answer(page, f"answer_{category}", "yes")
    answer(page, "answer_HEALTH", "no")
    answer(page, "answer_REPORT_BACK", "yes")
    answer(page, "answer_CONTACT_PERSON", "no")
    answer(page, "answer_ONWARD_REFERRAL", "no")
    answer(page, "statistics", "yes")
    answer(page, "answer_LOCATION_SAFE", "yes")
    go_on(page, "consent")
    eye.look(page, "refer-ru-consent-wrong")
    until = page.evaluate("new Date(Date.now() + 60 * 864e5).toLocaleDateString('de-DE')")
    page.fill("#until", until)
    page.fill("#erase_by", until)
    for box in page.query_selector_all("input[name=informed]"):
        box.check()
    answer(page, "interpreter", "no")
    answer(page, "method", "WRITTEN")
    page.fill("#withdrawal_contact", "Любой офис вымышленного агентства")
    eye.look(page, "refer-ru-consent")
    go_on(page, "look")
    assert "зубной" not in page.inner_text("main")
    eye.look(page, "refer-ru-look")
    page.fill("#passphrase", PASSPHRASE)
    go_on(page, "sent/")
    eye.look(page, "refer-ru-sent")
    follow(page, "nav >> text=/Cases|Случаи|Дела/")
    eye.look(page, "cases-ru")
    follow(page, "main ul.list a >> nth=0")
    eye.look(page, "case-ru")
    follow(page, "a[href$=edit]")
    eye.look(page, "case-edit-ru")
    theirs = shelter.new(before)
    there = eye.sign_in(shelter)
    follow(there, f"main ul.list a[href$='/{theirs}']")
    follow(there, "form[action$=open] button")
    assert "Тўқима шахс" in there.inner_text("main")
    assert "зубной" not in there.inner_text("main")


def test_a_no_is_one_click_and_ends_kindly(desks: Desks, eye: Eye) -> None:
    """The same road in English up to the question; the person says no, and nothing is sent."""
    page = eye.sign_in(desks[AGENCY])
    ask_for(page, eye, seen="refer-en")
    follow(page, "form[action$='/no'] button")
    page.wait_for_url("**/case/*/no*")
    assert "Nothing was sent" in page.inner_text("main")
    eye.look(page, "refer-en-no")
