"""Languages, telephone numbers and hours as people write and read them."""

from __future__ import annotations

import pytest

from refbus.core.profile import Capacity, OpeningHours
from refbus_gateway.words import contacts
from refbus_gateway.words.catalogue import catalogue

EN, RU = catalogue("en"), catalogue("ru")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("tg", "tg"),
        ("TGK", "tg"),
        ("tgk-Cyrl", "tg"),
        ("Tajik", "tg"),
        ("таджикский", "tg"),
        ("Қазақша", "kk"),
        ("kir", "ky"),
        ("uz_Latn", "uz"),
        ("prs", "prs"),
        ("kaa", "kaa"),
        *(("rusça", "ru"), ("rus dili", "ru"), ("орыс", "ru"), ("орус тили", "ru"), ("ruscha", "ru"), ("русӣ", "ru")),
        *(("қазақ", "kk"), ("qozoqcha", "kk"), ("gazakça", "kk"), ("казахский язык", "kk"), ("қазоқӣ", "kk")),
        *(("kyrgyz tili", "ky"), ("gyrgyzça", "ky"), ("qirgizcha", "ky"), ("кыргыз тили", "ky"), ("қирғиз", "ky")),
        *(("o'zbek", "uz"), ("ozbekcha", "uz"), ("özbekçe", "uz"), ("ўзбек тили", "uz"), ("узбекча", "uz")),
        *(("türkmen", "tk"), ("turkmence", "tk"), ("turkmancha", "tk"), ("туркмен тили", "tk"), ("туркманӣ", "tk")),
        *(("tojikcha", "tg"), ("täjikçe", "tg"), ("тәжік", "tg"), ("тажикче", "tg"), ("забони тоҷикӣ", "tg")),
        ("English language", "en"),
        ("тил", None),
        ("Klingonian", None),
        ("", None),
    ],
)
def test_a_language_is_known_in_any_usual_form(typed: str, code: str | None) -> None:
    """Two letters, three letters, with a script, by its name in one of our languages."""
    assert contacts.language_code(typed) == code


def test_a_language_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the language of the page; a code that nobody knows stays."""
    assert contacts.language_name(RU, "tgk") == "таджикский"
    assert contacts.language_name(EN, "prs") in {"Dari", "prs"}
    assert contacts.language_name(EN, "zz9") == "zz9"


@pytest.mark.parametrize(
    ("typed", "country", "code"),
    [
        ("8 (7172) 00-00-01", "kz", "+77172000001"),
        ("0312 000001", "kg", "+996312000001"),
        ("71 000 00 01", "uz", "+998710000001"),
        ("+993 12 00 00 01", "uz", "+99312000001"),
        ("12", "uz", None),
        ("call us", "uz", None),
        ("71 000 00 01 ext. 5", "uz", None),
    ],
)
def test_a_number_is_read_by_the_rules_of_its_country(typed: str, country: str, code: str | None) -> None:
    """The home country where it says none."""
    assert contacts.telephone_code(typed, country) == code


def test_a_number_is_shown_in_groups() -> None:
    """As people read it aloud; what is no number stays as it is."""
    assert contacts.telephone("+998710000001") == "+998 71 000 00 01"
    assert contacts.telephone("nonsense") == "nonsense"


def test_hours_are_shown_by_days_that_are_alike() -> None:
    """Days in a row stand together, and day and night has words of its own."""
    week = [OpeningHours(day, 540, 1080) for day in range(1, 6)]
    assert contacts.hours(EN, [*week, OpeningHours(7, 600, 720)]) == "Mon–Fri 09:00–18:00; Sun 10:00–12:00"
    assert contacts.hours(EN, [OpeningHours(1, 540, 780), OpeningHours(1, 840, 1080)]) == "Mon 09:00–13:00, 14:00–18:00"
    assert contacts.hours(RU, [OpeningHours(day, 0, 1440) for day in range(1, 8)]) == "Круглосуточно, каждый день"
    assert contacts.hours(EN, []) == ""


@pytest.mark.parametrize(
    ("typed", "spans"),
    [
        ("9:00-18:00", [(540, 1080)]),
        ("09.00 – 13.00; 14:00-24:00", [(540, 780), (840, 1440)]),
        ("9-18", None),
        ("", None),
    ],
)
def test_hours_are_read_as_they_are_typed(typed: str, spans: list[tuple[int, int]] | None) -> None:
    """With dots or colons, any dash, several spans."""
    assert contacts.spans_of(typed) == spans


def test_room_is_told_in_words() -> None:
    """With the number of places, or the number alone."""
    assert contacts.capacity(EN, Capacity.FEW, 2) == "A few places: 2 free places"
    assert contacts.capacity(EN, Capacity.UNSTATED, 1) == "1 free place"
    assert contacts.capacity(EN, Capacity.NONE, None) == "Full"
    assert contacts.capacity(EN, Capacity.UNSTATED, None) == ""
