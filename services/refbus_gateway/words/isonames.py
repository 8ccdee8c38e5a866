"""Names of countries and languages in the languages that are here, as Unicode CLDR has them.

A catalogue comes first: it has the words of the field, and those that CLDR has not (Tajik, Turkmen, sign languages).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

from refbus.wire.codelists import code_list

if TYPE_CHECKING:
    from babel import Locale

COUNTRIES: Final = "iso.3166-1"
SPOKEN: Final = "iso.639-2"
NAMED: Final = frozenset({COUNTRIES, SPOKEN})
"""Lists whose names CLDR has."""


def named(locale: Locale, list_name: str, english: str) -> str | None:
    """Return the name that CLDR has in a language for what a list calls `english`; None where it has none."""
    code = _codes(list_name).get(english)
    if code is None:
        return None
    names = locale.territories if list_name == COUNTRIES else locale.languages
    found = names.get(short_code(code) if list_name == SPOKEN else code)
    return str(found) if found and found != code else None


def short_code(code: str) -> str:
    """Return the one code of a language of the list, as BCP 47 has it: of two letters where there is one."""
    return _short().get(code, code)


def name_of(locale: Locale, list_name: str, english: str) -> str:
    """Return the name in a language, the English one of the list where CLDR has none."""
    return english if locale.language == "en" else named(locale, list_name, english) or english


@cache
def _codes(list_name: str) -> Mapping[str, str]:
    return {english: code for code, english in code_list(list_name).codes.items()}


@cache
def _short() -> Mapping[str, str]:
    """Return the code of two letters, which CLDR uses, of each language that has one."""
    return {code: short for short, code in code_list(SPOKEN).other_spellings.items() if len(short) == 2}
