"""The first hour at the pages: an empty folder becomes the home of an enrolled, connected organisation."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from refbus.clock import Clock
from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, OrgId
from refbus.crypto import keyfile
from refbus.crypto.framing import sha256
from refbus.errors import Code, SetupError
from refbus.settings import GatewaySettings
from refbus.trust.member.enrolment import Profile, check_answer, make_challenge, parse_request
from refbus.trust.member.enrolment_file import fingerprint
from refbus.trust.publisher import changes
from refbus_gateway.actions.desk import open_desk
from refbus_gateway.home import begun, founding, key_changes
from refbus_gateway.home.folder import Home
from refbus_gateway.home.key_changes import REQUEST_FILE
from refbus_gateway.home.keyring import Keyring
from refbus_gateway.web.app import application
from refbus_gateway.web.office import Address, Clocks, Manners, Office
from support import pages
from support.commands import Commands, file
from support.directories import NOW_MS
from support.gateways import World
from support.pages import PORT, Page, Person, Seconds

NEWCOMER = Profile(OrgId("uz-newc0mer"), CountryCode("uz"), OrgRole.NGO, "Fictional newcomer", ("Legal",), ("uz",))
WORD = "fictional words of the first person"
SAID: dict[str, Any] = {
    "country": "uz",
    "role": "NGO",
    "label": "Fictional shelter",
    "services": ["SocialCare", "Legal"],
    "languages": ["uz", "ru"],
}
CHIEF = {"name": "chief", "passphrase_new": WORD, "passphrase_again": WORD}


@pytest.fixture(autouse=True)
def _cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key files cost little to open."""
    monkeypatch.setattr(keyfile, "MEMORY_KIB", 64)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a federation without the newcomer."""
    return World(tmp_path)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Give a folder that does not exist yet."""
    return tmp_path / "newcomer"


def office_of(world: World, place: Path, address: Address | None = None) -> Office:
    """Return the office of a folder, as `refbus desk` makes it."""

    def make(opened: Any) -> Any:
        clock = Clock.of(world.clock)
        return open_desk(place, GatewaySettings(), opened=opened, time=lambda: clock, connect=lambda *_: world.bus)

    clocks = Clocks(Seconds(), world.clock)
    return Office(make, address or Address(PORT), clocks, Manners(reads_and_sends=False))


def browser_of(office: Office) -> Person:
    """Return a browser that was never here."""
    return pages.browser_of(application(office))


def found_home(browser: Person) -> Page:
    """Go through the two pages before there is a home."""
    assert browser.get("/").path == "/language"
    assert browser.send("/language", language="en").path == "/setup"
    assert browser.send("/setup", **SAID).path == "/setup/person"
    return browser.send("/setup/person", **CHIEF)


def sign_in(browser: Person) -> Page:
    """Sign in as the first person."""
    return browser.send("/sign-in", name="chief", passphrase=WORD)


def test_an_empty_folder_becomes_the_desk_of_a_member(world: World, place: Path, tmp_path: Path) -> None:
    """Organisation, person, keys, fingerprint, request, challenge, answer, root, line, directory: then Today."""
    office = office_of(world, place)
    browser = browser_of(office)
    page = found_home(browser)
    assert page.path == "/sign-in"
    assert WORD not in page.html
    assert "The keys are made" in page.text
    page = sign_in(browser)
    assert page.path == "/setup/road"
    assert "Answer the question" in page.text

    request = browser.get("/setup/request").response
    assert "attachment" in request.headers["Content-Disposition"]
    member = parse_request(request.content)
    assert member.organisation.label == "Fictional shelter"
    assert member.organisation.languages == ("ru", "uz")
    number = fingerprint(member.signing[0].key).hex()
    groups = " ".join(number[at : at + 4] for at in range(0, 64, 4))
    assert groups in browser.get("/setup/telephone").text

    challenge, pending = make_challenge(request.content)
    assert upload(browser, "/setup/challenge", "challenge", challenge).path == "/setup/challenge"
    answer = browser.get("/setup/answer").response.content
    publication = world.lab.publication(world.clock())
    changes.enrol(publication, check_answer(pending, answer, request.content))
    world.lab.publish(publication)

    root = world.lab.paths.root.read_bytes()
    assert upload(browser, "/setup/root", "root", root, told=sha256(root).hex()[:32]).path == "/setup/road"
    page = browser.send("/setup/line", bootstrap="127.0.0.1:9092", tls="")
    assert page.path == "/setup/road"
    assert office.desk.home.config().bootstrap == "127.0.0.1:9092"
    assert "We wait" in page.text
    assert browser.get("/office").path == "/setup/road"
    page = browser.send("/setup/directory", place=str(world.lab.paths.repository))
    assert page.path == "/setup/road", page.text
    assert "Everything is ready" in page.text
    assert sign_in(browser_of_again(office)).path == "/today"
    office.close()


def browser_of_again(office: Office) -> Person:
    """Return another browser, which chose its language."""
    browser = browser_of(office)
    browser.send("/language", language="en")
    return browser


def upload(browser: Person, path: str, name: str, content: bytes, **fields: str) -> Page:
    """Send a file with the form of a page."""
    form = {key: values[-1] for key, values in browser.get(path).forms[path].items()}
    return browser.post(path, {**form, **fields}, files={name: ("a.json", content)})


def test_all_that_is_missing_is_told_at_once(world: World, place: Path) -> None:
    """Each wrong field of both pages, nothing written; passphrases are not shown again; what was typed is."""
    browser = browser_of(office_of(world, place))
    browser.send("/language", language="en")
    page = browser.send("/setup", label="x" * 101)
    assert [
        each for each in ("country", "role", "label", "services", "languages") if f'href="#{each}"' not in page.html
    ] == []
    assert browser.get("/setup/person").path == "/setup"
    assert browser.send("/setup", **{**SAID, "services": ["Nothing"]}).path == "/setup"
    assert browser.send("/setup", **SAID).path == "/setup/person"
    page = browser.send("/setup/person", name="", passphrase_new="short")
    assert 'href="#name"' in page.html
    assert 'href="#passphrase_new"' in page.html
    page = browser.send("/setup/person", name="chief", passphrase_new=WORD, passphrase_again="another")
    assert 'href="#passphrase_again"' in page.html
    assert 'value="chief"' in page.html
    assert WORD not in page.html
    assert "Fictional shelter" in browser.get("/setup").html
    assert not place.exists()


def test_wrong_files_and_numbers_change_nothing(world: World, place: Path, tmp_path: Path) -> None:
    """A challenge for another, a root with another number, a line without its files, a folder that is none."""
    office = office_of(world, place)
    browser = browser_of(office)
    found_home(browser)
    sign_in(browser)
    key_changes.init(Home(tmp_path / "other"), NEWCOMER, WORD, world.clock())
    foreign, _ = make_challenge((tmp_path / "other" / REQUEST_FILE).read_bytes())
    for content in (b"", b"{}", foreign):
        page = upload(browser, "/setup/challenge", "challenge", content)
        assert 'href="#challenge"' in page.html
    root = world.lab.paths.root.read_bytes()
    good = sha256(root).hex()
    for content, told in ((root, good[:28]), (root, "0" * 64), (b"{}", sha256(b"{}").hex()), (root, "")):
        assert 'href="#told"' in upload(browser, "/setup/root", "root", content, told=told).html
    assert 'href="#bootstrap"' in browser.send("/setup/line", bootstrap="").html
    assert 'href="#bootstrap"' in browser.send("/setup/line", bootstrap="no address").html
    assert 'href="#tls"' in browser.send("/setup/line", bootstrap="a:1", tls=str(tmp_path / "none")).html
    assert upload(browser, "/setup/root", "root", root, told=good).path == "/setup/road"
    for folder in ("", "relative", str(tmp_path / "none")):
        assert 'href="#place"' in browser.send("/setup/directory", place=folder).html
    assert browser.get("/setup/answer").path == "/setup/challenge"
    assert not office.desk.home.config().bootstrap
    office.close()


def test_it_goes_on_where_it_was_stopped(world: World, place: Path) -> None:
    """Another process and another browser: who signs in sees what is done and goes on from there."""
    office = office_of(world, place)
    browser = browser_of(office)
    found_home(browser)
    sign_in(browser)
    challenge, _ = make_challenge(browser.get("/setup/request").response.content)
    upload(browser, "/setup/challenge", "challenge", challenge)
    office.close()
    office = office_of(world, place)
    browser = browser_of_again(office)
    assert browser.get("/").path == "/sign-in"
    assert sign_in(browser).path == "/setup/road"
    assert "The answer is made" in browser.get("/setup/challenge").text
    office.close()


def test_a_making_of_keys_that_was_cut_leaves_no_half_a_home(world: World, place: Path) -> None:
    """A cut draft is made anew; a whole one whose move was cut is moved to its end."""
    home = Home(place)
    key_changes.init(Home(place / ".begun"), NEWCOMER, WORD, world.clock())
    assert founding.is_new(home)
    founding.found(home, NEWCOMER, WORD, world.clock())
    assert home.member.identity().org_id == NEWCOMER.org_id
    (place / ".begun.whole").mkdir()
    (place / "org.json").rename(place / ".begun.whole" / "org.json")
    assert not founding.is_new(home)
    begun.settle(home.path)
    assert home.member.kem_keys(WORD)
    assert not (place / ".begun.whole").exists()


def code_of(call: Callable[[], object]) -> Code:
    """Return the code with which something is refused."""
    with pytest.raises(SetupError) as caught:
        call()
    return caught.value.code


class CutError(BaseException):
    """The power is gone."""


def cut_after(monkeypatch: pytest.MonkeyPatch, step: int, make: Callable[[], object]) -> bool:
    """Let the power go at a step of `make`, each time something is made durable; return whether it did."""
    whole, count = os.fsync, iter(range(1_000))

    def sync(handle: Any) -> None:
        if next(count) >= step:
            raise CutError
        whole(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", sync)
        try:
            make()
        except CutError:
            return True
    return False


@pytest.mark.parametrize("way", ["beside", "in place, as versions before"])
def test_first_keys_cut_at_any_step_open_to_no_other_passphrase(
    place: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """There is no home, or a whole one; where there is none it is made, at the pages too, and by the same command."""
    save = keyfile.save
    monkeypatch.setattr(keyfile, "save", lambda *given, **_: save(*given, memory_kib=64))
    step, made, cuts = 0, founding.found if way == "beside" else key_changes.init, set[bool]()
    while True:
        home = Home(place.with_name(f"cut{step}"))
        if not cut_after(monkeypatch, step, partial(made, home, NEWCOMER, WORD, NOW_MS)):
            break
        with suppress(SetupError):
            home.require()
        if not home.member.held() or not (home.path / "org.json").exists() or founding.is_new(home):
            assert code_of(home.require) is Code.HOME_NOT_FOUND
            cuts.add(founding.is_new(home))
            founding.found(home, NEWCOMER, WORD, NOW_MS)
        home.require()
        assert not founding.is_new(home)
        assert home.member.signing_pairs(WORD)
        assert home.member.kem_keys(WORD)
        assert key_changes.request_of(home)
        assert code_of(partial(Keyring.unlock, home, "another")) is Code.KEYFILE_WRONG_PASSPHRASE
        assert code_of(partial(founding.found, home, NEWCOMER, "another", NOW_MS)) is Code.USAGE
        step += 1
    assert step > 8
    assert cuts == {True}


def test_a_home_that_lost_all_its_keys_opens_to_nobody(place: Path) -> None:
    """A store was never made, or is gone too: no passphrase is taken for the right one, and no key of a store made."""
    home = Home(place)
    founding.found(home, NEWCOMER, WORD, NOW_MS)
    for path in (place / "keys").glob("*.key"):
        path.unlink()
    assert code_of(partial(Keyring.unlock, home, "another")) is Code.FILE_UNREADABLE
    assert not home.store_key.exists()


def test_where_there_is_a_home_nobody_sets_one_up(world: World, place: Path) -> None:
    """No page of the set-up answers without a session: a form that was open before does nothing either."""
    office = office_of(world, place)
    first, late = browser_of(office), browser_of_again(office)
    late.send("/setup", **SAID)
    form = late.get("/setup/person").forms["/setup/person"]
    found_home(first)
    before = (place / "org.json").read_bytes()
    assert late.post("/setup/person", {**form, **CHIEF}).path == "/sign-in"
    for path in (
        "",
        "/person",
        "/road",
        "/telephone",
        "/request",
        "/challenge",
        "/answer",
        "/root",
        "/line",
        "/directory",
    ):
        stranger = browser_of_again(office)
        page = stranger.get(f"/setup{path}")
        assert page.path == "/sign-in", path
        csrf = page.forms["/sign-in"]["csrf"]
        page = stranger.post(f"/setup{path}", {"csrf": csrf, **SAID, **CHIEF, "bootstrap": "127.0.0.1:1"})
        assert page.status == 405 or page.path in {"/sign-in", "/"}, path
    assert (place / "org.json").read_bytes() == before
    assert not office.desk.home.config().bootstrap
    office.close()


def test_a_forged_form_makes_no_home(world: World, place: Path) -> None:
    """Without the token of its page nothing is made."""
    browser = browser_of_again(office_of(world, place))
    browser.send("/setup", **SAID)
    assert browser.post("/setup/person", {**SAID, **CHIEF}).status == 403
    assert not place.exists()


@pytest.mark.parametrize("name", ["org", "keys", "note.txt", "store.db"])
def test_a_folder_that_has_something_is_no_place_for_a_new_home(world: World, place: Path, name: str) -> None:
    """Whatever it is, it stays; the pages lead to signing in, as with every home."""
    place.mkdir()
    (place / name).write_text("Fictional")
    browser = browser_of_again(office_of(world, place))
    assert browser.get("/").path == "/sign-in"
    assert browser.get("/setup").path == "/sign-in"


def test_a_restore_that_was_cut_is_no_empty_place(place: Path) -> None:
    """Its home stands beside the folder: it must be given again, and no new one begun."""
    place.with_name(".newcomer.restored").mkdir()
    assert not founding.is_new(Home(place))


def test_a_shared_desk_sets_nothing_up(world: World, place: Path) -> None:
    """Under a name of the office's network, or with TLS, there is no set-up: others could be faster."""
    for address in (Address(PORT, "desk.example", tls=True), Address(PORT, "desk.example")):
        assert not office_of(world, place, address).is_new
    assert office_of(world, place).is_new


def test_the_command_sets_up_at_this_computer_alone(
    world: World, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shared: UNSAFE_SETTING. With a file for the passphrase: HOME_NOT_FOUND. Nothing is made either way."""
    commands = Commands(world, capsys)
    files = [file(tmp_path, name, b"Fictional") for name in ("desk.pem", "desk.key")]
    share = ("--share", "desk.example", "--certificate", files[0], "--key", files[1])
    home = {"REFBUS_HOME": str(place)}
    ran = commands.bare("desk", "--port", "0", *share, environ=home, ok=False)
    assert Code.UNSAFE_SETTING in ran.err
    ran = commands.bare(
        "desk", "--port", "0", environ={**home, "REFBUS_PASSPHRASE_FILE": str(commands.passphrase)}, ok=False
    )
    assert Code.HOME_NOT_FOUND in ran.err
    assert not place.exists()


def test_the_command_says_the_fingerprint(world: World, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`keys init` prints it in groups of four, as the pages show it: that of the request."""
    commands = Commands(world, capsys)
    said = ("--country", "uz", "--label", "Fictional", "--home", str(place))
    out = commands.bare("keys", "init", *said, environ={"REFBUS_PASSPHRASE_FILE": str(commands.passphrase)}).out
    number = key_changes.fingerprint_of((place / REQUEST_FILE).read_bytes())
    assert " ".join(number[at : at + 4] for at in range(0, 64, 4)) in out
