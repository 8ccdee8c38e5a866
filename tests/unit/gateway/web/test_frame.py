"""The frame of the pages: signing in, locking, forms that count once, headers, hosts, errors."""

from __future__ import annotations

import re

import pytest
from starlette.responses import Response
from starlette.routing import Mount, Route

from refbus.errors import Code
from refbus_gateway.web import app, security
from refbus_gateway.web.screens import Ask, Screens
from refbus_gateway.web.session import IDLE_S, MOST, Sessions
from support.ceremonies import PASSPHRASE
from support.gateways import Pair, case_file, id_of, incoming, sent
from support.pages import ORIGIN, Pages, Seconds


@pytest.fixture(scope="module")
def desk(pair: Pair) -> Pages:
    """Give the pages of the agency."""
    return Pages(pair.world, pair.kz)


def test_the_language_comes_first_each_in_its_own_script(desk: Pages) -> None:
    """A browser that was never here chooses a language, and finds it again."""
    browser = desk.browser()
    page = browser.get("/")
    assert page.path == "/language"
    assert {"Русский", "Қазақша", "Кыргызча", "Oʻzbekcha", "Ўзбекча", "Türkmençe", "Тоҷикӣ", "English"} <= set(
        page.text.split()
    )
    page = browser.send("/language", language="ru")
    assert page.path == "/sign-in"
    assert '<html lang="ru" dir="ltr">' in page.html
    assert browser.get("/").path == "/sign-in"
    assert browser.post("/language", {**page.forms["/sign-in"], "language": "xx"}).status == 400


def test_a_passphrase_lets_in_under_a_new_session(desk: Pages) -> None:
    """A wrong one is told at its field; a cookie from before signing in is worth nothing after it."""
    browser = desk.browser()
    page = browser.send("/sign-in", passphrase="wrong")
    assert page.path == "/sign-in"
    assert "The passphrase is not right" in page.text
    assert 'aria-invalid="true"' in page.html
    assert "wrong" not in [value for form in page.forms.values() for value in form.get("passphrase", [])]
    before = browser.client.cookies[desk.office.cookie]
    assert browser.sign_in().path == "/today"
    assert browser.client.cookies[desk.office.cookie] != before
    stranger = desk.browser()
    stranger.client.cookies.set(desk.office.cookie, before)
    assert stranger.get("/today").path == "/language"


def test_nobody_sees_a_page_without_signing_in(desk: Pages) -> None:
    """Every address that is not free leads away, and takes no form."""
    from refbus_gateway.web.app import ALL

    for screen in (screen for module in ALL for screen in module.found if not screen.free):
        browser = desk.browser()
        path = screen.path.replace("{number:int}", "1")
        if screen.method == "GET":
            assert browser.get(path).path == "/language", path
        else:
            assert browser.post(path, {"csrf": "x"}).status == 403, path


def test_a_wait_is_told_in_words_and_a_right_passphrase_ends_it(own: Pair) -> None:
    """Whoever guesses is told how long to wait; the right one waits too, and then guesses are free again."""
    pages = Pages(own.world, own.kz)
    browser = pages.browser()
    for _ in range(3):
        assert "The passphrase is not right" in browser.send("/sign-in", passphrase="wrong").text
    assert "Too many attempts. Wait 1 second, then try again." in browser.sign_in().text
    pages.seconds.now_s += 1
    assert browser.sign_in().path == "/today"
    other = pages.browser()
    for _ in range(3):
        assert "The passphrase is not right" in other.send("/sign-in", passphrase="wrong").text


def test_guesses_are_slowed_when_the_desk_was_closed_meanwhile(own: Pair) -> None:
    """What was counted is in the home: a desk that is started anew makes no guess free."""
    browser = Pages(own.world, own.kz).browser()
    for _ in range(3):
        browser.send("/sign-in", passphrase="wrong")
    assert "Too many attempts" in Pages(own.world, own.kz).browser().sign_in().text


def test_an_idle_session_is_locked_and_keeps_the_form(pair: Pair, desk: Pages) -> None:
    """What was typed is there again after the passphrase, nothing of it was done, and the cookie is a new one."""
    person = desk.person()
    before = person.client.cookies[desk.office.cookie]
    form = person.get("/sign-in").forms["/sign-in"]  # any form has the token
    desk.seconds.now_s += IDLE_S + 1
    assert person.get("/today").path == "/locked"
    page = person.post("/referral/1/open", {**form, "text": ["typed before"], "passphrase": "secret"})
    assert page.path == "/locked"
    assert "What you typed is kept" in page.text
    (kept,) = [each.kept["/referral/1"] for each in desk.office.sessions.all() if "/referral/1" in each.kept]
    assert kept.get("text") == "typed before"
    assert "passphrase" not in kept
    assert person.send("/locked", passphrase="wrong").path == "/locked"
    assert person.send("/locked", passphrase=PASSPHRASE).path == "/referral/1"
    assert person.client.cookies[desk.office.cookie] != before


def test_a_page_that_reloads_by_itself_is_no_use(desk: Pages) -> None:
    """The address to which an open page goes after a while does not keep a session awake."""
    person = desk.person()
    refresh = person.get("/today").response.headers["Refresh"]
    assert refresh == f"{int(IDLE_S) + 5};url=/locked?after=/today"
    assert "Refresh" not in person.get("/language").response.headers, "a page with a form is never left by itself"
    desk.seconds.now_s += IDLE_S - 1
    assert person.get("/locked?after=/referral").path == "/referral"
    person = desk.person()
    desk.seconds.now_s += IDLE_S - 1
    assert person.client.get("/locked?after=/referral", follow_redirects=False).headers["location"] == "/referral"
    desk.seconds.now_s += 2
    assert person.get("/today").path == "/locked"


@pytest.mark.parametrize("after", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x"])
def test_nobody_is_led_to_another_host(desk: Pages, after: str) -> None:
    """Where one goes after the passphrase is a page of ours."""
    person = desk.person()
    assert person.client.get("/locked", params={"after": after}, follow_redirects=False).headers["location"] == "/today"


def test_lock_leave_and_sign_out(desk: Pages) -> None:
    """Lock asks for the passphrase; leaving shows a month and forgets the person; so does signing out."""
    person = desk.person()
    assert person.get("/lock").path == "/locked"
    assert person.get("/referral").path == "/locked"
    page = person.send("/sign-out", at="/locked")
    assert page.path in {"/sign-in", "/language"}
    person = desk.person()
    page = person.get("/leave")
    assert "Referral" not in page.html
    assert "Clear-Site-Data" in page.response.headers
    assert person.get("/today").path == "/language"


def test_a_forged_form_does_nothing(desk: Pages) -> None:
    """Without the token, with another's, or from a foreign page: refused, whoever is signed in."""
    person, other = desk.person(), desk.person()
    good = person.get("/language").forms["/language"]
    foreign = other.get("/language").forms["/language"]
    language = {"language": "kk"}
    assert person.post("/language", language).status == 403
    assert person.post("/language", {**foreign, **language}).status == 403
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert person.post("/language", {**good, **language}, headers=headers).status == 403
    assert person.post("/language", {**good, **language}).path == "/today"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1", "127.0.0.1:1", ""])
def test_another_host_is_no_address_of_ours(desk: Pages, host: str) -> None:
    """A name that was pointed at this computer gets nothing."""
    assert desk.browser().get("/", headers={"Host": host}).status == 421


def test_a_large_form_is_refused_before_it_is_read(desk: Pages) -> None:
    """Whatever its length says."""
    page = desk.person().post("/language", {"language": "x" * (security.MOST_BYTES + 1)})
    assert page.status == 413
    assert "too large" in page.text


def test_every_answer_has_the_headers_and_no_page_is_kept(desk: Pages) -> None:
    """All routes, what is not there, and files: one policy; only files of ours may be kept, and are asked about."""
    person = desk.person()
    paths = [
        route.path.replace("{number:int}", "999") for route in desk.app.routes if isinstance(route, (Route, Mount))
    ]
    assert len(paths) > 8
    for path in [*paths, "/nowhere", "/static/nowhere.css", "/static/desk.css", "/static/../office.py"]:
        for response in (person.get(path).response, person.post(path, {}).response):
            assert {name: response.headers[name] for name in security.HEADERS} == dict(security.HEADERS), path
            kept = "no-cache" if response.url.path.startswith("/static") else "no-store"
            assert response.headers["Cache-Control"] == kept, path
            assert "server" not in response.headers


def test_a_file_that_is_no_file_of_ours_is_not_served(desk: Pages) -> None:
    """No way out of the folder of the style sheet."""
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd"):
        assert desk.browser().get(path).status in {404, 405}


def test_what_is_not_there_is_told_as_a_page(desk: Pages) -> None:
    """An address, a referral of nobody, a number that is none: 404 in words."""
    person = desk.person()
    assert "no such page" in person.get("/nowhere").text
    assert person.get("/referral/x").status == 404
    page = person.get("/referral/99999")
    assert page.status == 404
    assert Code.REFERRAL_UNKNOWN in page.text


def test_an_unforeseen_error_shows_a_reference_and_nothing_else(desk: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """No text of the exception comes to the page."""
    from refbus_gateway.actions import worklist

    def fail(*_: object) -> None:
        raise ValueError("Fictional secret")

    monkeypatch.setattr(worklist, "today", fail)
    person = desk.person()
    monkeypatch.setattr(worklist, "today", fail)
    page = person.get("/today")
    assert page.status == 500
    assert Code.INTERNAL_ERROR in page.text
    assert "reference" in page.text
    assert "Fictional secret" not in page.html


def test_a_form_counts_once(pair: Pair) -> None:
    """The same form sent twice, as by a double click, leads to the same page and is done once."""
    _, here = sent(pair.kz, case_file(about="Fictional: counts once"))
    pair.exchange()
    number = incoming(pair.uz, id_of(pair.kz, here))
    person = Pages(pair.world, pair.uz).person()
    page = person.get(f"/referral/{number}")
    path = f"/referral/{number}/open"
    form = page.forms[path]
    assert person.post(path, form).path == f"/referral/{number}"
    assert person.post(path, form).path == f"/referral/{number}"
    assert person.post(path, form).status == 200


def test_sessions_are_bounded_and_those_of_nobody_end_first(pair: Pair) -> None:
    """However many come without a passphrase, whoever signed in stays."""
    sessions = Sessions(Seconds())
    nobody = sessions.begin("en")
    signed = sessions.sign_in(nobody, Pages(pair.world, pair.kz).office.actor, "Fictional")
    for _ in range(MOST * 2):
        sessions.begin("en")
    assert sessions.find(signed.id) is signed
    assert sessions.find(nobody.id) is None


def test_cookies_are_for_this_host_and_no_script(desk: Pages) -> None:
    """The session is a random name that no script reads and no other site sends; over TLS it never leaves TLS."""
    response = desk.browser().client.get("/language")
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert response.url == f"{ORIGIN}/language"


def test_what_cannot_be_taken_back_asks_for_the_passphrase_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the right one nothing is done, and what was typed stands on the page again; once done it is done once."""
    made, done = Screens(), list[str]()

    @made.show("/grave")
    def show(ask: Ask) -> Response:
        return ask.page("sign_in.html")

    @made.act("/grave", confirm=True)
    def act(ask: Ask) -> Response:
        done.append(ask.form.get("text"))
        return ask.go("/today", "It was done.")

    monkeypatch.setattr(app, "ALL", (*app.ALL, made))
    person = Pages(pair.world, pair.kz).person()
    for passphrase in ("", "wrong"):
        page = person.send("/grave", text="Fictional", passphrase=passphrase)
        assert (page.path, done) == ("/grave", [])
        assert 'aria-invalid="true"' in page.html
    form = {**person.get("/grave").forms["/grave"], "text": "Fictional", "passphrase": PASSPHRASE}
    assert "It was done." in person.post("/grave", form).text
    assert person.post("/grave", form).path == "/today"
    assert done == ["Fictional"]


@pytest.mark.parametrize("language", ["en", "ru", "uz-Latn"])
def test_the_first_pages_are_light(desk: Pages, language: str) -> None:
    """With all that they load they are below 100 kB before anything is packed: a bad line carries them."""
    browser = desk.browser()
    first = browser.get("/language").html
    browser.send("/language", language=language)
    for html in (first, browser.get("/sign-in").html, browser.sign_in().html):
        loaded = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', html))
        assert loaded
        sizes = [len(browser.client.get(path).content) for path in loaded]
        assert len(html.encode()) + sum(sizes) < 100_000
