"""Every page in Russian: who reads no English meets none, on a page and on what a form says is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from refbus.crypto import keyfile
from refbus.errors import Code
from refbus.said import said
from refbus_gateway.actions import people
from refbus_gateway.actions.actor import Role
from refbus_gateway.actions.people import Newcomer
from refbus_gateway.home import slots
from refbus_gateway.people import officers
from refbus_gateway.store import alarms
from refbus_gateway.web.app import ALL
from support.ceremonies import AGENCY, PASSPHRASE, SHELTER
from support.desks import desk_of
from support.english import english_in
from support.gateways import Pair, case_file, id_of, incoming, new_case, sent, withdraw_all
from support.homecoming import Homecoming
from support.nodes import Road, allow_emergencies
from support.nodes import road as roads
from support.pages import Page, Pages, Person
from support.restored import go_on_from_backup
from unit.gateway.web.test_refer import YES, fill, until_contact
from unit.gateway.web.test_setup import CHIEF, SAID, browser_of, office_of

PATTERNS: Final = [each.path for module in ALL for each in module.found if each.method == "GET"]
WORD: Final = "вымышленный пароль"
LEADS_AWAY: Final = re.compile(r"/(leave|lock|sign-in|setup.*|language|static/.*)$")
CHANGES: Final = re.compile(r"/(practice|sign-out|locked|.*/(drop|interrupt|give-up|mistake|resume|withdrawn|stolen))$")
"""Forms that do something although nothing was filled in."""
NAMES: Final = re.compile(r"Fictional [a-z, ]+|Gate of [a-z]{2}")
"""Names of organisations, as the directory has them."""
FILES: Final = frozenset({"/setup/answer", "/setup/request"})
"""What is no page but a file."""


ROUTES: Final = [
    (each, re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(each))))
    for each in sorted(PATTERNS, key=lambda pattern: "{" in pattern)
]


def pattern_of(path: str) -> str:
    """Return the route that an address is of; the fixed one before one with a part that varies."""
    return next((each for each, route in ROUTES if route.fullmatch(path)), "")


@dataclass
class Reader:
    """A person who reads Russian, follows every link, and sends every form as it stands."""

    person: Person
    seen: set[str] = field(default_factory=set)
    found: set[tuple[str, str]] = field(default_factory=set)

    def read(self, page: Page, at: str) -> Page:
        """Note what is English on a page."""
        self.seen |= {pattern_of(page.path), pattern_of(at.partition("?")[0])}
        html = NAMES.sub("", page.html)
        self.found |= {(pattern_of(page.path) or page.path, each) for each in english_in(html)}
        return page

    def follow(self, *starts: str) -> None:
        """Open pages and all to which they lead, one of each route more than the starts themselves."""
        waiting, known = list(starts), set[str]()
        while waiting:
            path = waiting.pop(0)
            if path in known or LEADS_AWAY.search(path.partition("?")[0]):
                continue
            known.add(path)
            page = self.read(self.person.get(path), path)
            links = dict.fromkeys(re.findall(r'href="(/[^"#]*)"', page.html))
            waiting += [each for each in links if _is_new(each, known)]
            for action, form in page.forms.items():
                if action == page.path and not CHANGES.search(action):
                    self.read(self.person.post(action, form), action)


def _is_new(link: str, known: set[str]) -> bool:
    """Whether a page is worth a look: not two of one route, but of steps each."""
    path = link.partition("?")[0].replace("&amp;", "&")
    if "/say/" in path:
        return path.rpartition("/")[2] not in {each.rpartition("/")[2] for each in known}
    return pattern_of(path) not in {pattern_of(each.partition("?")[0]) for each in known}


def in_russian(pages: Pages, **fields: str) -> Reader:
    """Return somebody who chose Russian and signed in."""
    person = pages.browser()
    reader = Reader(person)
    reader.read(person.get("/language"), "/language")
    reader.read(person.send("/language", language="ru"), "/")
    typed = fields or {"passphrase": PASSPHRASE}
    reader.read(person.send("/sign-in", **{**typed, "passphrase": "не тот"}), "/sign-in")
    assert reader.read(person.send("/sign-in", **typed), "/sign-in").path == "/today"
    return reader


@pytest.fixture(autouse=True, scope="module")
def _cheap_keys() -> Iterator[None]:
    """Key files cost little to open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slots, "MEMORY_KIB", 64)
        patch.setattr(keyfile, "MEMORY_KIB", 64)
        yield


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """Give two offices with everything that a page can be about, and the gates between them."""
    with roads(Path(tmp_path_factory.mktemp("road"))) as made:
        made.gateway(AGENCY)
        made.gateway(SHELTER)
        made.settle()
        for country in ("kz", "uz"):
            allow_emergencies(made, country)
        Homecoming(made, "in Russian").prepare()
        with made.kz.store.write() as tx:
            alarms.raise_alarm(
                tx, Code.CLOCK_JUMPED, said("records %(first)s to %(last)s", first=1, last=2), made.clock()
            )
        yield made


def test_no_page_of_the_desk_has_an_english_sentence(road: Road, own: Pair, tmp_path: Path) -> None:
    """Every route is visited: at the sender's desk, at the recipient's, with people, and before there is a home."""
    readers = [
        _sender(road),
        _recipient(road),
        _restored(own, tmp_path),
        _chief(own),
        _newcomer(own, tmp_path / "newcomer"),
    ]
    assert sorted({each for reader in readers for each in reader.found}) == []
    seen = {each for reader in readers for each in reader.seen}
    assert set(PATTERNS) - seen - FILES == set()


def _sender(road: Road) -> Reader:
    case, number = sent(road.kz, case_file(about="Fictional: in Russian", file_number="Красный шарф"))
    withdrawn, _ = sent(road.kz, case_file(about="Fictional: withdrawn", file_number="Синий шарф"))
    new_case(road.kz, case_file(about="Fictional: kept", file_number="Зелёный шарф"))
    road.settle()
    withdraw_all(road.kz, withdrawn)
    road.settle()
    pages = Pages(road, road.kz)
    reader, english = in_russian(pages), pages.person()
    person = reader.person
    reader.read(person.get("/refer"), "/refer")
    until_contact(english)  # names of countries and languages are typed as the page's language has them
    for step in ("need", "organisation", "urgency", "person", "contact", "ask", "sheet", "consent"):
        path = f"/refer/1/{step}"
        forms = reader.read(person.get(path), path).forms
        if path in forms:
            hidden: dict[str, Any] = {name: forms[path][name] for name in ("csrf", "once") if name in forms[path]}
            reader.read(person.post(path, hidden), path)
    until_contact(english)
    fill(english, "/refer/1/consent", YES)
    reader.read(person.get("/refer/1/look"), "/refer/1/look")
    reader.read(person.send("/refer/1/look", passphrase="не тот"), "/refer/1/look")
    reader.follow(
        "/today",
        f"/referral/{number}",
        f"/sent/{number}",
        *(f"/case/{case}{each}" for each in ("", "/who", "/changed", "/edit", "/erase", "/hand-over", "/no")),
        f"/inspect/account?case={case}",
        "/emergency",
        "/emergency/new",
        "/return/begin",
        "/office/codes",
        "/referral/999",
        "/nowhere",
    )
    _emergency(road, reader)
    reader.follow("/erased", "/office/profile/edit", "/office/profile/look", "/practice", "/office/recovery")
    return reader


def _emergency(road: Road, reader: Reader) -> None:
    """Let two officers decide; a form that is not filled in first, and a review without an officer."""
    kids = [officers.add(road.kz, road.kz.home, "DUTY_OFFICER", f"own {each}", 64).kid.hex() for each in range(3)]
    case = new_case(road.kz, case_file(about="Fictional: unconscious", file_number="Жёлтый шарф"))
    filled: dict[str, Any] = {
        "case": str(case),
        "to": road.shelter,
        "ground": "MEDICAL_EMERGENCY",
        "protects": "PERSON",
        "incapacity": "UNCONSCIOUS",
        "needed_now": "вымысел",
        "categories": ["IDENTITY", "HEALTH"],
        "hours": "24",
    }
    person = reader.person
    reader.read(person.send("/emergency/new", **filled), "/emergency/decide")
    words = {"passphrase_first": "own 0", "passphrase_second": "own 1", "passphrase": PASSPHRASE}
    reader.read(person.send("/emergency/decide"), "/emergency/decide")
    page = reader.read(person.send("/emergency/decide", first=kids[0], second=kids[1], **words), "/emergency/decide")
    assert page.path.startswith("/emergency/")
    reader.read(person.send(f"{page.path}/review", at=page.path), page.path)


def _recipient(road: Road) -> Reader:
    _, number = sent(road.kz, case_file(about="Fictional: to answer", file_number="Белый шарф"))
    case, taken_back = sent(road.kz, case_file(about="Fictional: taken back", file_number="Серый шарф"))
    road.settle()
    got, stopped = (incoming(road.uz, id_of(road.kz, each)) for each in (number, taken_back))
    reader = in_russian(Pages(road, road.uz))
    person = reader.person
    for each in (got, stopped):
        reader.read(person.get(f"/referral/{each}"), f"/referral/{each}")
        reader.read(person.send(f"/referral/{each}/open", at=f"/referral/{each}"), f"/referral/{each}")
    withdraw_all(road.kz, case)
    road.settle()
    reader.follow("/today", f"/referral/{got}", f"/onward/{got}", f"/referral/{stopped}/withdrawn")
    return reader


def _restored(own: Pair, folder: Path) -> Reader:
    """Go on from a backup, and confirm one case."""
    case = go_on_from_backup(own, folder)
    reader = in_russian(Pages(own.world, own.kz))
    reader.follow("/office/restored")
    own.world.sync(own.kz)
    reader.follow("/office/restored", "/office/alarms")
    reader.read(reader.person.send("/office/restored", passphrase=PASSPHRASE), "/office/restored")
    reader.follow(f"/case/{case}/restored")
    return reader


def _chief(own: Pair) -> Reader:
    desk, actor = desk_of(own.world, own.kz)
    people.begin(desk, actor, Newcomer("chief", "Начальник", Role.ADMINISTRATOR, "ru", WORD))
    reader = in_russian(Pages(own.world, own.kz), name="chief", passphrase=WORD)
    new = {"name": "worker", "passphrase_new": WORD, "passphrase_again": WORD, "role": "CASE_WORKER"}
    reader.read(reader.person.send("/office/people/add", **new, passphrase=WORD), "/office/people/add")
    reader.follow("/office/people", "/office/codes", "/office/stolen")
    begun = reader.person.send("/office/codes", passphrase=WORD)
    reader.read(begun, "/office/codes")
    person = re.findall(r'href="(/office/people/[0-9]+)"', reader.person.get("/office/people").html)[0]
    reader.read(reader.person.get(f"{person}/codes"), f"{person}/codes")
    assert reader.read(reader.person.get("/lock"), "/lock").path == "/locked"
    reader.read(reader.person.send("/locked", passphrase="не тот"), "/locked")
    reader.read(reader.person.get("/leave", follow_redirects=False), "/leave")
    return reader


def _newcomer(own: Pair, folder: Path) -> Reader:
    office = office_of(own.world, folder)
    reader = Reader(browser_of(office))
    person = reader.person
    reader.read(person.get("/"), "/")
    for path, filled in (("/language", {"language": "ru"}), ("/setup", SAID), ("/setup/person", CHIEF)):
        if path != "/language":
            reader.read(person.send(path), path)
        reader.read(person.send(path, **filled), path)
    reader.read(person.get("/setup/recovery"), "/setup/recovery")
    name, word = CHIEF["name"], CHIEF["passphrase_new"]
    reader.read(person.send("/sign-in", name=name, passphrase=word), "/setup/road")
    for path in ("telephone", "challenge", "root", "line", "directory"):
        page = reader.read(person.get(f"/setup/{path}"), f"/setup/{path}")
        if page.path in page.forms:
            reader.read(person.post(page.path, page.forms[page.path]), page.path)
    office.close()
    return reader


def test_an_english_sentence_is_found(road: Road) -> None:
    """Wherever it stands on a page, and in what a field says of itself; foreign text, codes and commands are none."""
    page = Pages(road, road.kz).person().get("/today")
    assert any("Refer a person" in each for each in english_in(page.html, "en"))
    assert list(english_in('<input placeholder="write it down here">')) == ["write it down here"]
    assert list(english_in("<p>Да: <bdi>what they wrote themselves</bdi> <code>refbus sync now</code></p>")) == []
    assert list(english_in('<p>refbus audit proof 3</p><p lang="en">in another language</p>')) == []
