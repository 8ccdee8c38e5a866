"""A payload for people: sections of labelled texts, safe to print on a terminal whatever the sender wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from refbus.core.times import show_time
from refbus.core.vocabulary import EventType
from refbus.foreign import line, visible
from refbus.wire.codelists import code_list
from refbus.wire.fields import FieldSpec, Kind
from refbus.wire.labels import label
from refbus.wire.payload import payload_fields

Line = str | list[str]
Sections = dict[str, dict[str, Line]]
"""Section title -> label of the field -> text, or a list of texts."""
Times = dict[str, dict[str, int]]
"""Section title -> label of the field -> time in ms UTC."""
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")
_PREFIX = re.compile(r"^(prs|vic)_|_ms$")
_IDS = frozenset({"event_id", "referral_id"})
_EMPTY: tuple[Any, ...] = (None, [], "")


def render(event_type: EventType, payload: Mapping[str, Any], language: str = "en") -> Sections:
    """Return the filled fields of a payload, without its ids. An unknown code is shown as it came, and marked.

    Times are UTC; where a reader's own clock counts, `times` has them as numbers.
    """
    sections: Sections = {}
    for section, spec, content in _filled(event_type, payload):
        sections.setdefault(section, {})[title(spec.name)] = _show(spec, content, language)
    return sections


def times(event_type: EventType, payload: Mapping[str, Any]) -> Times:
    """Return the times of a payload in ms UTC, each under the section and label that `render` gives it."""
    found: Times = {}
    for section, spec, content in _filled(event_type, payload):
        if _is_time(spec):
            found.setdefault(section, {})[title(spec.name)] = content
    return found


def title(name: str) -> str:
    """Return the name of a field or event as words: "prs_FirstName" is "First name"."""
    words = _WORDS.sub(" ", _PREFIX.sub("", name)).split()
    return " ".join(words).capitalize()


def _filled(event_type: EventType, payload: Mapping[str, Any]) -> Iterator[tuple[str, FieldSpec, Any]]:
    """Yield each filled field with the title of its section, those of records one by one."""
    for spec in payload_fields(event_type):
        content: Any = payload.get(spec.name)
        if spec.name in _IDS or content in _EMPTY:
            continue
        if spec.kind is not Kind.RECORD:
            yield title(event_type.value), spec, content
            continue
        for number, record in enumerate(content if spec.many else [content], start=1):
            section = f"{title(spec.name)} {number}" if spec.many else title(spec.name)
            for each in spec.fields:
                if record[each.name] not in _EMPTY:
                    yield section, each, record[each.name]


def _is_time(spec: FieldSpec) -> bool:
    return spec.kind is Kind.NUMBER and spec.name.endswith("_ms")


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
        case Kind.NUMBER if _is_time(spec):
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


def _show_code(item: Mapping[str, str], language: str) -> str:
    text = label(language, item["code_list"], item["code"])
    if text is None:
        return line(f"{item['code']} (not in {item['code_list']} {item['code_list_version']} here: ask the sender)")
    known = code_list(item["code_list"]).knows(item["code"], item["code_list_version"])
    return f"{text} ({item['code']})" if known else f"{text} ({item['code']}, version not known here)"
