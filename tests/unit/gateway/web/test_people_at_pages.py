"""People at the pages of a home that has them: name, one-time code, what is told at sign-in, the passphrase again."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from starlette.responses import Response

from refbus_gateway.actions import codes, people
from refbus_gateway.actions.actor import Actor, Permission, Role
from refbus_gateway.actions.people import Newcomer
from refbus_gateway.web import app
from refbus_gateway.web.screens import Ask, Screens
from support.desks import desk_of
from support.gateways import Pair
from support.pages import Page, Pages, Person

WORD = "of the chief"


@pytest.fixture
def pages(own: Pair) -> Pages:
    """Give the pages of a home with one administrator."""
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
    begun = codes.begin(desk, people.confirm(desk, found.actor, WORD))
    first = TOTP(base64.b32decode(begun.secret), 6, SHA1(), 30).generate(pages.office.now_ms() // 1000).decode()
    codes.confirm(desk, found.actor, first)
    spare = begun.spare[0]
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
    """An open session has the role of today, by page or by command; another passphrase locks it."""
    chief, worker = pages.browser(), pages.browser()
    enter(chief, "chief", WORD)
    fields = {"name": "second", "shown": "Fictional second", "language": "en", "role": "SUPERVISOR"}
    new = {"passphrase_new": "of the second", "passphrase_again": "of the second", "passphrase": WORD}
    assert chief.send("/office/people/add", **fields, **new).path == "/office/people"
    enter(worker, "second", "of the second")
    assert worker.get("/office/log").status == 200
    page = chief.send("/office/people/2/role", at="/office/people/2", role="CASE_WORKER", passphrase=WORD)
    assert page.path == "/office/people", page.text
    assert worker.get("/office/log").status == 403
    desk = pages.office.desk
    found = people.admit(desk, people.sign_in(desk.home.path, "chief", WORD, desk.gateway.clock))
    people.set_role(desk, people.confirm(desk, found.actor, WORD), "second", Role.SUPERVISOR)
    assert worker.get("/office/log").status == 200
    assert chief.send("/office/people/2/passphrase", **new).path == "/office/people"
    assert worker.get("/office").path == "/locked"
    elsewhere = pages.browser()
    enter(elsewhere, "chief", WORD)
    changed = {"passphrase_old": WORD, "passphrase_new": "of the chief 2", "passphrase_again": "of the chief 2"}
    assert chief.send("/office/passphrase", **changed).path == "/office"
    assert elsewhere.get("/office").path == "/locked"


def test_a_passphrase_that_somebody_else_set_is_changed_first(pages: Pages) -> None:
    """The first sign-in leads there; as a second person it does not count before; the same one again is none."""
    chief, worker = pages.browser(), pages.browser()
    enter(chief, "chief", WORD)
    fields = {"name": "second", "shown": "Fictional second", "language": "en", "role": "CASE_WORKER"}
    new = {"passphrase_new": "of the second", "passphrase_again": "of the second", "passphrase": WORD}
    assert "Has not chosen a passphrase yet" in chief.send("/office/people/add", **fields, **new).text
    to_two = {"at": "/office/people/2", "role": "ADMINISTRATOR", "passphrase": WORD, "second": "second"}
    page = chief.send("/office/people/2/role", **to_two, passphrase_second="of the second")
    assert "a passphrase that somebody else set" in page.text
    page = enter(worker, "second", "of the second")
    assert page.path == "/office/passphrase"
    assert "Somebody else set this passphrase for you" in page.text
    old = {"passphrase_old": "of the second"}
    same = {"passphrase_new": "of the second", "passphrase_again": "of the second"}
    assert "Choose another passphrase" in worker.send("/office/passphrase", **old, **same).text
    mine = {"passphrase_new": "mine alone", "passphrase_again": "mine alone"}
    assert worker.send("/office/passphrase", **old, **mine).path == "/office"
    page = chief.send("/office/people/2/role", **to_two, passphrase_second="mine alone")
    assert page.path == "/office/people", page.text
    assert enter(pages.browser(), "second", "mine alone").path == "/today"


def test_a_session_for_all_ends_when_the_home_has_people(own: Pair) -> None:
    """Whoever signed in with the one passphrase of before signs in by name, also when people began elsewhere."""
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
