"""One form of a name for all scripts and spellings that are near to each other, to look for it; it is never shown."""

from __future__ import annotations

import re
from typing import Final

_SAME: Final = (
    ("dzh", "j"),
    ("zh", "j"),
    ("kh", "h"),
    ("x", "h"),
    ("q", "k"),
    ("w", "v"),
    ("yo", "o"),
    ("yu", "u"),
    ("ya", "a"),
    ("iu", "u"),
    ("ia", "a"),
    ("ye", "e"),
    ("y", "i"),
)
"""Letters that passports and people write for the same sound of the region's languages."""
_OTHER: Final = re.compile(r"[^a-z0-9\n ]+")
_TWICE: Final = re.compile(r"([a-z])\1+")


def folded(text: str) -> str:
    """Return a text in small Latin letters, near spellings as one: "Жамшид", "Jamshid" and "Zhamshid" are the same."""
    from anyascii import anyascii  # late: only where somebody looks for a name

    latin = _OTHER.sub("", anyascii(text).casefold()).strip()
    for written, stands in _SAME:
        latin = latin.replace(written, stands)
    return _TWICE.sub(r"\1", latin)
