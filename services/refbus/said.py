"""A text that is English and can be said in another language: its message and values stay with it.

It is made where no language is known, in a form, a rule or an error, and is said where a person reads it
(`Catalogue.spoken`). Everywhere else (logs, metrics, JSON, the store) it is an ordinary English text.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Final

_MOST_NAMED: Final = 20
BRIEF: Final = "brief"
"""Context of what a field is for."""


class Said(str):
    """An English text with its message, its context and its values. A value that is one itself is said too."""

    message: str
    context: str | None
    values: dict[str, object]

    def __new__(cls, message: str, context: str | None = None, **values: object) -> Said:
        """Return the text; `message` names the values as `%(name)s`."""
        made = super().__new__(cls, message % values if values else message)
        made.message, made.context, made.values = message, context, values
        return made


def said(message: str, **values: object) -> Said:
    """Return a text with its values. The message is collected for the catalogues, so it is written out here."""
    return Said(message, None, **values)


def placed(place: object, what: object) -> Said:
    """Return where something is and what is there, as "org.json: not JSON"; either may be a `Said`."""
    return Said("%(place)s: %(what)s", None, place=place, what=what)


def joined(parts: Iterable[str]) -> str:
    """Return parts with commas between them; each may be a `Said`."""
    return reduce(lambda head, part: Said("%(head)s, %(part)s", None, head=head, part=part), parts)


def named(text: str) -> Said:
    """Return a text that is no message, as a name, an id or a day. One that can be said already stays as it is."""
    return text if isinstance(text, Said) else Said("%(text)s", None, text=text)


def some_of(parts: Iterable[object]) -> Said:
    """Return the first 20 of them with commas between, and how many more there are."""
    found = [str(each) for each in parts]
    first, rest = ", ".join(found[:_MOST_NAMED]), len(found) - _MOST_NAMED
    return said("%(some)s and %(rest)s more", some=first, rest=rest) if rest > 0 else named(first)


def reason_of(error: OSError) -> str:
    """Return why the operating system refused, as it says itself in English."""
    told = error.strerror or type(error).__name__
    return _OF_SYSTEM.get(told, told)


_OF_SYSTEM: Final[dict[str, Said]] = {
    str(each): each
    for each in (
        said("No such file or directory"),
        said("Permission denied"),
        said("Operation not permitted"),
        said("Is a directory"),
        said("Not a directory"),
        said("File exists"),
        said("No space left on device"),
        said("Disk quota exceeded"),
        said("Read-only file system"),
        said("Input/output error"),
        said("Too many open files"),
        said("File name too long"),
    )
}
