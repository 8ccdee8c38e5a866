"""One form of a name for all scripts and spellings that are near to each other, to look for it; it is never shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
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
_END: Final = "\0"
"""What stands between texts that are folded together; it is taken out of the texts themselves."""
_OTHER: Final = re.compile(rf"[^a-z0-9\n {_END}]+")
_TWICE: Final = re.compile(r"([a-z])\1+")


def folded(text: str) -> str:
    """Return a text in small Latin letters, near spellings as one: "Жамшид", "Jamshid" and "Zhamshid" are the same."""
    return all_folded([text])[0]


def all_folded(texts: Iterable[str]) -> list[str]:
    """Return each of many texts as `folded` does, in the time that few take."""
    from anyascii import anyascii  # late: only where somebody looks for a name

    whole = _END.join(text.replace(_END, "") for text in texts)
    latin = _OTHER.sub("", anyascii(whole).casefold())
    for written, stands in _SAME:
        latin = latin.replace(written, stands)
    return [_TWICE.sub(r"\1", each.strip()) for each in latin.split(_END)]
