"""The shelter answers, the survivor changes their mind, a case is erased: in a real browser, in two languages."""

from __future__ import annotations

from playwright.sync_api import Page

from browser.conftest import Desk, Desks, Eye, follow, look_until
from demo.world import PASSPHRASE
from support.gateways import case_file, consent_file

AGENCY, SHELTER = "kz-agency01", "uz-she1ter1"
NICKNAME = "Blue door, the tall one from the south"
LONG = "Fictional: Турсунбекқызы Айгүл-Шахризода, a very long name in two scripts"


def referred(desks: Desks, nickname: str) -> tuple[int, int, int]:
    """Send a referral from the command line; return the case, and the number of the referral at each desk."""
    office, shelter = desks[AGENCY].office, desks[SHELTER]
    before = shelter.received()
    person = {"prs_FirstName": LONG, "is_minor": False, "prs_Birthdate": "1991"}
    about = f"Fictional: {nickname}"
    case = case_file(recipient={"organisation": SHELTER}, file_number=nickname, about=about, person=person)
    kept = office.do("case", "add", office.file("case.json", case))["case"]
    office.do("consent", "grant", str(kept), "--file", office.file("c.json", consent_file()))
    number = office.do("send", str(kept))["referral"]
    return kept, number, shelter.new(before)


def at(page: Page, desk: Desk, path: str) -> None:
    """Open a page of a desk."""
    page.goto(f"{desk.url.rstrip('/')}{path}")


def until(page: Page, desk: Desk, path: str, text: str) -> None:
    """Open a page of a desk until it says something: what was sent takes a while."""
    look_until(page, f"{desk.url.rstrip('/')}{path}", lambda: text in page.inner_text("main"))


def take_back_and_erase(here: Page, there: Page, numbers: tuple[int, int], eye: Eye, both: tuple[Desk, Desk]) -> None:
    """Take consent back, say at the shelter what was done, erase the case at the agency."""
    (case, theirs), (agency, shelter) = numbers, both
    at(here, agency, f"/case/{case}")
    eye.look(here, "case-with-consent")
    at(here, agency, f"/case/{case}/changed")
    eye.look(here, "changed")
    follow(here, "text=Take consent back")
    assert here.url.endswith(f"/case/{case}/who")
    eye.look(here, "who")
    until(there, shelter, f"/referral/{theirs}", "What did you do")
    eye.look(there, "withdrawn")
    there.check("input[value=RESTRICTED]")
    follow(there, "main form button")
    until(here, agency, f"/case/{case}/who", "locked it away")
    at(here, agency, f"/case/{case}/erase")
    eye.look(here, "erase")
    here.fill("#name", NICKNAME)
    here.fill("#passphrase", PASSPHRASE)
    follow(here, "main form button")
    assert "erased here" in here.inner_text("main").lower()
    eye.look(here, "erased")
    at(here, agency, "/erased")
    eye.look(here, "erasures")


def test_answered_then_taken_back(desks: Desks, eye: Eye) -> None:
    """Unopened, opened, an answer with who and when and where, a question, a withdrawal, what was done, erased."""
    agency, shelter = desks[AGENCY], desks[SHELTER]
    case, ours, theirs = referred(desks, NICKNAME)
    there = eye.sign_in(shelter)
    at(there, shelter, f"/referral/{theirs}")
    eye.look(there, "inbox-unopened")
    follow(there, "form[action$=open] button")
    eye.look(there, "inbox-opened")
    follow(there, "text=Ask a question")
    eye.look(there, "answer-ask")
    there.check("input[value=HEALTH]")
    there.fill("#question", "Fictional: which tooth?")
    follow(there, "main form button")
    here = eye.sign_in(agency)
    until(here, agency, f"/referral/{ours}", "which tooth")
    eye.look(here, "referral-question")
    follow(here, "text=Answer or tell more")
    eye.look(here, "answer-provide")
    here.fill("textarea >> nth=0", "Fictional: the left one.")
    follow(here, "main form button")
    until(there, shelter, f"/referral/{theirs}", "the left one")
    follow(there, "text=We can help")
    follow(there, "main form button")
    eye.look(there, "answer-accept-wrong")
    there.select_option("#responsible_worker_role", "SOCIAL_WORKER")
    there.fill("[name='meeting.at_ms']", "31.12.2026 14:00")
    there.fill("[name='meeting.place']", "Fictional: the green house")
    eye.look(there, "answer-accept")
    follow(there, "main form button")
    until(here, agency, f"/referral/{ours}", "green house")
    eye.look(here, "referral-accepted")
    at(here, agency, f"/referral/{ours}/say/pause")
    eye.look(here, "answer-not-now")
    take_back_and_erase(here, there, (case, theirs), eye, (agency, shelter))


def test_every_step_has_a_page_that_works_without_a_script(desks: Desks, eye: Eye) -> None:
    """No by the browser alone: cannot help, with a reason in words, in Russian."""
    agency, shelter = desks[AGENCY], desks[SHELTER]
    _, ours, theirs = referred(desks, "No script")
    there = eye.sign_in(shelter, language="ru", java_script_enabled=False)
    at(there, shelter, f"/referral/{theirs}")
    follow(there, "form[action$=open] button")
    at(there, shelter, f"/referral/{theirs}/say/cannot")
    there.check("input[value=CAPACITY_FULL]")
    follow(there, "main form button")
    assert there.url.endswith(f"/referral/{theirs}")
    here = eye.sign_in(agency, language="ru")
    until(here, agency, f"/referral/{ours}", "Нет свободных мест")
    eye.look(here, "referral-refused-ru")
    at(here, agency, f"/referral/{ours}/say/reopen")
    eye.look(here, "answer-not-now-ru")
