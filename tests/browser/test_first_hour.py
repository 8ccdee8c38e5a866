"""The first hour in a browser: an empty folder, set up by pages alone, and a practice referral that is answered."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from browser.conftest import Desk, Desks, Eye, follow, look_until
from demo.world import World
from refbus.core.ids import CountryCode
from refbus.crypto.framing import sha256
from refbus.trust.member.enrolment import check_answer, make_challenge

WORDS = "uydirma so'zlar va yana so'zlar"
UZ = CountryCode("uz")


def saved(page: Page, address: str) -> bytes:
    """Return the file that a link of this page gives to whoever signed in here."""
    assert page.locator(f"a[href='{address}']").count() == 1
    return page.request.get("/".join([page.url.split("/setup")[0], address.strip("/")])).body()


def given(page: Page, name: str, content: bytes) -> None:
    """Choose a file in a field."""
    page.set_input_files(f"input[name={name}]", {"name": f"{name}.json", "mimeType": "text/plain", "buffer": content})


def found(eye: Eye, desk: Desk) -> Page:
    """Say what the organisation is and who one is, and sign in."""
    page = eye.open(desk, language="uz-Latn")
    page.wait_for_url("**/setup")
    eye.look(page, "hour-1-organisation")
    page.check("input[name=country][value=uz]")
    page.check("input[name=role][value=NGO]")
    page.fill("#label", "Fictional: a new shelter")
    page.check("input[name=services][value=SocialCare]")
    page.check("input[name=languages][value=uz]")
    follow(page, "main form button")
    eye.look(page, "hour-2-you")
    page.fill("#name", "chief")
    page.fill("#passphrase_new", WORDS)
    page.fill("#passphrase_again", WORDS)
    follow(page, "main form button")
    page.fill("#name", "chief")
    page.fill("#passphrase", WORDS)
    follow(page, "main form button")
    page.wait_for_url("**/setup/road")
    eye.look(page, "hour-3-steps")
    return page


def enrol(eye: Eye, page: Page, world: World) -> None:
    """Hand the request over, read the number out, answer the question; the ceremony takes the office in."""
    follow(page, "a[href='/setup/telephone']")
    eye.look(page, "hour-4-number")
    request = saved(page, "/setup/request")
    challenge, pending = make_challenge(request)
    follow(page, "a[href='/setup/challenge']")
    given(page, "challenge", challenge)
    follow(page, "main form button")
    eye.look(page, "hour-5-answer")
    answer = saved(page, "/setup/answer")
    world.enrol(check_answer(pending, answer, request))


def connect(eye: Eye, page: Page, desk: Desk, world: World) -> None:
    """Take the root that was told by telephone, and the address of the node; the directory comes by the line."""
    page.goto(f"{desk.url}setup/root")
    root = world.paths.root.read_bytes()
    given(page, "root", root)
    page.fill("#told", sha256(root).hex()[:32])
    eye.look(page, "hour-6-root")
    follow(page, "main form button")
    page.goto(f"{desk.url}setup/line")
    page.fill("#bootstrap", world.brokers[UZ].bootstrap)
    eye.look(page, "hour-7-line")
    follow(page, "main form button")
    page.wait_for_url("**/setup/road")
    look_until(page, page.url, lambda: page.locator("a[href='/practice']").count() > 0)
    eye.look(page, "hour-8-ready")


def practise(eye: Eye, page: Page, desk: Desk) -> None:
    """One button; the steps arrive; the answer is read."""
    follow(page, "main a[href='/practice']")
    eye.look(page, "hour-9-practise")
    follow(page, "main form button")
    eye.look(page, "hour-10-on-its-way")
    look_until(page, page.url, lambda: page.locator("main a[href^='/referral/']").count() > 0)
    eye.look(page, "hour-11-answered")
    follow(page, "main a[href^='/referral/']")
    assert "a place that does not exist" in page.inner_text("main")
    eye.look(page, "hour-12-answer")
    page.goto(f"{desk.url}today")
    eye.look(page, "hour-13-today")
    page.goto(f"{desk.url}office/stolen")
    eye.look(page, "hour-14-lost")


def open_elsewhere(eye: Eye, page: Page, desks: Desks, place: Path) -> Page:
    """Make sheets and a backup, and open the office by two of the sheets on another computer."""
    desk = desks["newcomer"]
    page.goto(f"{desk.url}office/recovery")
    eye.look(page, "recovery-1-make")
    page.fill("#passphrase", WORDS)
    follow(page, "main form button")
    eye.look(page, "recovery-2-sheets")
    sheets = [page.locator(".words").nth(at).locator("li").all_inner_texts() for at in range(3)]
    place.mkdir()
    page.goto(f"{desk.url}office/backup")
    page.fill("#place", str(place))
    page.fill("#passphrase", WORDS)
    follow(page, "main form button")
    (backup,) = place.iterdir()
    there = eye.open(desks.empty("elsewhere"), language="ru")
    follow(there, "a[href='/setup/recovery']")
    eye.look(there, "recovery-3-open")
    there.fill("#place", str(backup))
    there.fill("#sheet_1", " ".join(sheets[2]))
    there.fill("#name", "chief")
    there.fill("#passphrase_new", WORDS)
    there.fill("#passphrase_again", WORDS)
    follow(there, "main form button")
    eye.look(there, "recovery-4-too-few")
    there.fill("#sheet_2", " ".join(word[:4] for word in sheets[0]))
    there.fill("#passphrase_new", WORDS)
    there.fill("#passphrase_again", WORDS)
    follow(there, "main form button")
    there.fill("#name", "chief")
    there.fill("#passphrase", WORDS)
    follow(there, "main form button")
    return there


def test_an_empty_folder_becomes_an_office_that_was_answered(desks: Desks, eye: Eye, tmp_path: Path) -> None:
    """In Uzbek, by pages alone: set-up, practice, answer; then sheets and a backup open the office elsewhere."""
    desk = desks.empty("newcomer")
    page = found(eye, desk)
    enrol(eye, page, desks.world)
    connect(eye, page, desk, desks.world)
    practise(eye, page, desk)
    there = open_elsewhere(eye, page, desks, tmp_path / "stick")
    there.wait_for_url("**/today")
    eye.look(there, "recovery-5-today")
    there.goto(f"{desks['elsewhere'].url}referral")
    assert there.locator("main a[href^='/referral/']").count()
    there.goto(f"{desks['elsewhere'].url}office/alarms")
    eye.look(there, "recovery-6-alarms")
    there.goto(f"{desks['elsewhere'].url}office/restored")
    eye.look(there, "recovery-7-after")
