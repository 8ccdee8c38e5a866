"""People at the pages of a home that has them: name, one-time code, what is told at sign-in, the passphrase again."""

from __future__ import annotations

import pytest
from starlette.responses import Response

from refbus_gateway.actions import people
from refbus_gateway.actions.actor import Actor, Permission, Role
from refbus_gateway.actions.people import Newcomer
from refbus_gateway.home import slots
from refbus_gateway.web import app
from refbus_gateway.web.screens import Ask, Screens
from support.desks import desk_of
from support.gateways import Pair
from support.pages import Page, Pages, Person

WORD = "of the chief"


@pytest.fixture
def pages(own: Pair, monkeypatch: pytest.MonkeyPatch) -> Pages:
    """Give the pages of a home with one administrator; opening a slot costs little."""
    monkeypatch.setattr(slots, "MEMORY_KIB", 64)
    desk, actor = desk_of(own.world, own.kz)
    people.begin(desk, actor, Newcomer("chief", "Fictional chief", Role.ADMINISTRATOR, "ru", WORD))
    return Pages(own.world, own.kz)


def test_a_person_signs_in_by_name_and_hears_of_attempts_that_failed(pages: Pages) -> None:
    """Without a name nobody comes in; after wrong passphrases the right one says how many there were."""
    browser = pages.browser()
    assert enter(browser, "", WORD).path == "/sign-in"
    assert enter(browser, "chief", "wrong").path == "/sign-in"
    page = enter(browser, "chief", WORD)
    assert page.path == "/today"
    assert "1 attempt to sign in under your name failed" in page.text


def test_whoever_uses_codes_gives_one(pages: Pages) -> None:
    """The right passphrase alone is not enough; a wrong code is not shown again; a spare code lets the person in."""
    assert enter(pages.browser(), "chief", WORD).path == "/today"
    desk = pages.office.desk
    found = people.admit(desk, people.sign_in(desk.home.path, "chief", WORD, desk.gateway.clock))
    spare = people.begin_codes(desk, people.confirm(desk, found.actor, WORD)).spare[0]
    browser = pages.browser()
    for code in ("", "000000"):
        page = enter(browser, "chief", WORD, code)
        assert page.path == "/sign-in"
        assert 'id="passphrase_code"' in page.html
        assert "000000" not in page.html
        assert 'href="#passphrase_code"' in page.html
    assert enter(browser, "chief", WORD, spare).path == "/today"


@pytest.mark.usefixtures("pages")
def test_a_request_that_cannot_be_taken_back_is_made_by_who_typed_the_passphrase(
    own: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The action gets an actor that is confirmed for this one request; the session keeps one that is not."""
    made, asked = Screens(), list[Actor]()

    @made.show("/grave")
    def show(ask: Ask) -> Response:
        asked.append(ask.actor)
        return ask.page("sign_in.html")

    @made.act("/grave", confirm=True)
    def act(ask: Ask) -> Response:
        ask.actor.require(Permission.REFER, again=True)
        asked.append(ask.actor)
        return ask.go("/today")

    monkeypatch.setattr(app, "ALL", (*app.ALL, made))
    browser = Pages(own.world, own.kz).browser()
    assert enter(browser, "chief", WORD).path == "/today"
    assert browser.send("/grave", passphrase="wrong").path == "/grave"
    assert browser.send("/grave", passphrase=WORD).path == "/today"
    assert [actor.confirmed for actor in asked] == [False, False, False, True]


def enter(browser: Person, name: str, word: str, code: str = "") -> Page:
    """Fill in the page of signing in."""
    return browser.send("/sign-in", name=name, passphrase=word, passphrase_code=code)


def test_another_role_or_passphrase_counts_at_once(pages: Pages) -> None:
    """Sessions of a person whose role or passphrase changed are locked; one that is open with the old one is over."""
    chief, worker = pages.browser(), pages.browser()
    enter(chief, "chief", WORD)
    fields = {"name": "second", "shown": "Fictional second", "language": "en", "role": "ADMINISTRATOR"}
    new = {"passphrase_new": "of the second", "passphrase_again": "of the second", "passphrase": WORD}
    assert chief.send("/office/people/add", **fields, **new).path == "/office/people"
    for path, change in (("role", {"role": "CASE_WORKER"}), ("passphrase", new)):
        enter(worker, "second", "of the second")
        assert worker.get("/office").path == "/office"
        at = "/office/people/2" if path == "role" else ""
        page = chief.send(f"/office/people/2/{path}", at=at, **{**change, "passphrase": WORD})
        assert page.path == "/office/people", page.text
        assert worker.get("/office").path == "/locked"
    elsewhere = pages.browser()
    enter(elsewhere, "chief", WORD)
    changed = {"passphrase_old": WORD, "passphrase_new": "of the chief 2", "passphrase_again": "of the chief 2"}
    assert chief.send("/office/passphrase", **changed).path == "/office"
    assert elsewhere.get("/office").path == "/locked"


def test_a_session_for_all_ends_when_the_home_has_people(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever signed in with the one passphrase of before signs in by name, also when people began elsewhere."""
    monkeypatch.setattr(slots, "MEMORY_KIB", 64)
    here = Pages(own.world, own.kz)
    person = here.person()
    assert person.get("/office").path == "/office"
    desk, actor = desk_of(own.world, own.kz)
    people.begin(desk, actor, Newcomer("chief", "Fictional chief", Role.ADMINISTRATOR, "ru", WORD))
    assert person.get("/office").path in {"/language", "/sign-in"}


def test_a_number_that_nothing_has_is_no_page(pages: Pages) -> None:
    """However large it is: it is no fault of the program."""
    browser = pages.browser()
    enter(browser, "chief", WORD)
    assert browser.get("/referral/99999999999999999999").status == 404
    assert browser.get("/referral/" + "9" * 5000).status == 414


def test_an_address_in_other_letters_is_no_header(pages: Pages) -> None:
    """A page that does not exist is told, whatever its address is written in."""
    browser = pages.browser()
    enter(browser, "chief", WORD)
    for path in ("/%D0%B4%D0%B0", "/%0d%0aSet-Cookie:%20x=1"):
        page = browser.get(path)
        assert page.status == 404
        assert "\n" not in page.response.headers.get("refresh", "")
