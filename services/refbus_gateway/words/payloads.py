"""A payload for people: sections of labelled texts, safe to print on a terminal whatever the sender wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from refbus.core.vocabulary import EventType
from refbus.foreign import line, visible
from refbus.wire.codelists import code_list
from refbus.wire.fields import FieldSpec, Kind
from refbus.wire.labels import label
from refbus.wire.payload import payload_fields

Line = str | list[str]
Sections = dict[str, dict[str, Line]]
"""Section title -> label of the field -> text, or a list of texts."""
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")
_PREFIX = re.compile(r"^(prs|vic)_|_ms$")
_IDS = frozenset({"event_id", "referral_id"})


def render(event_type: EventType, payload: Mapping[str, Any], language: str = "en") -> Sections:
    """Return the filled fields of a payload, without its ids. An unknown code is shown as it came, and marked."""
    sections: Sections = {}
    for spec in payload_fields(event_type):
        content = payload.get(spec.name)
        if spec.name in _IDS or content in (None, [], ""):
            continue
        if spec.kind is Kind.RECORD:
            _add_records(sections, spec, content, language)
        else:
            sections.setdefault(title(event_type.value), {})[title(spec.name)] = _show(spec, content, language)
    return sections


def title(name: str) -> str:
    """Return the name of a field or event as words: "prs_FirstName" is "First name"."""
    words = _WORDS.sub(" ", _PREFIX.sub("", name)).split()
    return " ".join(words).capitalize()


def _add_records(sections: Sections, spec: FieldSpec, content: Any, language: str) -> None:
    records = content if spec.many else [content]
    for number, record in enumerate(records, start=1):
        lines = _lines(spec.fields, record, language)
        if lines:
            sections[f"{title(spec.name)} {number}" if spec.many else title(spec.name)] = lines


def _lines(specs: Iterable[FieldSpec], record: Mapping[str, Any], language: str) -> dict[str, Line]:
    return {
        title(spec.name): _show(spec, record[spec.name], language)
        for spec in specs
        if record[spec.name] not in (None, [], "")
    }


def _show(spec: FieldSpec, content: Any, language: str) -> Line:
    if spec.many:
        return [_show_one(spec, item, language) for item in content]
    return _show_one(spec, content, language)


def _show_one(spec: FieldSpec, item: Any, language: str) -> str:
    match spec.kind:
        case Kind.CODED:
            return _show_code(item, language)
        case Kind.FLAG:
            return "yes" if item else "no"
        case Kind.ID:
            return bytes(item).hex()
        case Kind.FILE:
            return f"{len(item)} bytes"
        case Kind.NUMBER if spec.name.endswith("_ms"):
            return show_time(item)
        case Kind.NUMBER:
            return str(item)
        case _:
            return _show_word(spec, item, language)


def _show_word(spec: FieldSpec, item: str, language: str) -> str:
    """Return a text as it came, or the words for a member of a vocabulary."""
    list_name = (
        f"refbus.{spec.attributes['values']}" if "values" in spec.attributes else spec.attributes.get("code_list")
    )
    words = label(language, list_name, item) if list_name else None
    return visible(item) if words is None else f"{words} ({item})"


def show_time(time_ms: int, utc_offset_min: int = 0) -> str:
    """Return a time in ms UTC to the minute, where clocks are so many minutes ahead; outside of the calendar a number.

    The zone stands beside it, as UTC+05:00.
    """
    zone = UTC if utc_offset_min == 0 else timezone(timedelta(minutes=utc_offset_min))
    try:
        return datetime.fromtimestamp(time_ms / 1000, zone).strftime("%Y-%m-%d %H:%M ") + str(zone)
    except (OverflowError, OSError, ValueError):
        return f"{time_ms} ms"


def _show_code(item: Mapping[str, str], language: str) -> str:
    text = label(language, item["code_list"], item["code"])
    if text is None:
        return line(f"{item['code']} (not in {item['code_list']} {item['code_list_version']} here: ask the sender)")
    known = code_list(item["code_list"]).knows(item["code"], item["code_list_version"])
    return f"{text} ({item['code']})" if known else f"{text} ({item['code']}, version not known here)"
