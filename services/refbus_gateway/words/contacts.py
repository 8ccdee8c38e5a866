"""What a profile says, in words: languages, telephone numbers, hours, room, whom somebody helps."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Final

from refbus.core.profile import Capacity, OpeningHours, Serves
from refbus.said import Said, said
from refbus_gateway.words.catalogue import Catalogue, mark
from refbus_gateway.words.codes import label
from refbus_gateway.words.isonames import SPOKEN, short_code
from refbus_gateway.words.languages import LANGUAGES, NAMES
from refbus_gateway.words.names import exact_code

CAPACITIES: Final = {
    Capacity.FREE: mark("There is room"),
    Capacity.FEW: mark("A few places"),
    Capacity.NONE: mark("Full"),
}
SERVED: Final = {
    Serves.WOMEN: mark("Women"),
    Serves.MEN: mark("Men"),
    Serves.CHILDREN: mark("Children"),
    Serves.ACCESSIBLE: mark("People who use a wheelchair"),
}
_TONGUE: Final = frozenset(
    ["language", "язык", "тілі", "тіл", "тили", "тил", "tili", "til", "dili", "dil", "забони", "забон"]
)
"""The word for a language, as it stands beside its name."""
_ENDING: Final = re.compile("(?:ский|ча|че|чө|чо|ша|ше|ий|ӣ|cha|ca|ce)$")
"""What makes the name of a people the name of its language."""
_APOSTROPHE: Final = re.compile("['`‘’ʼʻ]")
_SHORTEST: Final = 3
_DAY_MIN: Final = 1440
_TIME: Final = re.compile(r"([01]?[0-9]|2[0-4])[:.]([0-5][0-9])")


def language_code(text: str) -> str | None:
    """Return the one code of a language, BCP 47, from any usual form: "tg", "TGK", "tg-Cyrl", "Tajik", "tojikcha".

    None for what is no language known here.
    """
    wished = text.strip().casefold()
    found = _languages().get(wished) or _languages().get(re.split("[-_]", wished)[0])
    listed = None if found else exact_code(SPOKEN, wished)
    return found or (short_code(listed) if listed else _stems().get(_stem_of(wished)))


def _stem_of(name: str) -> str:
    """Return the name of a language without the word for it, its ending, apostrophes and marks on Latin letters.

    "rus dili", "rusça" and "ruscha" are "rus"; "қырғыз тілі" is "қырғыз".
    """
    decomposed = (unicodedata.normalize("NFD", letter) for letter in unicodedata.normalize("NFC", name.casefold()))
    plain = "".join(each[0] if each[0].isascii() else unicodedata.normalize("NFC", each) for each in decomposed)
    words = [word for word in _APOSTROPHE.sub("", plain).split() if word not in _TONGUE]
    return _ENDING.sub("", words[0]) if len(words) == 1 else ""


@cache
def _stems() -> dict[str, str]:
    """Return the code of each language by the stem of its names, but for what two languages share."""
    found: dict[str, set[str]] = {}
    for name, code in _languages().items():
        found.setdefault(_stem_of(name), set()).add(code)
    return {stem: min(codes) for stem, codes in found.items() if len(codes) == 1 and len(stem) >= _SHORTEST}


def language_name(words: Catalogue, code: str) -> str:
    """Return the name of a language in words, the code where nobody knows it."""
    short = language_code(code) or code
    found = words.locale.languages.get(short)
    if found:
        return str(found)
    return label(words.language, SPOKEN, short) or code


def telephone_code(text: str, country: str) -> str | None:
    """Return a number as E.164 from what a person typed; one without a country code is of `country` (ISO 3166-1)."""
    import phonenumbers  # late: it brings the rules of all countries

    try:
        number = phonenumbers.parse(text, country.upper())
    except phonenumbers.NumberParseException:
        return None
    if number.extension or not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def telephone_advice(country: str) -> Said:
    """Return how to write a number, with an example of a country (ISO 3166-1); of uz where none is known."""
    import phonenumbers  # late: see above

    mobile = phonenumbers.PhoneNumberType.MOBILE
    found = (phonenumbers.example_number_for_type(each, mobile) for each in (country.upper(), "UZ"))
    number = next(each for each in found if each is not None)
    example = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return said("write it with + and the country, like %(example)s", example=example)


def telephone(code: str) -> str:
    """Return an E.164 number in groups, as people read it aloud."""
    import phonenumbers  # late: see above

    try:
        number = phonenumbers.parse(code, None)
    except phonenumbers.NumberParseException:
        return code
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def capacity(words: Catalogue, stated: Capacity, places: int | None) -> str:
    """Return whether there is room; empty where nothing is stated."""
    found = words.text(CAPACITIES[stated]) if stated in CAPACITIES else ""
    if places:
        free = words.plural("%(n)s free place", "%(n)s free places", places)
        return f"{found}: {free}" if found else free
    return found


def served(words: Catalogue, serves: Iterable[Serves]) -> str:
    """Return whom an organisation helps, as a list: the first with a capital letter."""
    found = [words.text(SERVED[each]) for each in serves]
    return words.listed([*found[:1], *(text[:1].lower() + text[1:] for text in found[1:])])


def hours(words: Catalogue, stated: Iterable[OpeningHours]) -> str:
    """Return hours as people read them: days with the same hours together; empty where nothing is stated."""
    by_day: dict[int, str] = {}
    for each in stated:
        span = f"{_clock(each.from_min)}–{_clock(each.until_min)}"
        by_day[each.day] = f"{by_day[each.day]}, {span}" if each.day in by_day else span
    if len(by_day) == 7 and set(by_day.values()) == {"00:00–24:00"}:
        return words.text("Day and night, every day")
    names = words.locale.days["format"]["abbreviated"]
    parts: list[tuple[int, int, str]] = []
    for day, spans in sorted(by_day.items()):
        if parts and parts[-1][2] == spans and parts[-1][1] == day - 1:
            parts[-1] = (parts[-1][0], day, spans)
        else:
            parts.append((day, day, spans))
    shown = (
        f"{names[first - 1]}{f'–{names[last - 1]}' if last > first else ''} {spans}" for first, last, spans in parts
    )
    return "; ".join(shown)


def spans_of(text: str) -> list[tuple[int, int]] | None:
    """Return spans of a day in minutes from "9:00-13:00, 14:00-18:00"; None for what is none."""
    found = []
    for part in re.split(r"[,;]", text):
        ends = [_minutes(each) for each in re.split(r"\s*[-–—]\s*", part.strip())]
        if len(ends) != 2 or ends[0] is None or ends[1] is None:
            return None
        found.append((ends[0], ends[1]))
    return found


def spans_text(spans: Iterable[tuple[int, int]]) -> str:
    """Return spans of a day as they are typed."""
    return ", ".join(f"{_clock(begin)}-{_clock(end)}" for begin, end in spans)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _minutes(text: str) -> int | None:
    match = _TIME.fullmatch(text)
    found = None if match is None else int(match[1]) * 60 + int(match[2])
    return found if found is not None and found <= _DAY_MIN else None


@cache
def _languages() -> dict[str, str]:
    """Return the one code of each language by its codes and names, in small letters."""
    from babel import Locale  # late: most commands ask for no language
    from babel.core import get_global

    names: dict[str, str] = {}
    for language in reversed(LANGUAGES):
        for code, name in Locale.parse(language, sep="-").languages.items():
            if "_" not in code:
                names[str(name).casefold()] = code
    for language, name in NAMES.items():
        names[name.casefold()] = language.partition("-")[0]
    short = {code: code for code in names.values()}
    longer = {code: to for code, to in get_global("language_aliases").items() if to in short}
    return {**names, **short, **longer}
