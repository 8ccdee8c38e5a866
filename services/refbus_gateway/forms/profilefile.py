"""The file of a profile: what an organisation writes of itself, with every problem at once.

{"format": "refbus-profile/1", "names": {"en": "...", "ru": "..."}, "telephones": ["71 200 00 01"],
 "hours": {"mon": "09:00-13:00, 14:00-18:00"}, "area": {}, "address": {}, "capacity": "FEW", "places": 2,
 "serves": ["WOMEN"], "languages": ["ru", "uz"], "withdrawal": {"ru": "..."}}
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

from refbus.core.ids import OrgId
from refbus.core.profile import Capacity, Fault, LocalText, OpeningHours, Profile, Serves, Wrong
from refbus.errors import Code
from refbus_gateway.forms.problems import Problem, Problems
from refbus_gateway.forms.text import read_json
from refbus_gateway.forms.values import whole_number
from refbus_gateway.words import contacts
from refbus_gateway.words.catalogue import mark

FORMAT: Final = "refbus-profile/1"
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TEXTS: Final = ("names", "area", "address", "withdrawal")
_NAMES: Final = ("format", *TEXTS, "telephones", "hours", "capacity", "places", "serves", "languages")
_MOST_PLACES: Final = 10_000
ADVICE: Final[Mapping[Fault, str]] = {
    Fault.FORM: mark("too long, too many, or not of this form"),
    Fault.ORDER: mark("overlaps, or stands twice"),
    Fault.STREET: mark("no street and no house number: only agencies and embassies may be found; write the town"),
    Fault.PERSON: mark("looks like the name or the mail address of a person: write a role, a place or a line"),
    Fault.PLACEHOLDER: mark("has the form's own words: write the answer instead"),
}
"""What to do about a fault."""


def template() -> dict[str, Any]:
    """Return a file in which nothing is stated yet."""
    nothing: dict[str, Any] = {name: {} for name in TEXTS}
    lists: dict[str, Any] = {"telephones": [], "serves": [], "languages": []}
    return {"format": FORMAT, **nothing, **lists, "hours": {}, "capacity": "", "places": None}


def document_of(profile: Profile) -> dict[str, Any]:
    """Return a profile as its file."""
    texts = {name: {each.language: each.text for each in getattr(profile, name)} for name in TEXTS}
    spans: dict[str, list[tuple[int, int]]] = {}
    for each in profile.hours:
        spans.setdefault(DAYS[each.day - 1], []).append((each.from_min, each.until_min))
    return {
        **template(),
        **texts,
        "telephones": [contacts.telephone(each) for each in profile.telephones],
        "hours": {day: contacts.spans_text(found) for day, found in spans.items()},
        "capacity": str(profile.capacity),
        "places": profile.places,
        "serves": [str(each) for each in profile.serves],
        "languages": list(profile.languages),
    }


def parse_profile(document: Mapping[str, Any], org: OrgId, country: str, now_ms: int) -> Profile:
    """Return the profile that a file states, dated now, not signed. Raises CaseInvalidError with every problem."""
    reader = _Reader(document, country)
    capacity = reader.code("capacity", Capacity, Capacity.UNSTATED)
    places = reader.places()
    profile = Profile(
        organisation=org,
        version=1,
        issued_at_ms=now_ms,
        changed_at_ms=now_ms,
        **{name: reader.texts(name) for name in TEXTS},
        telephones=reader.telephones(),
        hours=reader.hours(),
        capacity=capacity,
        places=places,
        capacity_at_ms=now_ms if capacity or places is not None else 0,
        serves=reader.codes("serves", Serves),
        languages=reader.languages(),
    )
    reader.problems.raise_if_any()
    return profile


def read_profile(content: bytes, org: OrgId, country: str, now_ms: int) -> Profile:
    """Return the profile that a file states, from its bytes. Raises as `parse_profile`."""
    return parse_profile(read_json(content), org, country, now_ms)


def told(wrong: Iterable[Wrong]) -> list[Problem]:
    """Return faults as problems of the file."""
    return [Problem(each.field, Code.PROFILE_REFUSED, ADVICE[each.fault]) for each in wrong]


class _Reader:
    """Reads one document and notes what is wrong."""

    def __init__(self, document: Mapping[str, Any], country: str) -> None:
        self._document, self._country = document, country
        self.problems = Problems()
        self.problems.refuse_placeholders(document)
        for name in document:
            if name not in _NAMES:
                self.problems.invalid(str(name)[:40], "no such field here")
        if document.get("format", FORMAT) != FORMAT:
            self.problems.invalid("format", "write refbus-profile/1")

    def texts(self, name: str) -> tuple[LocalText, ...]:
        """Return a text in its languages."""
        found = {}
        for language, text in self._object(name).items():
            code = _script(str(language))
            if code is None:
                self.problems.unknown(name, "no such language: write its code, like ru")
            elif not isinstance(text, str):
                self.problems.invalid(name, "write a text in quotation marks")
            elif text.strip():
                found[code] = unicodedata.normalize("NFC", " ".join(text.split()))
        return tuple(LocalText(*each) for each in sorted(found.items()))

    def telephones(self) -> tuple[str, ...]:
        """Return the numbers, E.164, in their order."""
        found = []
        for typed in self._list("telephones"):
            code = contacts.telephone_code(str(typed), self._country)
            if code is None:
                self.problems.invalid("telephones", "no telephone number: write it as you would dial it from abroad")
            elif code not in found:
                found.append(code)
        return tuple(found)

    def hours(self) -> tuple[OpeningHours, ...]:
        """Return the hours by day."""
        found = []
        for day, typed in self._object("hours").items():
            spans = contacts.spans_of(str(typed)) if typed else []
            if day not in DAYS or spans is None:
                self.problems.invalid("hours", "write hours like 09:00-13:00, 14:00-18:00")
            else:
                found += [OpeningHours(DAYS.index(day) + 1, *span) for span in spans]
        return tuple(sorted(found, key=lambda each: (each.day, each.from_min)))

    def places(self) -> int | None:
        """Return how many places are free."""
        found = self._document.get("places")
        if found in {None, ""}:
            return None
        if isinstance(found, str):
            found = whole_number(found)
        if type(found) is not int or not 0 <= found <= _MOST_PLACES:
            self.problems.invalid("places", "write a whole number from 0 to 10000")
            return None
        return found

    def code(self, name: str, kind: type[Capacity], otherwise: Capacity) -> Capacity:
        """Return one code."""
        found = str(self._document.get(name) or "").upper()
        if found in set(kind):
            return kind(found)
        self.problems.unknown(name, "write NONE, FEW or FREE")
        return otherwise

    def codes(self, name: str, kind: type[Serves]) -> tuple[Serves, ...]:
        """Return a list of codes, in order."""
        found = {str(each).upper() for each in self._list(name)}
        if found - set(kind):
            self.problems.unknown(name, "write any of WOMEN, MEN, CHILDREN, ACCESSIBLE")
        return tuple(sorted(each for each in kind if each in found))

    def languages(self) -> tuple[str, ...]:
        """Return the languages that are spoken, in order."""
        found = [contacts.language_code(str(each)) for each in self._list("languages")]
        if None in found:
            self.problems.unknown("languages", "no such language: write its code or its name")
        return tuple(sorted({each for each in found if each}))

    def _object(self, name: str) -> Mapping[str, Any]:
        found = self._document.get(name) or {}
        if isinstance(found, Mapping):
            return found
        self.problems.invalid(name, "write an object in curly brackets")
        return {}

    def _list(self, name: str) -> list[Any]:
        found = self._document.get(name) or []
        if isinstance(found, list):
            return found
        self.problems.invalid(name, "write a list in square brackets")
        return []


def _script(language: str) -> str | None:
    """Return the code of a language in which a text is written; its script stays where the code has one."""
    short = contacts.language_code(language)
    script = language.strip().partition("-")[2].capitalize()
    return f"{short}-{script}" if short and script in {"Latn", "Cyrl", "Arab"} else short
