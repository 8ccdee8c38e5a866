"""Recovery sheets at the pages: made and shown once, and typed in on a new computer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from refbus.crypto import keyfile
from refbus_gateway.actions import home, people
from refbus_gateway.actions.actor import Actor, Role
from refbus_gateway.actions.people import Newcomer
from refbus_gateway.home import slots
from support.desks import desk_of
from support.gateways import Pair, new_case
from support.pages import Page, Pages, Person
from unit.gateway.web.test_setup import browser_of, office_of

WORD = "fictional words of the chief"


@pytest.fixture(autouse=True)
def _cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key files cost little to open."""
    monkeypatch.setattr(keyfile, "MEMORY_KIB", 64)


@pytest.fixture
def chief(own: Pair) -> Person:
    """Give the browser of the administrator of an office with people."""
    desk, actor = desk_of(own.world, own.kz)
    people.begin(desk, actor, Newcomer("chief", "Fictional chief", Role.ADMINISTRATOR, "en", WORD))
    browser = Pages(own.world, own.kz).browser()
    assert browser.send("/sign-in", name="chief", passphrase=WORD).path == "/today"
    return browser


def sheets_on(page: Page) -> list[str]:
    """Return the words of each sheet of a page."""
    found = re.findall(r'<ol class="words"[^>]*>(.*?)</ol>', page.html)
    return [" ".join(re.findall("<li>([a-z]+)</li>", each)) for each in found]


def make(browser: Person, **fields: Any) -> Page:
    """Ask for sheets."""
    return browser.send("/office/recovery", **{"division": "2-3", "passphrase": WORD, **fields})


def test_sheets_are_shown_once_and_open_the_office_elsewhere(own: Pair, chief: Person, tmp_path: Path) -> None:
    """Made, printed from the page, a backup, and an empty folder on a new computer: the office is open again."""
    new_case(own.kz)
    assert "There are none" in chief.get("/office").text
    form = chief.get("/office/recovery").forms["/office/recovery"]
    page = chief.post("/office/recovery", {**form, "division": "2-3", "passphrase": WORD})
    sheets = sheets_on(page)
    assert [len(each.split()) for each in sheets] == [33, 33, 33]
    assert "no-store" in page.response.headers["Cache-Control"]
    again = chief.post("/office/recovery", {**form, "division": "2-3", "passphrase": WORD})
    assert (again.path, sheets_on(again)) == ("/office/recovery", [])
    assert "There are sheets" in again.text

    desk, _ = desk_of(own.world, own.kz)
    home.back_up(desk, Actor(own.kz.me), tmp_path / "stick")
    office = office_of(own.world, tmp_path / "elsewhere")
    browser = browser_of(office)
    browser.send("/language", language="en")
    assert "/setup/recovery" in browser.get("/setup").html
    said = {"name": "new", "passphrase_new": "words of the new one", "passphrase_again": "words of the new one"}
    page = browser.send("/setup/recovery", place="stick", name="", passphrase_new="short")
    assert [each for each in ("place", "name", "passphrase_new") if f'href="#{each}"' not in page.html] == []
    wrong = " ".join(["zzzz", *sheets[1].split()[1:]])
    page = browser.send("/setup/recovery", place=str(tmp_path / "stick"), sheet_1=sheets[0], sheet_2=wrong, **said)
    assert 'href="#sheet_1"' in page.html
    assert "On sheet 2" in page.text
    assert not (tmp_path / "elsewhere" / "org.json").exists()
    page = browser.send("/setup/recovery", place=str(tmp_path / "stick"), sheet_1=sheets[0], sheet_2="", **said)
    assert "too few" in page.text
    page = browser.send("/setup/recovery", place=str(tmp_path / "stick"), sheet_1=sheets[2], sheet_2=sheets[0], **said)
    assert page.path == "/sign-in", page.text
    assert "open again" in page.text
    assert browser.send("/sign-in", name="new", passphrase="words of the new one").path == "/today"
    assert "only-one" not in browser.get("/office/people").text
    assert "Fictional chief" in browser.get("/office/people").text
    assert browser.get("/setup/recovery").path != "/setup/recovery"
    office.close()


def test_wrong_requests_make_no_sheets(own: Pair, chief: Person) -> None:
    """No division, a wrong passphrase, a second person who is needed, a case-worker, nobody."""
    assert 'href="#division"' in make(chief, division="1-1").html
    assert 'href="#passphrase"' in make(chief, passphrase="wrong").html
    desk, _ = desk_of(own.world, own.kz)
    assert not slots.has_recovery(desk.home)
    said = {"name": "worker", "passphrase_new": "words of the worker", "passphrase_again": "words of the worker"}
    chief.send("/office/people/add", role="CASE_WORKER", passphrase=WORD, **said)
    assert 'href="#second"' in make(chief).html
    second = {"second": "worker", "passphrase_second": "words of the worker"}
    assert "a passphrase that somebody else set" in make(chief, **second).text
    worker = Pages(own.world, own.kz).browser()
    worker.send("/sign-in", name="worker", passphrase="words of the worker")
    mine = {"passphrase_new": "mine alone", "passphrase_again": "mine alone"}
    worker.send("/office/passphrase", passphrase_old="words of the worker", **mine)
    assert len(sheets_on(make(chief, second="worker", passphrase_second="mine alone"))) == 3
    worker = Pages(own.world, own.kz).browser()
    worker.send("/sign-in", name="worker", passphrase="mine alone")
    page = worker.get("/office/recovery")
    assert "/office/recovery" not in page.forms
    assert worker.get("/setup/recovery").path == "/today"


def test_an_office_without_people_is_led_to_them(own: Pair) -> None:
    """There is no form, and a link to the first person."""
    page = Pages(own.world, own.kz).person().get("/office/recovery")
    assert "/office/recovery" not in page.forms
    assert 'href="/office/people"' in page.html
