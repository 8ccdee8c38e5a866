"""A payload for people: sections of labelled texts, safe to print on a terminal whatever the sender wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from refbus.core.times import show_time
from refbus.core.vocabulary import EventType
from refbus.foreign import line, visible
from refbus.wire.codelists import code_list
from refbus.wire.fields import FieldSpec, Kind
from refbus.wire.payload import payload_fields
from refbus_gateway.words.catalogue import catalogue
from refbus_gateway.words.codes import label, title

Line = str | list[str]
Sections = dict[str, dict[str, Line]]
"""Section title -> label of the field -> text, or a list of texts."""
Times = dict[str, dict[str, int]]
"""Section title -> label of the field -> time in ms UTC."""
_IDS = frozenset({"event_id", "referral_id"})
_EMPTY: tuple[Any, ...] = (None, [], "")


def render(event_type: EventType, payload: Mapping[str, Any], language: str = "en", *, codes: bool = True) -> Sections:
    """Return the filled fields of a payload, without its ids. An unknown code is shown as it came, and marked.

    Times are UTC; where a reader's own clock counts, `times` has them as numbers. Without `codes` words stand alone,
    and what only programs compare (names of other events, hashes) is left out.
    """
    sections: Sections = {}
    for section, spec, content in _filled(event_type, payload):
        if codes or spec.kind is not Kind.ID:
            sections.setdefault(section, {})[title(spec.name)] = _show(spec, content, language, codes=codes)
    return sections


def times(event_type: EventType, payload: Mapping[str, Any]) -> Times:
    """Return the times of a payload in ms UTC, each under the section and label that `render` gives it."""
    found: Times = {}
    for section, spec, content in _filled(event_type, payload):
        if _is_time(spec):
            found.setdefault(section, {})[title(spec.name)] = content
    return found


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


def _show(spec: FieldSpec, content: Any, language: str, *, codes: bool) -> Line:
    if spec.many:
        return [_show_one(spec, item, language, codes=codes) for item in content]
    return _show_one(spec, content, language, codes=codes)


def _show_one(spec: FieldSpec, item: Any, language: str, *, codes: bool) -> str:
    words = catalogue(language)
    match spec.kind:
        case Kind.CODED:
            return _show_code(item, language, codes=codes)
        case Kind.FLAG:
            return words.yes_no(bool(item))
        case Kind.ID:
            return bytes(item).hex()
        case Kind.FILE:
            return words.plural("%(n)s byte", "%(n)s bytes", len(item))
        case Kind.NUMBER if _is_time(spec):
            return show_time(item)
        case Kind.NUMBER:
            return str(item)
        case _:
            return _show_word(spec, item, language, codes=codes)


def _show_word(spec: FieldSpec, item: str, language: str, *, codes: bool) -> str:
    """Return a text as it came, or the words for a member of a vocabulary."""
    list_name = (
        f"refbus.{spec.attributes['values']}" if "values" in spec.attributes else spec.attributes.get("code_list")
    )
    words = label(language, list_name, item) if list_name else None
    if words is None:
        return visible(item)
    return f"{words} ({item})" if codes else words


def _show_code(item: Mapping[str, str], language: str, *, codes: bool) -> str:
    words, code = catalogue(language), item["code"]
    text = label(language, item["code_list"], code)
    if text is None:
        named = {"code": line(code), "list": line(item["code_list"]), "version": line(item["code_list_version"])}
        return words.text("%(code)s (not in %(list)s %(version)s here: ask the sender)", **named)
    known = code_list(item["code_list"]).knows(code, item["code_list_version"])
    if known:
        return f"{text} ({code})" if codes else text
    return words.text("%(text)s (%(code)s, version not known here)", text=text, code=code)
