"""Words of a language: messages with values, plural forms, dates, numbers, lists, the order of letters."""

from __future__ import annotations

import gettext

import pytest

from refbus.core.units import DAY_MS, HOUR_MS, MINUTE_MS
from refbus.errors import SetupError
from refbus_gateway.words.catalogue import Catalogue, catalogue
from refbus_gateway.words.languages import LANGUAGES

NOON_MS = 1_796_040_000_000  # 2026-11-30T12:00Z


class Wrong(gettext.NullTranslations):
    """Translations with values that nobody gives."""

    def gettext(self, message: str) -> str:
        """Return a text that cannot be filled in."""
        return "%(nobody)s"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_has_words_of_its_list(language: str) -> None:
    """The context tells which list a word belongs to; only English shows the source text."""
    shown = catalogue(language).text("No free capacity", "refbus.RejectReason")
    assert (shown == "No free capacity") is (language == "en")


def test_what_is_not_translated_is_english_with_its_values() -> None:
    """A message that no catalogue has is shown as it stands in the code."""
    assert catalogue("kk").text("Never %(name)s anywhere", name="seen") == "Never seen anywhere"
    assert catalogue("ru").plural("%(n)s thing of none", "%(n)s things of none", 2) == "2 things of none"


def test_a_translation_that_cannot_be_filled_in_gives_way_to_english() -> None:
    """A damaged translation does not break a page."""
    assert Catalogue("ru", Wrong()).text("To %(name)s", name="A") == "To A"


def test_a_value_is_put_in_as_it_is() -> None:
    """Signs of the format in a value are text."""
    assert catalogue("en").text("To %(name)s", name="%(other)s 100%") == "To %(other)s 100%"


def test_a_language_that_is_not_here_is_refused() -> None:
    """The path of a catalogue is never made from what somebody asks for."""
    with pytest.raises(SetupError):
        catalogue("../en")


def test_dates_are_those_of_the_home_clock() -> None:
    """Minutes ahead of UTC are added; the form is the language's own."""
    assert catalogue("en").moment(NOON_MS, 300) == "30 Nov 2026, 17:00"
    assert catalogue("ru").moment(NOON_MS, 300) == "30 нояб. 2026\u202fг., 17:00"
    assert catalogue("ru").day(NOON_MS, 720) == "1 декабря 2026\u202fг."
    assert catalogue("en").moment(10**18, 0) == f"{10**18} ms"


def test_what_is_left_is_told_in_a_unit_that_helps() -> None:
    """Minutes, hours, then days; and that it is over."""
    words = catalogue("en")
    assert words.left(5 * DAY_MS, 0) == "5 days left"
    assert words.left(30 * HOUR_MS, 0) == "30 hours left"
    assert words.left(HOUR_MS, 0) == "1 hour left"
    assert words.left(9 * MINUTE_MS, 0) == "9 minutes left"
    assert words.left(0, 1) == "time is over"


def test_numbers_and_lists_are_written_as_the_language_does() -> None:
    """Signs between thousands, the word before the last of a list."""
    assert catalogue("en").listed(["a", "b", "c"]) == "a, b and c"
    assert catalogue("ru").listed(["a", "b", "c"]) == "a, b и c"
    assert catalogue("en").number(12345) == "12,345"
    assert catalogue("ru").number(12345) == "12\u00a0345"


@pytest.mark.parametrize(
    ("language", "sorted_"),
    [
        ("ru", ["Ель", "ёлка", "жук"]),
        ("kk", ["ат", "Ән", "бір", "ұл", "үй"]),
        ("ky", ["нан", "ңа", "от", "өт"]),
        ("uz-Latn", ["non", "soy", "zar", "oʻt", "Shol", "choy"]),
        ("uz-Cyrl", ["нон", "шол", "ўт", "қиз"]),
        ("tk", ["aý", "çaý", "geň", "şol", "ýyl"]),
        ("tg", ["ҳис", "чой", "ҷой"]),
        ("en", ["Almaty", "Osh"]),
    ],
)
def test_names_stand_in_the_order_of_the_language(language: str, sorted_: list[str]) -> None:
    """As in a dictionary: capitals do not count, each letter has its place."""
    assert catalogue(language).in_order(reversed(sorted_), str) == sorted_
