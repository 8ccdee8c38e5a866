"""English sentences on a page, a paper or a terminal that should speak another language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

_SENTENCE: Final = re.compile(r"[A-Za-z][a-z']+(?:[ ,;:]+[A-Za-z]?[a-z']+){2,}")
"""Three words or more of small ASCII letters behind each other; the first may begin with a capital."""
_COMMAND: Final = re.compile(r"`[^`]*`|\"[^\"]*\"|'[^']*'|\brefbus(?: -*[a-z]+)+")
"""What is typed or quoted as it is."""
_FOREIGN: Final = frozenset({"bdi", "code", "script", "style", "textarea", "pre"})
"""What others wrote, and what is for programs and for whoever helps."""
_READ: Final = ("aria-label", "placeholder", "title", "alt")
_EMPTY: Final = frozenset({"input", "br", "hr", "meta", "link", "img"})


class _Reader(HTMLParser):
    def __init__(self, language: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._language = language
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        other = given.get("lang", self._language) != self._language
        foreign = tag in _FOREIGN or other or "code" in given.get("class", "").split()
        if not self._is_foreign and not foreign:
            self.texts += [given[name] for name in _READ if name in given]
        if tag not in _EMPTY:
            self._open.append((tag, foreign))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self._is_foreign:
            self.texts.append(" ".join(data.split()))

    @property
    def _is_foreign(self) -> bool:
        return any(foreign for _, foreign in self._open)


def english(text: str) -> list[str]:
    """Return the English sentences of a text, without what stands in quotation marks of a command."""
    return _SENTENCE.findall(_COMMAND.sub("", text))


def english_in(page: str, language: str = "ru") -> Iterator[str]:
    """Yield the English sentences of a page in another language, without foreign text, codes and other languages."""
    reader = _Reader(language)
    reader.feed(page)
    for each in reader.texts:
        yield from english(each)
