"""One's own one-time codes on a page, and who looks after a case."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from refbus_gateway.actions import people
from refbus_gateway.actions.actor import Actor, Role
from refbus_gateway.actions.desk import Desk
from refbus_gateway.actions.people import Newcomer
from support.desks import desk_of
from support.gateways import Pair, case_file, sent
from support.pages import Page, Pages, Person

WORDS = {"chief": "of the chief", "worker": "mine alone", "point": "of the point"}
LONG = "Fictional <b>Aigul</b> Nurlanovna of the very long names"


@dataclass
class Office:
    """The pages of a home with a chief, a case-worker, and a focal point whose passphrase the chief set."""

    pages: Pages
    own: Pair

    def enter(self, name: str, code: str = "") -> Person:
        """Sign in by name."""
        browser = self.pages.browser()
        page = browser.send("/sign-in", name=name, passphrase=WORDS[name], passphrase_code=code)
        assert page.path in {"/today", "/office/passphrase"}, page.text
        return browser

    def code(self, secret: str) -> str:
        """Return what a telephone with this secret shows now."""
        totp = TOTP(base64.b32decode(secret), 6, SHA1(), 30)
        return totp.generate(self.own.world.clock() // 1000).decode()


@pytest.fixture
def office(own: Pair) -> Office:
    """Give the office."""
    desk, actor = desk_of(own.world, own.kz)
    people.begin(desk, actor, Newcomer("chief", "Fictional chief", Role.ADMINISTRATOR, "ru", WORDS["chief"]))
    chief = entered(desk, "chief", WORDS["chief"])
    people.add(desk, chief, Newcomer("worker", LONG, Role.CASE_WORKER, "ru", "set by the chief"))
    people.set_passphrase(desk, entered(desk, "worker", "set by the chief"), "set by the chief", WORDS["worker"])
    people.add(desk, chief, Newcomer("point", "Fictional point", Role.FOCAL_POINT, "ru", WORDS["point"]))
    return Office(Pages(own.world, own.kz), own)


def entered(desk: Desk, name: str, word: str) -> Actor:
    """Sign in by an action, and type the passphrase again."""
    opened = people.sign_in(desk.home.path, name, word, desk.gateway.clock)
    return people.confirm(desk, people.admit(desk, opened).actor, word)


def begin(browser: Person, name: str = "worker") -> tuple[Page, str]:
    """Begin codes; return the page and the secret on it."""
    page = browser.send("/office/codes", passphrase=WORDS[name])
    address = page.html.partition('href="otpauth://')[2].partition('"')[0]
    return page, address.partition("secret=")[2].partition("&")[0]


def test_codes_count_once_a_first_one_was_typed(office: Office) -> None:
    """The secret in groups and as an address, spare codes; a wrong code changes nothing; the right one does."""
    worker = office.enter("worker")
    assert "not right" in worker.send("/office/codes", passphrase="wrong").text
    page, secret = begin(worker)
    groups = [secret[at : at + 4] for at in range(0, len(secret), 4)]
    assert " ".join(groups) in page.text
    assert len(secret) == 32
    wrong = worker.send("/office/codes/confirm", at="/office/codes", passphrase_code="000000")
    assert 'href="#passphrase_code"' in wrong.html
    assert "000000" not in wrong.html
    office.enter("worker")  # still without a code
    code = office.code(secret)
    assert worker.send("/office/codes/confirm", at="/office/codes", passphrase_code=code).path == "/office"
    assert secret not in worker.get("/office/codes").html
    assert "8 spare codes are left" in worker.get("/office/codes").text
    refused = office.pages.browser().send("/sign-in", name="worker", passphrase=WORDS["worker"])
    assert refused.path == "/sign-in"
    office.own.world.clock.move(hours=1)
    office.enter("worker", office.code(secret))
    assert worker.send("/office/codes/end", at="/office/codes", passphrase="wrong").path == "/office/codes"
    assert worker.send("/office/codes/end", at="/office/codes", passphrase=WORDS["worker"]).path == "/office"
    office.enter("worker")


def test_a_lost_telephone_needs_two(office: Office) -> None:
    """Not the chief alone, not with a passphrase that the chief set, not a case-worker; with the person it goes."""
    worker, chief = office.enter("worker"), office.enter("chief")
    _, secret = begin(worker)
    worker.send("/office/codes/confirm", at="/office/codes", passphrase_code=office.code(secret))
    assert "/office/people/3/codes" in chief.get("/office/people/3").html
    mine = {"passphrase": WORDS["chief"]}
    assert "must agree" in chief.send("/office/people/3/codes", **mine).text
    by_point = {"second": "point", "passphrase_second": WORDS["point"]}
    assert "somebody else set" in chief.send("/office/people/3/codes", **mine, **by_point).text
    forged = worker.get("/office/passphrase").forms["/office/passphrase"]
    assert worker.post("/office/people/3/codes", {**forged, "passphrase": WORDS["worker"]}).status == 403
    by_worker = {"second": "worker", "passphrase_second": WORDS["worker"]}
    assert "without a code" in chief.send("/office/people/3/codes", **mine, **by_worker).text
    office.enter("worker")


def test_a_case_is_handed_over_with_a_note(office: Office) -> None:
    """The colleague sees who and why; the list and Today are narrowed; the log has it; a stale page is refused."""
    case, number = sent(office.own.kz, case_file(file_number="Green lamp"))
    worker, chief = office.enter("worker"), office.enter("chief")
    path = f"/case/{case}/hand-over"
    page = chief.get(path)
    assert "everybody here sees it" in page.text
    stale = page.forms[path]
    assert "Choose who" in chief.send(path, note="<i>She waits for a call</i>").text
    ids = dict(zip(("chief", "point", "worker"), office_ids(office), strict=True))
    assert "Choose who" in chief.send(path, person="0" * 16).text
    assert "Shorten it" in chief.send(path, person=ids["worker"], note="x" * 1001).text
    page = chief.send(path, person=ids["worker"], note="<i>She waits for a call</i>")
    assert "looks after it now" in page.text
    page = worker.get(path)
    assert "She waits for a call" in page.text
    assert "<i>She" not in page.html
    assert "<b>Aigul" not in page.html
    assert "(you)" in page.text
    page = chief.post(path, {**stale, "person": ids["point"]})
    assert "A colleague handed it over meanwhile" in page.text
    assert f'href="/referral/{number}"' in worker.get("/referral?person=me").html
    assert f'href="/referral/{number}"' not in chief.get("/referral?person=me").html
    assert f'href="/referral/{number}"' in chief.get(f"/referral?person={ids['worker']}").html
    assert f'href="/referral/{number}"' in chief.get("/referral?person=nobody-known").html
    assert worker.get("/today?whose=mine").status == 200
    assert "Green lamp" not in path
    assert "gave a case to somebody" in chief.get("/office/log").text
    assert "Nobody looks after it" in worker.send(path, person="-").text
    assert chief.get("/case/99/hand-over").status == 404
    forged = {**chief.get(path).forms[path], "csrf": "forged", "person": ids["worker"]}
    assert chief.post(path, forged).status == 403


def test_answers_are_narrowed_to_mine_and_nothing_urgent_is(office: Office) -> None:
    """What came to somebody's own case; what has to be stopped or answered stays for everybody."""
    case, number = sent(office.own.kz, case_file(file_number="Green lamp"))
    office.own.exchange()
    worker, chief = office.enter("worker"), office.enter("chief")
    worker_id = office_ids(office)[2]
    chief.send(f"/case/{case}/hand-over", person=worker_id)
    link = f'href="/referral/{number}"'
    everybodys = chief.get("/today").html
    assert (link in worker.get("/today?whose=mine").html) == (link in everybodys)
    assert link not in chief.get("/today?whose=mine").html or "No answer in time" in everybodys


def test_without_people_nobody_is_asked_who(pair: Pair) -> None:
    """The pages lead to people; the list has no such filter."""
    case, _ = sent(pair.kz, case_file())
    person = Pages(pair.world, pair.kz).person()
    for path in (f"/case/{case}/hand-over", "/office/codes"):
        page = person.get(path)
        assert "one passphrase" in page.text
        assert path not in page.forms
    assert 'name="person"' not in person.get("/referral").html


def office_ids(office: Office) -> list[str]:
    """Return the ids of chief, point and worker."""
    desk, _ = desk_of(office.own.world, office.own.kz)
    found = people.listed(desk, entered(desk, "chief", WORDS["chief"]))
    return [each.person for each in found]


def test_a_telephone_can_read_the_key(office: Office) -> None:
    """The picture is in the page itself, has words for whoever does not see it, and the letters stand beside it."""
    page, secret = begin(office.enter("worker"))
    picture = page.html.partition('class="drawn"')[2].partition("</div>")[0]
    assert 'role="img" aria-label="Picture for the telephone' in picture
    assert "<svg" in picture
    assert "style=" not in picture
    assert "http" not in picture
    assert secret[:4] in page.text
