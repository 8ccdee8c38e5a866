"""What an organisation says of itself, so that others can choose and call it (docs/spec/profiles.md).

Nothing in it names a person, and nothing says where a shelter is: an area is enough.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from refbus.core.directory import Organisation, OrgRole
from refbus.core.ids import OrgId
from refbus.core.placeholder import is_placeholder

MOST_TEXT: Final = 300
"""Letters of one text."""
MOST_TEXTS: Final = 12
"""Languages of one text."""
MOST_TELEPHONES: Final = 4
MOST_HOURS: Final = 14
MOST_LANGUAGES: Final = 30
SHELTERS: Final = frozenset({"x_safehouse_service"})
"""Services (htcds.spl_Type) of whoever must not be found, whatever its role."""
OFFICES: Final = frozenset({OrgRole.NATIONAL_AGENCY, OrgRole.EMBASSY, OrgRole.POLICE, OrgRole.PROSECUTOR})
"""Roles whose street and house are public anyway. An NGO may run a shelter that no list names."""

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?")
_TELEPHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_PATRONYMIC: Final = re.compile(
    r"(ович|евич|ьич|овна|евна|ична|[оe]глы|[уұ]лы|[кқ]ызы|уулу|зода|ovich|evich|ovna|evna|ichna|qizi|gyzy|ogly)\b"
    r"|\bo[gʻ'‘’]+li\b",
    re.IGNORECASE,
)
_TITLE: Final = re.compile(r"\b(mrs?|ms|miss|dr|г-н|г-жа)\.?\s+\w", re.IGNORECASE)
_DIGIT: Final = re.compile(r"\d")


class Capacity(StrEnum):
    """Whether there is room."""

    UNSTATED = ""
    NONE = "NONE"
    FEW = "FEW"
    FREE = "FREE"


class Serves(StrEnum):
    """Whom an organisation helps. ACCESSIBLE: a wheelchair gets in."""

    WOMEN = "WOMEN"
    MEN = "MEN"
    CHILDREN = "CHILDREN"
    ACCESSIBLE = "ACCESSIBLE"


@dataclass(frozen=True, slots=True)
class LocalText:
    """A text in one language, BCP 47."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When somebody answers on one day (1 is Monday): minutes after midnight, half-open, clocks of that country."""

    day: int
    from_min: int
    until_min: int


@dataclass(frozen=True, slots=True)
class Profile:
    """One version of an organisation's profile. Times are ms UTC; `capacity_at_ms` is 0 where neither is stated.

    `issued_at_ms`: when it was signed; `changed_at_ms`: when a person last said that it is so.
    """

    organisation: OrgId
    version: int
    issued_at_ms: int
    changed_at_ms: int
    names: tuple[LocalText, ...] = ()
    telephones: tuple[str, ...] = ()
    hours: tuple[OpeningHours, ...] = ()
    area: tuple[LocalText, ...] = ()
    address: tuple[LocalText, ...] = ()
    capacity: Capacity = Capacity.UNSTATED
    places: int | None = None
    capacity_at_ms: int = 0
    serves: tuple[Serves, ...] = ()
    languages: tuple[str, ...] = ()
    withdrawal: tuple[LocalText, ...] = ()


class Fault(StrEnum):
    """What is wrong with a field."""

    FORM = "FORM"  # not a text, number or code of the right form, or too many
    ORDER = "ORDER"  # not in its one order, or twice
    STREET = "STREET"  # a street, or a number, of whoever must not be found
    PERSON = "PERSON"  # looks like the name or the mail address of a person
    PLACEHOLDER = "PLACEHOLDER"  # what a form printed


@dataclass(frozen=True, slots=True)
class Wrong:
    """One field of a profile and what is wrong with it."""

    field: str
    fault: Fault


def in_language(texts: Iterable[LocalText], language: str) -> str:
    """Return the text in a language, else in what most people of the federation read, else any; "" for none."""
    found = {each.language: each.text for each in texts}
    short = language.partition("-")[0]
    alike = next((each for each in found if each.partition("-")[0] == short), short)
    wished = (language, short, alike, "en", "ru", *found)
    return next((found[each] for each in wished if each in found), "")


def faults(profile: Profile, *, hidden: bool) -> list[Wrong]:
    """Return what every reader refuses; `hidden`: its street must not be known (`is_hidden`)."""
    return list(_faults(profile, hidden=hidden))


def doubts(profile: Profile, *, hidden: bool) -> list[Wrong]:
    """Return what the organisation itself may not sign besides: what looks like a person, a street, a placeholder."""
    found = list[Wrong]()
    for field in _TEXTS:
        for each in getattr(profile, field):
            found.extend(Wrong(field, fault) for fault in _doubt(each.text))
            if field == "area" and hidden and _DIGIT.search(each.text):
                found.append(Wrong(field, Fault.STREET))
    return found


def is_hidden(organisation: Organisation) -> bool:
    """Whether the street of an organisation must not be known: no public office, or one that gives shelter."""
    return organisation.role not in OFFICES or not SHELTERS.isdisjoint(organisation.services)


_TEXTS: Final = ("names", "area", "address", "withdrawal")


def _faults(profile: Profile, *, hidden: bool) -> Iterator[Wrong]:
    yield from (Wrong(field, fault) for field in _TEXTS if (fault := _fault_of_texts(getattr(profile, field))))
    if profile.address and hidden:
        yield Wrong("address", Fault.STREET)
    yield from _fault_of_hours(profile.hours)
    yield from _fault_of_lists(profile)
    stated = profile.capacity is not Capacity.UNSTATED or profile.places is not None
    if stated != bool(profile.capacity_at_ms) or (profile.capacity is Capacity.NONE and profile.places):
        yield Wrong("capacity", Fault.FORM)


def _fault_of_lists(profile: Profile) -> Iterator[Wrong]:
    if len(profile.telephones) > MOST_TELEPHONES or not all(map(_TELEPHONE.fullmatch, profile.telephones)):
        yield Wrong("telephones", Fault.FORM)
    if len(profile.languages) > MOST_LANGUAGES or not all(map(_LANGUAGE.fullmatch, profile.languages)):
        yield Wrong("languages", Fault.FORM)
    for field in ("serves", "languages"):
        listed = list(getattr(profile, field))
        if listed != sorted(set(listed)):
            yield Wrong(field, Fault.ORDER)


def _fault_of_texts(texts: tuple[LocalText, ...]) -> Fault | None:
    languages = [each.language for each in texts]
    if languages != sorted(set(languages)):
        return Fault.ORDER
    good = all(_LANGUAGE.fullmatch(each.language) and _is_text(each.text) for each in texts)
    return None if good and len(texts) <= MOST_TEXTS else Fault.FORM


def _is_text(text: str) -> bool:
    return 0 < len(text) <= MOST_TEXT and text.isprintable() and text == text.strip()


def _fault_of_hours(hours: tuple[OpeningHours, ...]) -> Iterator[Wrong]:
    for each in hours:
        if not (1 <= each.day <= 7 and 0 <= each.from_min < each.until_min <= 1440):
            yield Wrong("hours", Fault.FORM)
            return
    ends = [(each.day, each.until_min) for each in hours]
    begins = [(each.day, each.from_min) for each in hours]
    if len(hours) > MOST_HOURS or any(begin < end for begin, end in zip(begins[1:], ends, strict=False)):
        yield Wrong("hours", Fault.ORDER)


def _doubt(text: str) -> Iterator[Fault]:
    said = unicodedata.normalize("NFKC", text)
    if "@" in said or _PATRONYMIC.search(said) or _TITLE.search(said):
        yield Fault.PERSON
    if is_placeholder(text):
        yield Fault.PLACEHOLDER
