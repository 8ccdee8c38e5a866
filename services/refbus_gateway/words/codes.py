"""Words for codes, names of fields and events, errors with their next step: the messages that stand in data."""

from __future__ import annotations

import re
from typing import Final

from refbus.errors import Code
from refbus.explain import explanation
from refbus.wire.codelists import known_list
from refbus.wire.fields import FieldSpec
from refbus_gateway.words.catalogue import BRIEF, Catalogue, catalogue

FIELD: Final = "field"
EVENT: Final = "event"
ERROR: Final = "error"
"""Contexts of the catalogues, beside the names of code lists."""
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")
_PREFIX: Final = re.compile(r"^(prs|vic)_|_ms$")


def label(language: str, list_name: str, code: str) -> str | None:
    """Return the words for a code; English of the list where that language has none; None for a code not known here."""
    known = known_list(list_name)
    if known is None or code not in known.codes:
        return None
    return catalogue(language).pgettext(list_name, known.codes[code])


def title(name: str) -> str:
    """Return the name of a field or event as English words: "prs_FirstName" is "First name"."""
    words = _WORDS.sub(" ", _PREFIX.sub("", name)).split()
    return " ".join(words).capitalize()


def field_name(words: Catalogue, name: str) -> str:
    """Return the name of a field in a language: "prs_FirstName" is "Имя"."""
    return words.pgettext(FIELD, title(name))


def brief(words: Catalogue, spec: FieldSpec) -> str:
    """Return what a field is for, in a language."""
    return words.pgettext(BRIEF, spec.brief)


def event_name(words: Catalogue, name: str) -> str:
    """Return the name of an event in a language: "ReferralRequested" is "Просьба о помощи отправлена"."""
    return words.pgettext(EVENT, title(name))


def titled(words: Catalogue, english: str) -> str:
    """Return the title of a section or field of a rendered payload in a language; a number behind it stays."""
    name, blank, number = english.rpartition(" ")
    name, number = (name, blank + number) if number.isdigit() else (english, "")
    found = words.pgettext(FIELD, name)
    return (found if found != name else words.pgettext(EVENT, name)) + number


def meaning(words: Catalogue, code: Code) -> str:
    """Return what an error means."""
    return words.pgettext(ERROR, explanation(code).meaning)


def next_step(words: Catalogue, code: Code) -> str:
    """Return what a person does about an error."""
    return words.pgettext(ERROR, explanation(code).next_step)
