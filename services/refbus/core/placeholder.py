"""Words that a form prints where an answer belongs. They are marked, so that no reader takes them for an answer.

What a template or an example wrote was said by nobody: signed, it would be a consent that nobody gave.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any, Final

OPENS: Final = "<<"
CLOSES: Final = ">>"
_EARLIER: Final = frozenset(
    {
        "where the person can withdraw; no person's name",
        "when they must erase it",
        "what this file is",
        "...",
    }
)
"""What earlier versions printed without a mark, and the three dots of an example."""


def placeholder(words: str) -> str:
    """Return `words` as a form prints them, marked."""
    return f"{OPENS}{words}{CLOSES}"


def is_placeholder(text: str) -> bool:
    """Return whether a text, or a part of it, is what a form printed; case, blanks and wide letters do not count."""
    said = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    opened = said.find(OPENS)
    return (opened >= 0 and CLOSES in said[opened:]) or said.strip("<> ") in _EARLIER


def placeholders(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every placeholder in a JSON value, like "permit[0].purposes[1]"; keys are looked at too."""
    if isinstance(value, str):
        if is_placeholder(value):
            yield path
    elif isinstance(value, dict):
        for name, item in value.items():
            if is_placeholder(name):
                yield path
            yield from placeholders(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from placeholders(item, f"{path}[{number}]")
