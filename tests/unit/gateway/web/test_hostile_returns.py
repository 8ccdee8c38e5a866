"""Returns home, emergencies and alarms in two offices where every text that somebody can write means harm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from refbus.core.courses.machine import Role
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from refbus.said import named, said
from refbus_gateway.actions import asking
from refbus_gateway.actions.asking import NoticeText
from refbus_gateway.forms import values
from refbus_gateway.people import officers
from refbus_gateway.store import alarms
from support.ceremonies import PASSPHRASE
from support.desks import desk_of
from support.gateways import case_file, new_case
from support.homecoming import Homecoming, plan
from support.hostile import HARM, harmed
from support.nodes import Road, allow_emergencies
from support.nodes import road as roads
from support.pages import Pages, Person
from unit.gateway.web.test_hostile_texts import SHORT, walk
from unit.gateway.web.test_refer import until_contact

LONG = "щ" * 3_000
"""No text of an event is longer than 4,000 characters."""
BADLY = f"{HARM}{LONG}"


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """Give two offices whose programs refuse no text, with a return that departs, and emergencies allowed."""
    with pytest.MonkeyPatch.context() as patch, roads(Path(tmp_path_factory.mktemp("harm"))) as made:
        patch.setattr(values, "_FORBIDDEN", re.compile("$^"))
        made.gateway(made.agency)
        made.gateway(made.shelter)
        made.settle()
        for country in ("kz", "uz"):
            allow_emergencies(made, country)
        (leg,) = plan(made.clock())["legs"]
        risk = {"factor": "RETALIATION", "level": "MED", "mitigation": BADLY}
        home = Homecoming(made, "harm").prepare(
            risks={"risks": [risk]}, plan={"legs": [{**leg, "from_place": SHORT, "to_place": SHORT}]}
        )
        home.leave()
        home.say(Role.SOURCE, EventType.INFORMATION_REQUESTED, asked_categories=["HEALTH"], question=BADLY)
        with made.kz.store.write() as tx:
            told = said("%(organisation)s was not told to erase: call them", organisation=HARM)
            alarms.raise_alarm(tx, Code.ERASE_DUE, told, made.clock())
            alarms.raise_alarm(tx, Code.KEYFILE_DAMAGED, named(HARM), made.clock())
        yield made


def _emergency(road: Road, person: Person) -> None:
    """Let two officers decide, with harm where they say what is needed."""
    kids = [officers.add(road.kz, road.kz.home, "DUTY_OFFICER", f"own {each}", 64).kid.hex() for each in range(3)]
    about = case_file(about=HARM, file_number=SHORT, health={"summary": BADLY})
    filled: dict[str, Any] = {
        "case": str(new_case(road.kz, about)),
        "to": road.shelter,
        "ground": "MEDICAL_EMERGENCY",
        "protects": "PERSON",
        "incapacity": "UNCONSCIOUS",
        "needed_now": HARM,
        "categories": ["IDENTITY", "HEALTH"],
        "hours": "24",
    }
    wrong = person.send("/emergency/new", **{**filled, "hours": HARM})
    assert harmed(wrong.html) == []
    assert harmed(person.send("/emergency/new", **filled).html) == []
    words = {"passphrase_first": "own 0", "passphrase_second": "own 1", "passphrase": PASSPHRASE}
    page = person.send("/emergency/decide", first=kids[0], second=kids[1], **words)
    assert page.path.startswith("/emergency/")
    assert harmed(page.html) == []
    road.settle()


def test_a_return_and_an_emergency_are_harmless(road: Road) -> None:
    """At both desks, in English and Russian, every address: nothing is markup, and every mark is shown."""
    here = Pages(road, road.kz)
    _emergency(road, here.person())
    seen = ""
    for pages in (here, Pages(road, road.uz)):
        person = pages.person()
        last = len(re.findall(r'href="/referral/', person.get("/referral").html))
        for number in range(1, last + 1):
            at = f"/referral/{number}"
            if f"{at}/open" in person.get(at).forms:
                person.send(f"{at}/open", at=at)
        for language in ("en", "ru"):
            person.send("/language", language=language)
            for path, html in walk(person):
                assert harmed(html) == [], path
                seen += html
            for number in range(1, last + 1):
                for kind in ("return", "referral", "emergency"):
                    page = person.get(f"/{kind}/{number}")
                    assert harmed(page.html) == [], page.path
                    seen += page.html
    assert seen.count("&lt;U+202E&gt;") > 40
    assert LONG in seen
    assert str(Code.KEYFILE_DAMAGED) in seen


def test_the_words_of_a_notice_are_harmless(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file travels with the program, and its policy names languages: both may be another country's."""
    harm = NoticeText(HARM, (HARM, "ru"), {"ru": (HARM, BADLY), HARM: (HARM,)})
    monkeypatch.setattr(asking, "_text", lambda _: harm)
    desk, actor = desk_of(road, road.kz)
    person = Pages(road, road.kz).person()
    until_contact(person)
    person.send("/language", language="ru")
    number = new_case(road.kz, case_file(about="Fictional: notice"))
    assert asking.show(desk, actor, number, road.shelter).notice is harm
    seen = "".join(person.get(f"/refer/1/{step}").html for step in ("ask", "sheet"))
    assert harmed(seen) == []
    assert "&lt;U+202E&gt;" in seen
    assert LONG in seen
