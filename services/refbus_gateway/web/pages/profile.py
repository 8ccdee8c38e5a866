"""Our profile: how others can call this office, as a form, as others see it, and the room there is today."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from refbus.core.profile import Capacity, Serves
from refbus.errors import Code
from refbus_gateway.actions import drafts, profiles
from refbus_gateway.actions.profiles import ProfileShown
from refbus_gateway.forms.problems import CaseInvalidError, Problem
from refbus_gateway.forms.profilefile import DAYS, FORMAT, TEXTS
from refbus_gateway.web.screens import Ask, Screens
from refbus_gateway.words import contacts
from refbus_gateway.words.catalogue import mark
from refbus_gateway.words.languages import LANGUAGES, NAMES

screens: Final = Screens()
_DRAFT: Final = "profile"
_ALWAYS: Final = "00:00-24:00"
_FIRST: Final = ("ru", "en")
LABELS: Final = {
    "names": (mark("What is the office called?"), mark("A role or the name of the office, never of a person.")),
    "area": (mark("In which town or district?"), mark("No street, no house: whoever looks for a person may read it.")),
    "address": (
        mark("Street and house"),
        mark("Only of an agency or an embassy, and never where somebody sleeps. Others leave it empty."),
    ),
    "withdrawal": (
        mark("Where can a person take consent back?"),
        mark("A place or a telephone line of your office, never the name of a person. The person gets it on paper."),
    ),
}
"""The question and the hint of each text."""


@dataclass(frozen=True, slots=True)
class TextFields:
    """One text of the form: the question, the languages that are open, and those that unfold."""

    name: str
    label: str
    hint: str
    first: tuple[tuple[str, str], ...]
    more: tuple[tuple[str, str], ...]


@screens.show("/office/profile")
def profile(ask: Ask) -> Response:
    """Show our profile as others see it, and ask how much room there is today."""
    found = profiles.show(ask.desk, ask.actor)
    return ask.page("profile.html", found=found, rows=_rows(ask, found.profile), capacities=_capacities(ask))


@screens.act("/office/profile/room", at="/office/profile")
def room(ask: Ask) -> Response:
    """Say how much room there is today."""
    stated, places = ask.posted.get("capacity"), _places(ask)
    if stated not in set(Capacity) or (places is None and ask.posted.get("places").strip()):
        return ask.again(
            [Problem("places", Code.PROFILE_REFUSED, ask.words.text("Write how many places, as a number"))]
        )
    try:
        profiles.set_capacity(ask.desk, ask.actor, Capacity(stated), places)
    except CaseInvalidError:
        return ask.again([Problem("places", Code.PROFILE_REFUSED, ask.words.text("Full means that no place is free"))])
    return ask.go("/office/profile", ask.words.text("Others are told how much room there is."))


@screens.show("/office/profile/edit")
def edit(ask: Ask) -> Response:
    """Ask everything that others need to call us."""
    revision = ask.draft(_DRAFT)
    own = profiles.show(ask.desk, ask.actor)
    days = ask.words.locale.days["format"]["wide"]
    return ask.page(
        "profile_edit.html",
        revision=revision or 0,
        file=own.file,
        given=_fields(ask, own.file),
        texts={name: _text_fields(ask, name) for name in TEXTS},
        street=not own.hidden or bool(own.file["address"]) or bool(ask.problem(f"address.{ask.language}")),
        always=["yes"] if _is_always(own.file["hours"]) else [],
        days=[(f"hours.{day}", str(days[number]).capitalize()) for number, day in enumerate(DAYS)],
        capacities=_capacities(ask),
        served=[(str(each), ask.words.text(contacts.SERVED[each])) for each in Serves],
    )


@screens.act("/office/profile/edit")
def edited(ask: Ask) -> Response:
    """Keep what was written, and show what others would see."""
    given = {name: list(ask.posted.all(name)) for name in _NAMES}
    drafts.keep(ask.desk, ask.actor, _DRAFT, given, replaces=int(ask.posted.get("revision") or "0"))
    try:
        profiles.preview(ask.desk, ask.actor, _document(given))
    except CaseInvalidError as error:
        return ask.again([_plain(ask, each) for each in error.problems])
    return ask.go("/office/profile/look")


@screens.show("/office/profile/look")
def look(ask: Ask) -> Response:
    """Show what others would see."""
    kept = drafts.kept(ask.desk, ask.actor, _DRAFT)
    if kept is None:
        return ask.go("/office/profile")
    shown = profiles.preview(ask.desk, ask.actor, _document(kept.fields))
    return ask.page("profile_look.html", rows=_rows(ask, shown), shown=_document(kept.fields))


@screens.act("/office/profile/look")
def sign(ask: Ask) -> Response:
    """Sign it and send it to all members."""
    kept = drafts.kept(ask.desk, ask.actor, _DRAFT)
    if kept is None:
        return ask.go("/office/profile")
    document = _document(kept.fields)
    if not ask.saw(document):
        return ask.look_again()
    profiles.save(ask.desk, ask.actor, document)
    drafts.drop(ask.desk, ask.actor, _DRAFT)
    return ask.go("/office/profile", ask.words.text("It is signed, and goes to all members by itself."))


_NAMES: Final = (
    *(f"{name}.{language}" for name in TEXTS for language in LANGUAGES),
    *(f"hours.{day}" for day in DAYS),
    *("always", "telephones", "capacity", "places", "serves", "languages"),
)


def _document(given: Mapping[str, Any]) -> bytes:
    """Return the file that the fields of the form write."""

    def first(name: str) -> str:
        return next(iter(given.get(name, ())), "").strip()

    def parts(name: str, apart: str) -> list[str]:
        return [each.strip() for each in first(name).replace(apart, "\n").splitlines() if each.strip()]

    texts = {name: {language: first(f"{name}.{language}") for language in LANGUAGES} for name in TEXTS}
    hours = {day: _ALWAYS if first("always") else first(f"hours.{day}") for day in DAYS}
    return json.dumps(
        {
            "format": FORMAT,
            **texts,
            "hours": hours,
            "telephones": parts("telephones", ";"),
            "capacity": first("capacity"),
            "places": first("places"),
            "serves": list(given.get("serves", ())),
            "languages": parts("languages", ","),
        },
        ensure_ascii=False,
        sort_keys=True,
    ).encode()


def _fields(ask: Ask, file: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands in the fields of the form for the file of a profile."""
    words = ask.words
    made = {f"{name}.{language}": text for name in TEXTS for language, text in file[name].items()}
    if not _is_always(file["hours"]):
        made |= {f"hours.{day}": spans for day, spans in file["hours"].items()}
    made["telephones"] = "\n".join(file["telephones"])
    made["languages"] = ", ".join(contacts.language_name(words, each) for each in file["languages"])
    made["places"] = "" if file["places"] is None else str(file["places"])
    return made


def _is_always(hours: Mapping[str, str]) -> bool:
    return len(hours) == len(DAYS) and set(hours.values()) == {_ALWAYS}


def _text_fields(ask: Ask, name: str) -> TextFields:
    label, hint = LABELS[name]
    first = tuple(dict.fromkeys((ask.language, *_FIRST)))
    more = tuple(each for each in LANGUAGES if each not in first)
    named = [tuple((f"{name}.{each}", NAMES[each]) for each in some) for some in (first, more)]
    return TextFields(name, ask.words.text(label), ask.words.text(hint), *named)


def _plain(ask: Ask, found: Problem) -> Problem:
    """Return a problem at the first field of what it is about."""
    name = found.path.partition("[")[0].partition(".")[0]
    at = f"{name}.{ask.language}" if name in TEXTS else f"hours.{DAYS[0]}" if name == "hours" else name
    label = ask.words.text(LABELS[name][0]) + " " if name in TEXTS else ""
    advice = ask.words.text(found.advice)
    return Problem(at, found.code, label + advice[:1].upper() + advice[1:])


def _places(ask: Ask) -> int | None:
    typed = ask.posted.get("places").strip()
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 5 else None


def _capacities(ask: Ask) -> list[tuple[str, str]]:
    return [(str(each), ask.words.text(text)) for each, text in contacts.CAPACITIES.items()]


def _rows(ask: Ask, shown: ProfileShown | None) -> list[tuple[str, str]]:
    """Return what others see, in the language of the page: a row for each thing that is stated."""
    if shown is None:
        return []
    words = ask.words
    names = "; ".join(each.text for each in shown.names)
    told = (
        (words.text("Name"), names),
        (words.text("Telephone"), ", ".join(map(contacts.telephone, shown.telephones))),
        (words.text("Hours, their clocks"), contacts.hours(words, shown.hours)),
        (words.text("Area"), "; ".join(each.text for each in shown.area)),
        (words.text("Address"), "; ".join(each.text for each in shown.address)),
        (words.text("Room"), room_text(ask, shown)),
        (words.text("For whom"), contacts.served(words, shown.serves)),
        (words.text("Languages"), words.listed(contacts.language_name(words, each) for each in shown.languages)),
        (words.text("Where to take consent back"), "; ".join(each.text for each in shown.withdrawal)),
    )
    return [(name, text) for name, text in told if text]


def room_text(ask: Ask, shown: ProfileShown) -> str:
    """Return how much room there is, and as of when; empty where nothing is stated."""
    text = contacts.capacity(ask.words, shown.capacity, shown.places)
    if not text:
        return ""
    day = ask.words.day(shown.capacity_at_ms, ask.utc_offset_min)
    return ask.words.text("%(room)s (as of %(day)s)", room=text, day=day)
