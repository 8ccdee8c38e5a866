"""Uzbek in Cyrillic letters (1940), written from Uzbek in Latin ones (1995).

Rules do most; words that came through Russian are in a list.
Left as it is: values (`%(name)s`), commands between backticks, codes and abbreviations in capitals.
"""

from __future__ import annotations

import re
from typing import Final

_LETTERS: Final = {
    "yoʻ": "йў",
    "oʻ": "ў",
    "gʻ": "ғ",
    "sʼh": "сҳ",
    "sh": "ш",
    "ch": "ч",
    "yo": "ё",
    "yu": "ю",
    "ya": "я",
    "ye": "е",
    "tsiya": "ция",
    "nsiya": "нция",
    "ksiya": "кция",
    **dict(zip("abdfghijklmnopqrstuvxyzʼ", "абдфгҳижклмнопқрстувхйзъ", strict=True)),
}
_STEMS: Final = {
    "konsult": "консульт",
    "kompyuter": "компьютер",
    "obyekt": "объект",
    "subyekt": "субъект",
    "pensiya": "пенсия",
    "poyabzal": "пойабзал",
    "sirk": "цирк",
    "sement": "цемент",
    "interfeys": "интерфейс",
    "aprel": "апрель",
    "iyun": "июнь",
    "iyul": "июль",
    "sentabr": "сентябрь",
    "oktabr": "октябрь",
    "noyabr": "ноябрь",
    "dekabr": "декабрь",
    "yanvar": "январь",
    "fevral": "февраль",
    "parol": "пароль",
    "rol": "роль",
    "model": "модель",
}
"""Beginnings of words that came through Russian and keep its spelling; a soft sign goes before a vowel."""
_KEPT: Final = re.compile(r"%\([a-z_0-9]+\)s|`[^`]*`|https?://\S+|\b[A-Z][A-Z0-9_]+\b|<[^>]*>")
_WORD: Final = re.compile(r"[a-zʻʼ]+", re.IGNORECASE)
_LETTER: Final = re.compile("|".join([*sorted(_LETTERS, key=len, reverse=True), "e", "."]))
_VOWELS: Final = "aeiou"


def to_cyrillic(text: str) -> str:
    """Return a text in Cyrillic letters."""
    parts, end = [], 0
    for kept in _KEPT.finditer(text):
        parts += [_WORD.sub(_word, _signs(text[end : kept.start()])), kept.group()]
        end = kept.end()
    return "".join([*parts, _WORD.sub(_word, _signs(text[end:]))])


def _signs(text: str) -> str:
    """Return a text with one sign for each: ʻ belongs to oʻ and gʻ, ʼ stands alone."""
    one = re.sub(r"([oOgG])[ʻ'`‘’]", "\\1ʻ", text)
    return re.sub(r"(?<=[a-zA-Z])['`‘’](?=[a-zA-Z])", "ʼ", one)


def _word(match: re.Match[str]) -> str:
    word = match.group()
    lower = word.lower()
    stem = max((each for each in _STEMS if lower.startswith(each)), key=len, default="")
    rest = lower[len(stem) :]
    begun = _STEMS.get(stem, "")
    if begun.endswith("ь") and rest[:1] in set(_VOWELS):
        begun = begun[:-1]
    return _as(word, begun + _letters(rest, begun))


def _letters(word: str, before: str) -> str:
    done = ""
    for match in _LETTER.finditer(word):
        letter, start = match.group(), match.start()
        if letter == "e":
            first = start == 0 and not before
            done += "э" if first or (start > 0 and word[start - 1] in _VOWELS) else "е"
        else:
            done += _LETTERS.get(letter, letter)
    return done


def _as(word: str, written: str) -> str:
    """Return a word with the capitals of another: all, the first, or none."""
    if len(word) > 1 and word.isupper():
        return written.upper()
    return written[:1].upper() + written[1:] if word[:1].isupper() else written
