"""Text that others wrote, as people may see it, on a terminal and on paper. One place decides what is shown how.

A line feed, a hidden character or one that turns the direction of writing could make foreign words look like those of
this program. They are shown as what they are (`<U+202E>`), and each line of a longer text has a bar before it.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from html import escape
from typing import Any, Final

WIDTH: Final = 76
"""Columns of a line with foreign text: a narrower terminal does not break it where its writer wished."""
BAR: Final = "| "
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters with a letter's category that show nothing."""
_JOINERS: Final = "\u200c\u200d"
"""Of Persian, Indic scripts and pictures: how the letters beside it are written."""
_MOST_MARKS: Final = 4
"""Accents on one letter; more of them climb over the lines above and below."""


def line(text: str) -> str:
    """Return a text on one line, with everything hidden in it shown; line feeds too."""
    return _shown(text, keep="")


def visible(text: str) -> str:
    """Return a text with its line feeds, and everything else that is hidden in it shown."""
    return _shown(text.replace("\r\n", "\n"), keep="\n")


def block(text: str, indent: str = "") -> list[str]:
    """Return a text as lines, none wider than WIDTH, each behind `indent` and a bar."""
    room = max(WIDTH - len(indent) - len(BAR), 20)
    return [f"{indent}{BAR}{part}" for each in visible(text).split("\n") for part in _wrapped(each, room)]


def field(name: str, text: str, indent: str = "") -> list[str]:
    """Return a name of ours with a foreign text: on one line when that holds it, else as a block below the name."""
    if "\n" not in text and width(shown := line(text)) + len(indent) + len(name) + 2 <= WIDTH:
        return [f"{indent}{name}: {shown}"]
    return [f"{indent}{name}:", *block(text, indent + "  ")]


def markup(text: str) -> str:
    """Return one line of text for HTML: nothing in it is markup, and everything hidden is shown."""
    return escape(line(text))


def markup_block(text: str) -> str:
    """Return a text for HTML with its line feeds, set apart so that its direction changes nothing around it."""
    return f"<bdi>{escape(visible(text)).replace(chr(10), '<br>')}</bdi>"


def as_json(value: Any, *, indent: int | None = None, default: Callable[[Any], Any] | None = None) -> str:
    """Return JSON that reads back as `value`; hidden characters are escaped, so that a terminal does not obey them."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=default)
    return "".join(json.dumps(char)[1:-1] if _is_hidden(char) and char != "\n" else char for char in text)


def width(text: str) -> int:
    """Return how many columns a shown text takes; an East Asian letter takes two, an accent none."""
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if _is_mark(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def _is_mark(char: str) -> bool:
    """Whether a character is written over the one before; many have no combining class, as vowels of Thai."""
    return bool(unicodedata.combining(char)) or unicodedata.category(char) in {"Mn", "Me"}


def _is_hidden(char: str) -> bool:
    variation = "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"
    return unicodedata.category(char) in _HIDDEN or char in _BLANK or variation


def _joins(text: str, number: int) -> bool:
    """Whether a joiner stands between two letters or pictures that it can join; none of them is Latin."""
    before, after = text[max(number - 1, 0) : number], text[number + 1 : number + 2]
    return all(each and not each.isascii() and not _is_hidden(each) and not each.isspace() for each in (before, after))


def _shown(text: str, keep: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    shown, marks = [], 0
    for number, char in enumerate(text):
        marks = marks + 1 if _is_mark(char) else 0
        if char == "\t" or unicodedata.category(char) == "Zs":
            shown.append(" ")
        elif char in _JOINERS and _joins(text, number):
            shown.append(char)
        elif char not in keep and (_is_hidden(char) or marks > _MOST_MARKS):
            shown.append(f"<U+{ord(char):04X}>")
        else:
            shown.append(char)
    return "".join(shown)


def _wrapped(text: str, room: int) -> list[str]:
    """Break a line at its last blank that fits, or within a word that is too long."""
    parts, begin = list[str](), 0
    while (end := _fitting(text, begin, room)) < len(text):
        blank = text.rfind(" ", begin + 1, end + 1)
        end = blank if blank - begin > room // 2 else end
        parts.append(text[begin:end].rstrip(" "))
        begin = end
        while text[begin : begin + 1] == " ":
            begin += 1
    return [*parts, text[begin:]]


def _fitting(text: str, begin: int, room: int) -> int:
    """Return where the part of `text` from `begin` ends that takes no more than `room` columns."""
    used = 0
    for number in range(begin, len(text)):
        used += _columns(text[number])
        if used > room:
            return number
    return len(text)
