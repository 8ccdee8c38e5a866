"""Every address of the desk, met with forged and old forms and with numbers of nothing, of others and of no number."""

from __future__ import annotations

import base64
import threading
from typing import Final

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import func, select
from starlette.routing import Route

from refbus.core.vocabulary import EventType
from refbus_gateway.actions import cases, codes, people
from refbus_gateway.actions.actor import Actor, Role
from refbus_gateway.actions.desk import Desk
from refbus_gateway.actions.people import Newcomer
from refbus_gateway.store import referrals
from refbus_gateway.store.schema import metadata
from refbus_gateway.web import app
from refbus_gateway.web.pages.referral_forms import STEPS
from refbus_gateway.web.screens import Screen
from support.ceremonies import PASSPHRASE
from support.desks import desk_of
from support.gateways import Pair, case_file, id_of, incoming, sent
from support.pages import Pages, Person

WORD: Final = "of the chief"
NO_NUMBERS: Final = ("-1", "x", "1.5", "1e3", "+1", "0x1", "%D9%A1", "1%00", "1%20", str(2**31), str(2**63), str(2**64))
NOBODYS: Final = ("0", "999999", str(2**31 - 1))
SCREENS: Final = tuple(screen for module in app.ALL for screen in module.found)
NUMBERED: Final = tuple(screen for screen in SCREENS if "{number:int}" in screen.path)


@pytest.fixture(scope="module")
def desk(pair: Pair) -> Pages:
    """Give the pages of the agency, which referred a case and received nothing."""
    sent(pair.kz, case_file(file_number="Fictional lamp"))
    pair.exchange()
    return Pages(pair.world, pair.kz)


def paths(screen: Screen, number: str) -> list[str]:
    """Return the addresses of a screen with a number in them."""
    path = screen.path.replace("{number:int}", number)
    return [path.replace("{step}", each.slug) for each in STEPS] if "{step}" in path else [path]


def written(pages: Pages) -> dict[str, int]:
    """Return how many rows each table of the home has, but for the log and one's own drafts."""
    with pages.office.desk.gateway.store.read() as tx:
        return {
            name: tx.connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
            if name not in {"doings", "meta"}
        }


def forms_of(pages: Pages) -> list[str]:
    """Return the address of every form, with the number of something that is there."""
    found = [path for screen in SCREENS if screen.method == "POST" for path in paths(screen, "1")]
    routes = [each for each in pages.app.routes if isinstance(each, Route) and "POST" in (each.methods or ())]
    assert {each.path for each in routes} == {each.path for each in SCREENS if each.method == "POST"}
    return found


def token(person: Person) -> str:
    """Return what the forms of this session carry."""
    return person.get("/language").forms["/language"]["csrf"][0]


def test_every_form_is_refused_without_the_token_of_its_session(desk: Pages) -> None:
    """None, an empty one, another session's, one in other letters, and the right one from a foreign page."""
    person, other = desk.person(), desk.person()
    foreign, before = token(other), written(desk)
    for path in forms_of(desk):
        for csrf in ({}, {"csrf": ""}, {"csrf": foreign}, {"csrf": "\u0430"}, {"csrf": token(person)[:-1]}):
            assert person.post(path, {**csrf, "passphrase": PASSPHRASE}).status == 403, path
        right = {"csrf": token(person), "passphrase": PASSPHRASE}
        assert person.post(path, right, headers={"Sec-Fetch-Site": "same-site"}).status == 403, path
    assert written(desk) == before
    assert person.get("/today").path == "/today"


def test_every_form_of_a_session_that_ended_does_nothing(desk: Pages) -> None:
    """With its cookie and its token, which were right until somebody signed out."""
    person = desk.person()
    cookie, old = person.client.cookies[desk.office.cookie], token(person)
    assert person.post("/sign-out", {"csrf": old}).path in {"/sign-in", "/language"}
    before = written(desk)
    for path in forms_of(desk):
        replayed = desk.browser()
        replayed.client.cookies.set(desk.office.cookie, cookie)
        assert replayed.post(path, {"csrf": old, "passphrase": PASSPHRASE}).status == 403, path
    assert written(desk) == before


def test_every_form_of_somebody_who_never_signed_in_does_nothing(desk: Pages) -> None:
    """The token of a session of nobody is right, and opens no form but those before signing in."""
    browser = desk.browser()
    browser.send("/language", language="en")
    before = written(desk)
    for screen in SCREENS:
        if screen.method == "POST" and not screen.free:
            for path in paths(screen, "1"):
                page = browser.post(path, {"csrf": token(browser), "passphrase": PASSPHRASE})
                assert page.path in {"/sign-in", "/language"}, path
    assert written(desk) == before


@pytest.mark.parametrize("number", NO_NUMBERS)
def test_what_is_no_number_is_no_address(desk: Pages, number: str) -> None:
    """Every screen with a number: a page that is not there, and nothing is done."""
    person = desk.person()
    csrf, before = token(person), written(desk)
    for screen in NUMBERED:
        for path in paths(screen, number)[:2]:
            asked = person.get(path) if screen.method == "GET" else person.post(path, {"csrf": csrf})
            assert asked.status == 404, (screen.method, path)
    assert written(desk) == before


@pytest.mark.parametrize("number", NOBODYS)
def test_a_number_of_nothing_is_told_and_does_nothing(desk: Pages, number: str) -> None:
    """Every screen with a number, shown and sent: never a fault of the program, never something of somebody."""
    person = desk.person()
    csrf, before = token(person), written(desk)
    for screen in NUMBERED:
        for path in paths(screen, number):
            fields = {"csrf": csrf, "passphrase": PASSPHRASE}
            page = person.get(path) if screen.method == "GET" else person.post(path, fields)
            begins = path.startswith("/refer/")  # a form of one's own that is begun under this number
            assert page.status in {404, 409} or page.path != path or begins, (screen.method, path, page.status)
            assert page.status < 500, (screen.method, path)
            assert "Fictional lamp" not in page.html, path
    assert written(desk) == before


def test_a_number_of_another_kind_is_told(pair: Pair) -> None:
    """A received case as an own one, a referral as a return or an emergency, a person as a case: no page of it."""
    _, here = sent(pair.kz, case_file(file_number="Fictional jug"))
    pair.exchange()
    there, theirs = Pages(pair.world, pair.uz).person(), incoming(pair.uz, id_of(pair.kz, here))
    with pair.uz.store.read() as tx:
        received = referrals.get(tx, theirs).case_id
    for path in (f"/case/{received}", f"/case/{received}/edit"):
        assert there.get(path).status in {404, 409}, path
    for path in (f"/return/{theirs}", f"/emergency/{theirs}", f"/office/people/{theirs}"):
        page = there.get(path)
        assert page.status in {404, 409} or page.path == f"/referral/{theirs}", path
    for screen in NUMBERED:
        for path in paths(screen, str(theirs)):
            if screen.method == "GET":
                assert there.get(path).status < 500, path


def test_a_role_that_may_less_sees_and_does_nothing_of_the_rest(own: Pair) -> None:
    """A focal point who knows the addresses: the log, an account, changing a case, people."""
    desk, actor = desk_of(own.world, own.kz)
    people.begin(desk, actor, Newcomer("chief", "Fictional chief", Role.ADMINISTRATOR, "en", WORD))
    chief = confirmed(desk, "chief", WORD)
    people.add(desk, chief, Newcomer("point", "Fictional point", Role.FOCAL_POINT, "en", "set by the chief"))
    people.set_passphrase(desk, confirmed(desk, "point", "set by the chief"), "set by the chief", "mine alone")
    case, referral = sent(own.kz, case_file(file_number="Fictional lamp"))
    pages = Pages(own.world, own.kz)
    person = pages.browser()
    assert person.send("/sign-in", name="point", passphrase="mine alone").path == "/today"
    for path in ("/office/log", f"/inspect/account?case={case}", "/refer"):
        page = person.get(path)
        assert (page.status, "Fictional lamp" in page.html) == (403, False), path
    csrf, home, team = token(person), written(pages), people.listed(desk, chief)
    for path in (f"/case/{case}/refer", "/office/people/add", "/office/people/1/lock-out", f"/onward/{referral}"):
        page = person.post(path, {"csrf": csrf, "passphrase": "mine alone", "name": "x", "shown": "x"})
        assert page.status == 403 or page.path == path, path
    assert (written(pages), people.listed(desk, chief)) == (home, team)
    before = cases.file_to_edit(desk, actor, case)
    edit = f"/case/{case}/edit"
    person.post(edit, {**person.get(edit).forms[edit], "file_number": "Changed"})
    assert cases.file_to_edit(desk, actor, case) == before


def test_a_chosen_cookie_is_never_a_session(desk: Pages) -> None:
    """Whoever puts a cookie into a browser knows no session of it: not before signing in, and not after."""
    browser = desk.browser()
    for chosen in ("chosen", "", "x" * 3000, "__proto__", "../../x"):
        browser.client.cookies.set(desk.office.cookie, chosen)
        assert browser.client.get("/language").cookies.get(desk.office.cookie) not in {None, chosen}
        browser.client.cookies.clear()
    browser.get("/language")
    before = browser.client.cookies[desk.office.cookie]
    csrf = token(browser)
    assert browser.sign_in().path == "/today"
    assert browser.client.cookies[desk.office.cookie] != before
    assert token(browser) != csrf
    stranger = desk.browser()
    stranger.client.cookies.set(desk.office.cookie, before)
    assert stranger.get("/today").path != "/today"


def test_a_one_time_code_opens_once(own: Pair) -> None:
    """The code that somebody read over a shoulder is worth nothing at another browser, nor is a spare code twice."""
    desk, actor = desk_of(own.world, own.kz)
    people.begin(desk, actor, Newcomer("chief", "Fictional chief", Role.ADMINISTRATOR, "en", WORD))
    begun = codes.begin(desk, confirmed(desk, "chief", WORD))

    def shown() -> str:
        totp = TOTP(base64.b32decode(begun.secret), 6, SHA1(), 30)
        return totp.generate(own.world.clock() // 1000).decode()

    codes.confirm(desk, confirmed(desk, "chief", WORD), shown())
    own.world.clock.move(hours=1)
    pages = Pages(own.world, own.kz)
    for code in (shown(), begun.spare[0]):
        fields = {"name": "chief", "passphrase": WORD, "passphrase_code": code}
        assert pages.browser().send("/sign-in", **fields).path == "/today"
        again = pages.browser().send("/sign-in", **fields)
        assert again.path == "/sign-in"
        assert code not in again.html


def test_two_clicks_at_once_send_once(pair: Pair) -> None:
    """Both requests are under way together; what they ask is sent one time, and both lead to the same page."""
    _, here = sent(pair.kz, case_file(file_number="Fictional drum"))
    pair.exchange()
    number = incoming(pair.uz, id_of(pair.kz, here))
    pages = Pages(pair.world, pair.uz)
    person = pages.person()
    person.send(f"/referral/{number}/open", at=f"/referral/{number}")
    path = f"/referral/{number}/say/ask"
    form = {**person.get(path).forms[path], "asked_categories": "HEALTH", "question": "Fictional: which tooth?"}
    led, barrier = list[str](), threading.Barrier(3)

    def click() -> None:
        browser = pages.browser()
        browser.client.cookies.update(person.client.cookies)
        barrier.wait()
        led.append(browser.post(path, form).path)

    clicks = [threading.Thread(target=click) for _ in range(3)]
    for each in clicks:
        each.start()
    for each in clicks:
        each.join()
    assert led == [f"/referral/{number}"] * 3
    with pair.uz.store.read() as tx:
        said = [each.block.event_type for each in referrals.events_of(tx, referrals.get(tx, number))]
    assert said.count(EventType.INFORMATION_REQUESTED) == 1


def confirmed(desk: Desk, name: str, word: str) -> Actor:
    """Sign in by an action, and type the passphrase again."""
    opened = people.sign_in(desk.home.path, name, word, desk.gateway.clock)
    return people.confirm(desk, people.admit(desk, opened).actor, word)
