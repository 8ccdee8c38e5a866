"""From JSON values to payload values, led by the fields of the schema. Nothing is defaulted, trimmed or replaced.

Texts are put into Unicode NFC, and that is all that is changed: the same letters then have the same bytes, whatever
keyboard wrote them.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

from refbus.core.times import TIME, read_time
from refbus.core.vocabulary import DataCategory
from refbus.said import BRIEF, Said, said
from refbus.wire.codelists import CodeList, code_list
from refbus.wire.fields import FieldSpec, Kind
from refbus.wire.forms import FORMATS, MAX_ITEMS
from refbus_gateway.forms.problems import Problems
from refbus_gateway.forms.text import printable
from refbus_gateway.words.contacts import telephone_advice
from refbus_gateway.words.names import nearest_code

MAX_TEXT = 20_000
"""Longest text of one field, in characters."""
FILE_KEY = "content_base64"
"""How an attachment's content is given; its hash is computed."""
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_CODED_KEYS = {"code", "code_list", "code_list_version"}
_MOST_NAMED: Final = 30


def read_record(
    specs: Iterable[FieldSpec], document: Mapping[str, Any], path: str, problems: Problems
) -> dict[str, Any]:
    """Return the fields that the document fills; what is wrong is noted in `problems`."""
    by_name = {spec.name: spec for spec in specs if not spec.computed}
    names = {FILE_KEY if spec.kind is Kind.FILE else name: spec for name, spec in by_name.items()}
    for name in [name for name in document if name not in names]:
        problems.invalid(path + printable(name), unknown_field(name, names))
    values: dict[str, Any] = {}
    for name, spec in names.items():
        content = document.get(name)
        if content is not None:
            value = _read_field(spec, content, path + name, problems)
            if value != {}:  # a section of the template that nobody filled
                values[spec.name] = value
        elif spec.required:
            problems.invalid(path + name, said("missing: %(brief)s", brief=Said(spec.brief, BRIEF)))
    _add_hashes(specs, values)
    return values


def whole_number(text: str, most_digits: int = 9) -> int | None:
    """Return a number that was typed, not negative, in ASCII digits; None for anything else and for a longer one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= most_digits else None


def unknown_field(name: str, known: Iterable[str]) -> str:
    """Return the advice for a field that does not exist."""
    folded = {item.casefold(): item for item in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if close:
        return said("no such field here; did you mean %(name)s?", name=folded[close[0]])
    return said("no such field here; remove it, or move the text to a field of the template")


def check_text(content: Any, path: str, problems: Problems) -> str:
    """Return a text in NFC; notes what cannot be sent or shown. A text is never trimmed."""
    if not isinstance(content, str):
        problems.invalid(path, "write a text in quotation marks")
        return ""
    if _FORBIDDEN.search(content):
        problems.invalid(path, "has control characters or hidden direction marks: type the text again")
    elif not content.strip():
        problems.invalid(path, "is empty: write the text, or leave the field out")
    elif len(content) > MAX_TEXT:
        problems.invalid(
            path, said("longer than %(most)s characters: shorten it, or attach it as a file", most=MAX_TEXT)
        )
    return unicodedata.normalize("NFC", content)


def _add_hashes(specs: Iterable[FieldSpec], values: dict[str, Any]) -> None:
    for spec in specs:
        source = spec.attributes.get("hash_of")
        if source in values:
            values[spec.name] = hashlib.sha256(values[source]).digest()


def _read_field(spec: FieldSpec, content: Any, path: str, problems: Problems) -> Any:
    if not spec.many:
        return _read_value(spec, content, path, problems)
    if not isinstance(content, list):
        problems.invalid(path, "write a list in square brackets")
        return []
    if not spec.attributes.get("min_items", 0) <= len(content) <= MAX_ITEMS:
        problems.invalid(
            path,
            said("at most %(most)s entries", most=MAX_ITEMS)
            if content
            else said("needs at least one entry: %(brief)s", brief=Said(spec.brief, BRIEF)),
        )
    return [_read_value(spec, item, f"{path}[{number}]", problems) for number, item in enumerate(content)]


def _read_value(spec: FieldSpec, content: Any, path: str, problems: Problems) -> Any:
    match spec.kind:
        case Kind.RECORD:
            return _read_nested(spec, content, path, problems)
        case Kind.CODED:
            return _read_coded(code_list(spec.code_list), content, path, problems)
        case Kind.NUMBER:
            return _read_number(spec, content, path, problems)
        case Kind.FLAG:
            return _read_flag(content, path, problems)
        case Kind.FILE:
            return _read_file(content, path, problems)
        case _:
            return _read_text(spec, content, path, problems)


def _read_nested(spec: FieldSpec, content: Any, path: str, problems: Problems) -> dict[str, Any]:
    if not isinstance(content, dict):
        problems.invalid(path, "write an object in curly brackets")
        return {}
    return read_record(spec.fields, content, path + ".", problems)


def _read_coded(codes: CodeList, content: Any, path: str, problems: Problems) -> dict[str, str]:
    """Return a coded value from a plain code of the newest list, or from {code, code_list, code_list_version}."""
    version = codes.version_of(content) if isinstance(content, str) else codes.version
    full = {"code": content, "code_list": codes.name, "code_list_version": version}
    if isinstance(content, dict):
        full = content
    if full.keys() != _CODED_KEYS or not all(isinstance(value, str) for value in full.values()):
        problems.invalid(path, said("write a code of the list %(name)s, in quotation marks", name=codes.name))
    elif full["code_list"] != codes.name or full["code_list_version"] not in codes.versions:
        problems.unknown(
            path, said("use the list %(name)s, version %(version)s", name=codes.name, version=codes.version)
        )
    elif full["code"] not in codes.codes:
        problems.unknown(path, _unknown_code(codes, full["code"]))
    return dict(full)


def _unknown_code(codes: CodeList, text: str) -> str:
    about = {"name": codes.name, "version": codes.version}
    nearest, more = nearest_code(codes.name, text), len(codes.codes) - _MOST_NAMED
    some = ", ".join(list(codes.codes)[:_MOST_NAMED])
    if nearest and codes.named_by:
        words = Said(codes.codes[nearest], codes.name)
        return said(
            "not a code of %(name)s %(version)s; did you mean %(nearest)s (%(words)s)?",
            **about,
            nearest=nearest,
            words=words,
        )
    if nearest:
        return said("not a code of %(name)s %(version)s; did you mean %(nearest)s?", **about, nearest=nearest)
    if more > 0:
        return said(
            "not a code of %(name)s %(version)s; one of %(some)s, and %(more)s more", **about, some=some, more=more
        )
    return said("not a code of %(name)s %(version)s; one of %(some)s", **about, some=some)


def _read_number(spec: FieldSpec, content: Any, path: str, problems: Problems) -> int:
    """Return a number. A time may be written as people do, or as ms UTC."""
    if isinstance(content, str) and spec.name.endswith("_ms"):
        moment = read_time(content)
        if moment is None:
            problems.invalid(path, said("write %(form)s", form=Said(TIME)))
            return 0
        content = moment
    if isinstance(content, bool) or not isinstance(content, int):
        problems.invalid(path, "write a whole number, without quotation marks")
        return 0
    if spec.bound is not None and not spec.bound.holds(content):
        problems.invalid(path, said("must be from %(low)s to %(high)s", low=spec.bound.low, high=spec.bound.high))
    return content


def _read_flag(content: Any, path: str, problems: Problems) -> bool:
    if not isinstance(content, bool):
        problems.invalid(path, "write true or false, without quotation marks")
    return content is True


def _read_file(content: Any, path: str, problems: Problems) -> bytes:
    try:
        data = base64.b64decode(content, validate=True)
    except (binascii.Error, TypeError, ValueError):
        problems.invalid(path, "not Base64: write the file's content in standard Base64, without line breaks")
        return b""
    if not data:
        problems.invalid(path, "the file is empty")
    return data


def _read_text(spec: FieldSpec, content: Any, path: str, problems: Problems) -> str:
    text = check_text(content, path, problems)
    form = spec.attributes.get("format")
    if text and form is not None and not FORMATS[form][0](text):
        written = said("write %(form)s", form=Said(FORMATS[form][1]))
        problems.invalid(path, telephone_advice(problems.country) if form == "e164" else written)
    if text and spec.attributes.get("values") == "DataCategory" and text not in DataCategory.__members__:
        problems.unknown(path, said("one of %(codes)s", codes=", ".join(DataCategory)))
    return text
