"""People at a desk in a real browser, in Uzbek: passphrase, codes, a case handed over, wrong sessions."""

from __future__ import annotations

import base64
import time

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.sync_api import Page

from browser.conftest import Desk, Desks, Eye, follow
from demo.world import PASSPHRASE
from support.gateways import case_file

SHELTER, OFFICE = "uz-she1ter1", "tm-agency01"
CHIEF, WORKER = "fictional words of the chief", "fictional words of the worker"
NAME = "Gulnoraxon Fictional-Abdurahmonova qizi"


def test_people_at_a_desk(desks: Desks, eye: Eye) -> None:
    """In Uzbek: the first person, a colleague, her own passphrase, codes, a case handed over; wrong sessions."""
    desk = desks[OFFICE]
    case = case_file(recipient={"organisation": SHELTER}, file_number="Yashil chiroq", about="Fictional: handed over")
    kept = desk.office.do("case", "add", desk.office.file("people.json", case))["case"]
    page = eye.sign_in(desk, language="uz-Latn")
    eye.look(page, "uz-today")
    page.goto(f"{desk.url}office/people/add")
    add(page, "chief", "Fictional chief", CHIEF, PASSPHRASE)
    chief = enter(eye, desk, "chief", CHIEF)
    chief.goto(f"{desk.url}office/people/add")
    chief.check("input[name=role][value=CASE_WORKER]")
    eye.look(chief, "uz-people-add")
    add(chief, "worker", NAME, "set by the chief", CHIEF)
    eye.look(chief, "uz-people")
    english = enter(eye, desk, "chief", CHIEF, language="en")
    english.goto(f"{desk.url}office/people")
    eye.look(english, "people")
    worker = enter(eye, desk, "worker", "set by the chief")
    assert worker.url.endswith("/office/passphrase")
    eye.look(worker, "uz-own-passphrase")
    worker.fill("#passphrase_old", "set by the chief")
    worker.fill("#passphrase_new", WORKER)
    worker.fill("#passphrase_again", WORKER)
    follow(worker, "main form button")
    set_up_codes(eye, desk, worker)
    hand_over(eye, desk, chief, worker, kept)
    wrong_sessions(eye, desk, chief, worker)


def add(page: Page, name: str, shown: str, word: str, mine: str) -> None:
    """Fill in who is new."""
    page.fill("#name", name)
    page.fill("#shown", shown)
    page.fill("#passphrase_new", word)
    page.fill("#passphrase_again", word)
    page.fill("#passphrase", mine)
    follow(page, "main form button")


def enter(eye: Eye, desk: Desk, name: str, word: str, code: str = "", *, language: str = "uz-Latn") -> Page:
    """Sign in by name in a browser that was never here."""
    page = eye.open(desk, language=language)
    page.fill("#name", name)
    page.fill("#passphrase", word)
    page.fill("#passphrase_code", code)
    follow(page, "main form button")
    return page


def set_up_codes(eye: Eye, desk: Desk, page: Page) -> None:
    """Show the secret, the spare codes, the first code; then a sign-in without one is refused."""
    page.goto(f"{desk.url}office/codes")
    eye.look(page, "uz-codes-none")
    page.fill("#passphrase", WORKER)
    follow(page, "main form button")
    eye.look(page, "uz-codes")
    secret = page.inner_text(".groups").replace(" ", "")
    spare = page.locator("main ul .code").first.inner_text()
    page.fill("#passphrase_code", TOTP(base64.b32decode(secret), 6, SHA1(), 30).generate(int(time.time())).decode())
    follow(page, "form[action$=confirm] button")
    assert page.url.endswith("/office")
    refused = enter(eye, desk, "worker", WORKER)
    assert refused.url.endswith("/sign-in")
    eye.look(refused, "uz-sign-in-code")
    assert enter(eye, desk, "worker", WORKER, spare).url.endswith("/today")


def hand_over(eye: Eye, desk: Desk, chief: Page, worker: Page, case: int) -> None:
    """Give the case to a colleague with a note; the colleague finds it under hers; a page of before changes nothing."""
    stale = f"{desk.url}case/{case}/hand-over"
    worker.goto(stale)
    chief.goto(f"{desk.url}case/{case}")
    follow(chief, "a[href$=hand-over]")
    chief.check(f"text={NAME}")
    chief.fill("#note", "Uydirma: dushanba kuni qoʻngʻiroq qiling")
    follow(chief, "main form button")
    eye.look(chief, "uz-hand-over")
    worker.check("text=Fictional chief")
    follow(worker, "main form button")
    assert worker.locator(".errors").is_visible()
    eye.look(worker, "uz-hand-over-stale")
    assert "dushanba" in worker.inner_text("main")
    worker.goto(f"{desk.url}referral?person=me")
    eye.look(worker, "uz-referrals-mine")


def wrong_sessions(eye: Eye, desk: Desk, chief: Page, worker: Page) -> None:
    """Try ids of others, a form from another session, a desk that was locked, a person who was locked out."""
    worker.goto(f"{desk.url}office/people/1/lock-out")
    worker.fill("#passphrase", WORKER)
    follow(worker, "main form button")
    eye.look(worker, "uz-not-permitted")
    assert enter(eye, desk, "chief", CHIEF).url.endswith("/today")
    worker.goto(f"{desk.url}case/999/hand-over")
    eye.look(worker, "uz-no-such-case")
    chief.goto(f"{desk.url}office/people/2/lock-out")
    chief.evaluate("document.querySelector('main form input[name=csrf]').value = 'forged'")
    chief.fill("#passphrase", CHIEF)
    follow(chief, "main form button")
    eye.look(chief, "uz-forged")
    chief.goto(f"{desk.url}lock")
    eye.look(chief, "uz-locked")
    chief.fill("#passphrase", CHIEF)
    follow(chief, "main form button >> nth=0")
    chief.goto(f"{desk.url}office/people/2/lock-out")
    chief.fill("#passphrase", CHIEF)
    follow(chief, "main form button")
    worker.goto(f"{desk.url}today")
    assert worker.locator("#passphrase").is_visible()
    eye.look(worker, "uz-locked-out")
