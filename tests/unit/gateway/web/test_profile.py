"""Our profile on pages: written, looked at as others see it, signed; and where its number is used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refbus.core.units import DAY_MS
from refbus_gateway.actions import erasure, profiles, worklist
from refbus_gateway.words.catalogue import catalogue
from support.ceremonies import SHELTER
from support.desks import desk_of
from support.gateways import Pair, case_file, id_of, incoming, sent
from support.pages import Page, Pages, Person
from unit.gateway.actions.test_profiles import hand_on, told

FIELDS = {
    "names.en": "Fictional shelter",
    "names.ru": "Вымышленный приют",
    "telephones": "71 000 00 01\n71 000 00 02",
    "always": "yes",
    "hours.mon": "",
    "address.en": "",
    "area.en": "South of the capital",
    "serves": "WOMEN",
    "languages": "Russian, Uzbek",
    "capacity": "FEW",
    "places": "2",
    "withdrawal.en": "Any office of the fictional shelter",
}


def write(person: Person, **changes: str) -> Page:
    """Fill in the form."""
    fields = {name.replace(".", "__"): text for name, text in {**FIELDS, **changes}.items()}
    return person.send("/office/profile/edit", **fields)


def test_a_profile_is_written_looked_at_and_signed(pair: Pair) -> None:
    """What others will see stands before it is signed; what is signed is exactly that."""
    person = Pages(pair.world, pair.uz).person()
    assert "Others do not know yet" in person.get("/office/profile").text
    look = write(person)
    assert look.path == "/office/profile/look"
    for text in ("+998 71 000 00 01", "Day and night, every day", "A few places: 2 free places", "Uzbek", "Women"):
        assert text in look.text
    assert profiles.show(*desk_of(pair.world, pair.uz)).profile is None
    done = person.send("/office/profile/look")
    assert done.path == "/office/profile"
    assert "It is on its way to the others." in done.text
    hand_on(pair)
    assert "The others have it." in person.get("/office/profile").text
    assert "+998 71 000 00 02" in person.get("/office/profile/edit").html


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"telephones": "call us"}, "no telephone number"),
        ({"names.en": "Ask Ms Fictional"}, "looks like the name"),
        ({"address.en": "Street 1"}, "no street"),
        ({"always": "", "hours.mon": "morning"}, "write hours"),
        ({"languages": "Russian, Nothingish"}, "no such language"),
        ({"places": "two"}, "whole number"),
    ],
)
def test_what_is_wrong_stands_at_its_field(pair: Pair, changes: dict[str, str], text: str) -> None:
    """With a link to it, and nothing that was typed is lost."""
    before = profiles.show(*desk_of(pair.world, pair.uz)).version
    page = write(Pages(pair.world, pair.uz).person(), **changes)
    assert page.path == "/office/profile/edit"
    assert text in page.text.lower()
    assert "Fictional shelter" in page.html or "Ask Ms Fictional" in page.html
    assert profiles.show(*desk_of(pair.world, pair.uz)).version == before


def test_room_of_today_is_two_clicks(pair: Pair) -> None:
    """A number that is none is told; a full house has no free places."""
    told(pair)
    person = Pages(pair.world, pair.uz).person()
    done = person.send("/office/profile/room", at="/office/profile", capacity="FREE", places="7")
    assert "7 free places" in done.text
    wrong = person.send("/office/profile/room", at="/office/profile", capacity="FREE", places="many")
    assert "as a number" in wrong.text
    full = person.send("/office/profile/room", at="/office/profile", capacity="NONE", places="7")
    assert "no place is free" in full.text


def test_a_changed_draft_is_not_signed_unseen(pair: Pair) -> None:
    """What was looked at, and nothing else, is signed."""
    before = profiles.show(*desk_of(pair.world, pair.uz)).version
    person = Pages(pair.world, pair.uz).person()
    write(person)
    fields = person.get("/office/profile/look").forms["/office/profile/look"]
    write(person, **{"names.en": "Another name"})
    page = person.post("/office/profile/look", {name: each[0] for name, each in fields.items()})
    assert page.path == "/office/profile/look"
    assert profiles.show(*desk_of(pair.world, pair.uz)).version == before


def test_who_refers_sees_how_to_call(pair: Pair) -> None:
    """Name in my language, room, whom they help, duty telephone: where the organisation is chosen."""
    told(pair)
    person = Pages(pair.world, pair.kz).person()
    person.send("/refer/1/need", country="uz", services_requested="SocialCare", reason="AdditionalServicesRequired")
    page = person.get("/refer/1/organisation")
    for text in (
        "Fictional shelter",
        "+998 71 000 00 01",
        "A few places: 2 free places",
        "Children and women",
        "Tajik",
    ):
        assert text in page.text
    assert SHELTER in page.html


def test_an_organisation_has_its_name_in_the_language_of_the_reader(pair: Pair) -> None:
    """The name that it signed, on every page; where a person is asked about it, the directory's name too."""
    told(pair, names={"en": "Fictional shelter", "ru": "Вымышленный приют"})
    _, here = sent(pair.kz, case_file(about="Fictional: names"))
    pair.exchange()
    person = Pages(pair.world, pair.kz).person()
    label = worklist.outside(*desk_of(pair.world, pair.kz), here).organisation
    for language, name in (("en", "Fictional shelter"), ("ru", "Вымышленный приют")):
        person.send("/language", language=language)
        for path in ("/referral", f"/sent/{here}"):
            page = person.get(path)
            assert name in page.text
            assert label not in page.text


def test_an_answer_is_due_by_the_time_of_the_country_where_none_was_set(pair: Pair) -> None:
    """Both sides read the same time: the sender after sending, the receiver before opening."""
    _, here = sent(pair.kz, case_file(about="Fictional: due", reply_by=None))
    pair.exchange()
    there = incoming(pair.uz, id_of(pair.kz, here))
    due = worklist.answer_due(*desk_of(pair.world, pair.kz), here)
    assert due is not None
    assert due.usual
    for gateway, path in ((pair.kz, f"/sent/{here}"), (pair.uz, f"/referral/{there}")):
        page = Pages(pair.world, gateway).person().get(path)
        assert catalogue("en").left(due.at_ms, gateway.now_ms()) in page.text


def test_whom_to_call_stands_wherever_somebody_is_silent(own: Pair) -> None:
    """After sending, on Today when an answer is late, and with an erasure that nobody has answered."""
    number = 'href="tel:+998710000001"'
    told(own)
    case, here = sent(own.kz, case_file(about="Fictional: silent"))
    own.exchange()
    person = Pages(own.world, own.kz).person()
    assert number in person.get(f"/sent/{here}").html
    assert number not in person.get("/today").html
    own.world.clock.now_ms += 30 * DAY_MS
    assert number in Pages(own.world, own.kz).person().get("/today").html
    desk, actor = desk_of(own.world, own.kz)
    erasure.erase(desk, replace(actor, confirmed=True), case)
    own.world.clock.now_ms += 2 * DAY_MS
    assert number in Pages(own.world, own.kz).person().get(f"/case/{case}/erase").html


def test_a_card_says_whom_to_call_in_the_language_of_the_person_and_names_nobody(pair: Pair) -> None:
    """It has the number and the place of this office's profile, and neither its name nor that of a person."""
    person = Pages(pair.world, pair.uz).person()
    write(person)
    person.send("/office/profile/look")
    hand_on(pair)
    page = person.get("/card?language=ru")
    card = page.html.partition('<div class="aloud"')[2].partition("</div>")[0]
    for text in ('lang="ru"', "Вы можете в любое время", "+998 71 000 00 01", "Any office of the fictional shelter"):
        assert text in card, text
    assert "приют" not in card
    english = person.get("/card?language=xx").html.partition('<div class="aloud"')[2]
    assert "You can take your yes back at any time." in english
