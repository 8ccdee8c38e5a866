"""A text that is English and can be said in another language: its message and values stay with it.

It is made where no language is known, in a form or a rule, and is said where a person reads it (`Catalogue.spoken`).
Everywhere else it is an ordinary text.
"""

from __future__ import annotations

from typing import Final

BRIEF: Final = "brief"
"""Context of what a field is for."""


class Said(str):
    """An English text with its message, its context and its values."""

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
