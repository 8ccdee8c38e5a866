"""Questions at a terminal, one after the other: the fields of an event.

The answers make the same form that a file would hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from refbus.core.times import TIME
from refbus.core.vocabulary import DataCategory
from refbus.output import say
from refbus.wire.codelists import code_list
from refbus.wire.fields import FieldSpec, Kind
from refbus.wire.forms import FORMATS
from refbus_gateway.cli.prompts import ask_text, ask_yes, yes_or_no
from refbus_gateway.cli.session import words
from refbus_gateway.forms.dates import as_form, is_time
from refbus_gateway.forms.values import whole_number
from refbus_gateway.words.catalogue import mark
from refbus_gateway.words.codes import brief, field_name, label
from refbus_gateway.words.contacts import telephone_advice
from refbus_gateway.words.names import exact_code

_MOST_CODES: Final = 40
_WRITE_ONE: Final = mark("%(name)s: %(brief)s. Write one down?")
_ONE_MORE: Final = mark("%(name)s: %(brief)s. One more?")


def ask_fields(specs: Iterable[FieldSpec], language: str, country: str = "") -> dict[str, Any]:
    """Return the fields that a person answers, one after the other, as a file would hold them. Nothing is defaulted.

    What is not compulsory is passed over with an empty answer. Attachments come from a file only.
    """
    answers = {spec.name: _ask(spec, language, country) for spec in specs if not _holds_file(spec)}
    return {name: value for name, value in answers.items() if value not in (None, "", [], {})}


def _holds_file(spec: FieldSpec) -> bool:
    inside = any(_holds_file(each) for each in spec.fields)
    return inside or spec.kind is Kind.FILE or bool({"hash_of", "computed"} & spec.attributes.keys())


def _ask(spec: FieldSpec, language: str, country: str) -> Any:
    name = field_name(words(), spec.name)
    if spec.kind is Kind.RECORD and spec.many:
        found: list[dict[str, Any]] = []
        more = {"name": name, "brief": brief(words(), spec)}
        while ask_yes(words(), words().text(_ONE_MORE if found else _WRITE_ONE, None, **more)):
            found.append(ask_fields(spec.fields, language, country))
        return found
    if spec.kind is Kind.RECORD:
        asked = ask_yes(
            words(), words().text("%(name)s: %(brief)s. Write it down?", name=name, brief=brief(words(), spec))
        )
        return ask_fields(spec.fields, language, country) if asked else None
    if not spec.many:
        return _ask_value(spec, language, country, compulsory=spec.required)
    several: list[Any] = []
    while (value := _ask_value(spec, language, country, compulsory=spec.required and not several)) not in (None, ""):
        several.append(value)
    return several


def _ask_value(spec: FieldSpec, language: str, country: str, *, compulsory: bool) -> Any:
    """Ask for one value until it is one, or empty where it may be."""
    hint = "" if compulsory else " " + words().text("(may stay empty)")
    question = f"{field_name(words(), spec.name)}{hint}: {brief(words(), spec)}"
    say(*_choices(spec, language), err=True)
    if spec.kind is Kind.TEXT and not {"format", "values"} & spec.attributes.keys():
        return _ask_lines(question, compulsory=compulsory)
    while True:
        typed = _line(question, compulsory=compulsory)
        value = _read(spec, typed, country) if typed else None
        if value is not None or not typed:
            return value
        say(_again(spec, country), err=True)


def _line(question: str, *, compulsory: bool) -> str:
    return ask_text(question, default=None if compulsory else "").strip()


def _ask_lines(question: str, *, compulsory: bool) -> str:
    """Ask for a text of several lines; an empty line ends it."""
    lines = [
        _line(
            words().text("%(question)s; several lines, an empty line ends it", question=question), compulsory=compulsory
        )
    ]
    while lines[-1]:
        lines.append(ask_text("", suffix="> ", default=""))
    return "\n".join(lines[:-1])


def _choices(spec: FieldSpec, language: str) -> list[str]:
    """Return a line for each code that may be written, with its words; a long list is only named."""
    if spec.kind is Kind.ENUM:
        return [
            f"  {code:28} {label(language, spec.attributes.get('code_list', ''), code) or ''}" for code in spec.symbols
        ]
    if spec.attributes.get("values") == "DataCategory":
        return [f"  {code}" for code in DataCategory]
    if spec.kind is not Kind.CODED:
        return []
    codes = code_list(spec.code_list)
    if len(codes.codes) > _MOST_CODES:
        return [
            "  " + words().text("a code of %(name)s, such as %(next)s", name=codes.name, next=next(iter(codes.codes)))
        ]
    return [f"  {code:28} {label(language, codes.name, code) or ''}" for code in codes.codes]


def _read(spec: FieldSpec, typed: str, country: str) -> Any:
    """Return what was typed as a file would hold it, None when it is no such value."""
    match spec.kind:
        case Kind.CODED:
            codes = code_list(spec.code_list)
            return typed if typed in codes.codes else exact_code(codes.name, typed) if codes.named_by else None
        case Kind.ENUM:
            return typed if typed in spec.symbols else None
        case Kind.FLAG:
            return yes_or_no(words(), typed)
        case Kind.NUMBER if spec.name.endswith("_ms"):
            return typed if is_time(spec.name, typed) else None
        case Kind.NUMBER:
            return whole_number(typed)
        case _ if spec.attributes.get("values") == "DataCategory":
            return typed if typed in DataCategory.__members__ else None
        case _:
            form = spec.attributes.get("format")
            typed = as_form(form, typed, country)
            return typed if form is None or FORMATS[form][0](typed) else None


def _again(spec: FieldSpec, country: str) -> str:
    """Return what to say of an answer that is none."""
    if spec.attributes.get("format") == "e164":
        return words().spoken(telephone_advice(country))
    return words().text("Not %(form)s.", form=_form(spec))


def _form(spec: FieldSpec) -> str:
    match spec.kind:
        case Kind.FLAG:
            return words().text("yes or no")
        case Kind.NUMBER:
            return words().text(TIME) if spec.name.endswith("_ms") else words().text("a whole number")
        case Kind.TEXT if "format" in spec.attributes:
            return words().text(FORMATS[spec.attributes["format"]][1])
        case _:
            return words().text("one of the codes")
