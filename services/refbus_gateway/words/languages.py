"""The languages and scripts that words are in: their names, the direction of writing, the order of their letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Final, TypeVar

Element = TypeVar("Element")
LANGUAGES: Final = ("en", "ru", "kk", "ky", "uz-Latn", "uz-Cyrl", "tk", "tg")
"""Languages and scripts, BCP 47; English is the language of the sources."""
NAMES: Final = {
    "en": "English",
    "ru": "Русский",
    "kk": "Қазақша",
    "ky": "Кыргызча",
    "uz-Latn": "Oʻzbekcha",
    "uz-Cyrl": "Ўзбекча",
    "tk": "Türkmençe",
    "tg": "Тоҷикӣ",
}
"""The name of each language in its own script, as a person looks for it."""
_SHORT: Final = {language.partition("-")[0]: language for language in reversed(LANGUAGES)}
"""Each of them by its two letters; of Uzbek the Latin script."""
_ALPHABETS: Final = {
    "kk": "а ә б в г ғ д е ё ж з и й к қ л м н ң о ө п р с т у ұ ү ф х һ ц ч ш щ ъ ы і ь э ю я",
    "ky": "а б в г д е ё ж з и й к л м н ң о ө п р с т у ү ф х ц ч ш щ ъ ы ь э ю я",
    "ru": "а б в г д е ё ж з и й к л м н о п р с т у ф х ц ч ш щ ъ ы ь э ю я",
    "tg": "а б в г ғ д е ё ж з и ӣ й к қ л м н о п р с т у ӯ ф х ҳ ч ҷ ш ъ э ю я",
    "tk": "a b ç d e ä f g h i j ž k l m n ň o ö p r s ş t u ü w y ý z",
    "uz-Cyrl": "а б в г д е ё ж з и й к л м н о п р с т у ф х ц ч ш ъ ь э ю я ў қ ғ ҳ",
    "uz-Latn": "a b d e f g h i j k l m n o p q r s t u v x y z oʻ gʻ sh ch ng",
}
"""Letters in the order of each language's dictionaries; English keeps the order of Unicode."""
_APOSTROPHES: Final = str.maketrans("'`‘’ʼ", "ʻʻʻʻʻ")


def wished(environ: Mapping[str, str]) -> str:
    """Return the language that an environment asks for with LANG, English if there are no words in it."""
    name = environ.get("LANG", "en").split(".", maxsplit=1)[0].replace("_", "-")
    return named(name.partition("-")[0]) or "en"


def named(code: str) -> str | None:
    """Return the language with this code; two letters are enough."""
    return code if code in LANGUAGES else _SHORT.get(code)


def direction(language: str) -> str:
    """Return the direction of writing for HTML: all languages of the region that are here run from left to right."""
    return "ltr" if language in LANGUAGES else "auto"


def in_order(language: str, elements: Iterable[Element], text: Callable[[Element], str]) -> list[Element]:
    """Return elements sorted by their text as a dictionary of the language does; ё stands with е only where it must."""
    return sorted(elements, key=lambda each: sort_key(language, text(each)))


def sort_key(language: str, text: str) -> tuple[tuple[int, str], ...]:
    """Return a key that sorts texts by the alphabet of a language; letters of other scripts come after its own."""
    order, letters = _order(language)
    folded = unicodedata.normalize("NFC", text.casefold())
    if language == "uz-Latn":
        folded = folded.translate(_APOSTROPHES)
    return tuple((order.get(letter, _rank(letter)), letter) for letter in letters.findall(folded))


def _rank(letter: str) -> int:
    """Return where a character of no alphabet stands: blanks, signs and digits before all letters, others after."""
    return 1000 if letter.isalpha() else -1


@cache
def _order(language: str) -> tuple[dict[str, int], re.Pattern[str]]:
    letters = _ALPHABETS.get(language, "").split()
    longest_first = sorted((each for each in letters if len(each) > 1), key=len, reverse=True)
    return {letter: rank for rank, letter in enumerate(letters)}, re.compile("|".join([*longest_first, "."]), re.DOTALL)
