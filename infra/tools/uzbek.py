"""Uzbek in Cyrillic letters (1940), written from Uzbek in Latin ones (1995).

Rules do most; words that came through Russian are in a list.
Left as it is: values (`%(name)s`), commands, names of files and fields, codes and abbreviations in capitals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
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
    "avtomobil": "автомобиль",
    "mototsikl": "мотоцикл",
    "vyetnam": "вьетнам",
    "polsha": "польша",
    "italyan": "итальян",
    "fransuz": "француз",
}
"""Beginnings of words that came through Russian and keep its spelling; a soft sign goes before a vowel."""
_KEPT: Final = r"%\([a-z_0-9]+\)s|`[^`]*`|https?://\S+|<[^>]*>"
_CAPITALS: Final = r"\b[A-Z][A-Z0-9_]+\b"
_NAMES: Final = re.compile(
    r"--[a-z][\w-]*|(?<!\S)\.[a-z][\w-]+|\d{4}-[\d-]+T[\d:+]+|\w+(?:[-./@]\w+)*[_./@]\w+(?:[-./@]\w+)*"
)
"""Options, files, addresses, names of fields: whatever has a sign between its letters that no word has."""
_COMMANDS: Final = re.compile(r"\b(?:refbus|chmod)\b.*")
_WORD: Final = re.compile(r"[a-zʻʼ]+", re.IGNORECASE)
_LETTER: Final = re.compile("|".join([*sorted(_LETTERS, key=len, reverse=True), "e", "."]))
_VOWELS: Final = "aeiou"


def to_cyrillic(text: str, english: str | None = None) -> str:
    """Return a text in Cyrillic letters; codes, commands and names of files stay when the English text has them too."""
    parts, end = [], 0
    for kept in re.finditer("|".join(_kept(text, english)), text):
        parts += [_WORD.sub(_word, _signs(text[end : kept.start()])), kept.group()]
        end = kept.end()
    return "".join([*parts, _WORD.sub(_word, _signs(text[end:]))])


def _kept(text: str, english: str | None) -> list[str]:
    """Return patterns of what stays: the longest first, as the first that fits is taken."""
    if english is None:
        return [_KEPT, _CAPITALS]
    found = {*_commands(text, english), *_NAMES.findall(english), *re.findall(_CAPITALS, english)}
    longest_first = sorted(found - {""}, key=lambda each: (-len(each), each))
    return [*(rf"(?<![\w-]){re.escape(each)}(?!\w)" for each in longest_first), _KEPT]


def _commands(text: str, english: str) -> Iterator[str]:
    """Yield the commands of a text that stand in no backticks: as many words as the English text has in that order."""
    wanted = [each.group().split() for each in _COMMANDS.finditer(english)]
    wanted += [each[start:] for each in wanted for start, word in enumerate(each) if start and word == "refbus"]
    for given in re.finditer(r"\b(?:refbus|chmod)\b", text):
        words = re.split(r"[,;:.]?\s", text[given.start() :])
        same: list[list[str]] = [[], *(_same(words, each) for each in wanted)]
        longest = max(same, key=len)
        yield " ".join(longest)


def _same(words: list[str], others: list[str]) -> list[str]:
    """Return the words with which both lists begin."""
    same = takewhile(lambda pair: pair[0].rstrip(",;:.") == pair[1].rstrip(",;:."), zip(words, others, strict=False))
    return [word.rstrip(",;:.") for word, _ in same]


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
