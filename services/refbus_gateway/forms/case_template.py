"""A case file to fill in: every field, empty, and beside it what each one means and which codes it takes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from refbus.core.placeholder import placeholder
from refbus.core.times import TIME
from refbus.core.vocabulary import Priority, Purpose
from refbus.errors import Code
from refbus.wire.codelists import code_list
from refbus.wire.fields import FieldSpec, Kind
from refbus_gateway.forms.case_routing import FORMAT
from refbus_gateway.forms.casefile import case_fields
from refbus_gateway.forms.plausible import CONFIRMED
from refbus_gateway.forms.values import FILE_KEY
from refbus_gateway.words.catalogue import Catalogue
from refbus_gateway.words.codes import brief, meaning

_EPOCH: Final = "milliseconds since the Unix epoch, UTC"
"""How schemas say it of a time on the bus; in a form people write it as they always do."""
_ROUTING_HELP = {
    "recipient": "Who gets it. Compulsory; find the id with: refbus orgs find --country uz --service Legal",
    "purpose": f"What the data may be used for. Compulsory; one of {', '.join(Purpose)}",
    "priority": f"How fast it must move. Compulsory; one of {', '.join(Priority)}",
    "reply_within_hours": f"When an answer is due, in hours from sending; or reply_by with {TIME}",
    "about": "A note for yourself; it is not sent",
    "file_number": "The number of your own file, at most 40 characters, shown in your lists; it is not sent",
    CONFIRMED: "Why facts are so that are asked about, by the name that the answer gives; it is not sent",
    "help": "This explanation; it is not sent and may be deleted",
}


def template(words: Catalogue | None = None) -> str:
    """Return an empty case file as JSON text. What stays null is left out; compulsory fields are marked in `help`.

    It is explained in the language of `words`, in English without.
    """
    specs, spoken = case_fields(), _spoken(words)
    document = {
        "format": FORMAT,
        "about": None,
        "file_number": None,
        "recipient": {"organisation": ""},
        "purpose": "",
        "priority": "",
        "reply_within_hours": None,
        CONFIRMED: {},
        **_empty(specs),
        "help": {**(_routing_help(spoken) if spoken else _ROUTING_HELP), **dict(_help(specs, "", spoken))},
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def event_template(specs: Iterable[FieldSpec], words: Catalogue | None = None) -> str:
    """Return an empty file for `--file` with the fields of an event, explained like a case file.

    What must be filled is marked with << and >>; what stays null is left out.
    """
    listed, spoken = tuple(specs), _spoken(words)
    asked = [spec for spec in listed if spec.required and not _is_group(spec)]
    marked = {spec.name: placeholder(brief(spoken, spec) if spoken else _wanted(spec)) for spec in asked}
    about = (_routing_help(spoken) if spoken else _ROUTING_HELP)["help"]
    document = {**_empty(listed), **marked, "help": {"help": about, **dict(_help(listed, "", spoken))}}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _empty(specs: Iterable[FieldSpec]) -> dict[str, Any]:
    return {_written_name(spec): _empty_value(spec) for spec in specs if "hash_of" not in spec.attributes}


def _empty_value(spec: FieldSpec) -> Any:
    if spec.many:
        return []
    return _empty(spec.fields) if spec.kind is Kind.RECORD else None


def _is_group(spec: FieldSpec) -> bool:
    return spec.many or spec.kind in {Kind.RECORD, Kind.FILE} or "hash_of" in spec.attributes


def _wanted(spec: FieldSpec) -> str:
    match spec.kind:
        case Kind.CODED:
            return f"a code of {spec.code_list}"
        case Kind.ENUM:
            return f"one of {', '.join(spec.symbols)}"
        case Kind.FLAG:
            return "true or false, without quotation marks"
        case Kind.NUMBER:
            return TIME if spec.name.endswith("_ms") else "a whole number, without quotation marks"
        case _:
            return spec.brief


def _written_name(spec: FieldSpec) -> str:
    return FILE_KEY if spec.kind is Kind.FILE else spec.name


def _help(specs: Iterable[FieldSpec], path: str, spoken: Catalogue | None) -> Iterable[tuple[str, str]]:
    for spec in specs:
        if "hash_of" in spec.attributes:
            continue
        here = path + _written_name(spec) + ("[]" if spec.many else "")
        yield here, _told(spoken, spec) if spoken else _explain(spec)
        yield from _help(spec.fields, here + ".", spoken)


def _spoken(words: Catalogue | None) -> Catalogue | None:
    """Return the words to explain with; None for English, in which the schemas themselves say more."""
    return None if words is None or words.language == "en" else words


def _routing_help(words: Catalogue) -> dict[str, str]:
    """Return the same as in English, in the words that pages say it with."""
    return {
        "recipient": f"{words.text('Choose an organisation')}: refbus orgs find --country uz --service Legal",
        "purpose": words.text("one of %(codes)s", codes=", ".join(Purpose)),
        "priority": f"{words.text('How urgent is it?')} {words.text('one of %(codes)s', codes=', '.join(Priority))}",
        "reply_within_hours": words.text("By when do you need their answer?"),
        "about": words.text("What you wrote about the person stays on this computer, for your own work."),
        "file_number": words.text("A word by which you know this case again. It stays on this computer."),
        CONFIRMED: meaning(words, Code.FACTS_DOUBTFUL),
        "help": words.text("Not sent to anybody"),
    }


def _told(words: Catalogue, spec: FieldSpec) -> str:
    told = brief(words, spec) if spec.required else f"{brief(words, spec)} {words.text('(may stay empty)')}"
    forms = [_codes_told(words, spec)] if spec.kind is Kind.CODED else []
    if spec.kind is Kind.ENUM:
        forms.append(words.text("one of %(codes)s", codes=", ".join(spec.symbols)))
    if spec.name.endswith("_ms"):
        forms.append(words.text(TIME))
    return "; ".join([told, *forms])


def _codes_told(words: Catalogue, spec: FieldSpec) -> str:
    codes = code_list(spec.code_list)
    usual = ", ".join(codes.usual)
    if len(codes.usual) < len(codes.codes):
        return words.text("a code of %(name)s, such as %(next)s", name=codes.name, next=usual)
    return words.text("one of %(codes)s", codes=usual)


def _explain(spec: FieldSpec) -> str:
    told = spec.doc.replace(f"; {_EPOCH}", f"; {TIME}")
    parts = ["Compulsory." if spec.required else "", told, _codes(spec) if spec.kind is Kind.CODED else ""]
    if spec.kind is Kind.ENUM:
        parts.append(f"One of {', '.join(spec.symbols)}.")
    if spec.category is not None:
        parts.append(f"Category {spec.category}.")
    return " ".join(part for part in parts if part)


def _codes(spec: FieldSpec) -> str:
    codes = code_list(spec.code_list)
    rest = len(codes.codes) - len(codes.usual)
    more = f", and {rest} more, each found by its name" if rest else ""
    return f"Codes of {codes.name} {codes.version}: {', '.join(codes.usual)}{more}."
