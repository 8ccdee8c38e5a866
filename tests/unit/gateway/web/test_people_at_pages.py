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
