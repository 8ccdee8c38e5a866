"""A form as data: the fields of an event from its schema, with labels, options and what a person types.

NEED = ("services_requested", "reason", "reason_details")       # paths of one step

fields.of(ask.words, case_fields(), NEED)     # to show: `{% for each in fields %}{{ part.field(each) }}{% endfor %}`
document = fields.document(shown, ask.posted) # what the forms of `refbus_gateway.forms` read
problems = fields.check(case_fields(), document, NEED)          # all at once, each at its field
ask.again(problems) if problems else ...
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from starlette.responses import Response

from refbus.core.times import iso_time
from refbus.errors import Code, RefbusError
from refbus.wire.codelists import code_list
from refbus.wire.fields import FieldSpec, Kind
from refbus_gateway.forms.dates import as_form, with_hour
from refbus_gateway.forms.problems import Problem, Problems
from refbus_gateway.forms.values import read_record, whole_number
from refbus_gateway.web.session import Form
from refbus_gateway.words.catalogue import Catalogue
from refbus_gateway.words.codes import field_name, label
from refbus_gateway.words.names import exact_code

if TYPE_CHECKING:
    from refbus_gateway.web.screens import Ask

At: TypeAlias = Mapping[Code, tuple[str, str]]
"""For each code of an error the field that it is about, and what to say there."""
FEW: Final = 8
"""So many options are shown as radios; more as a list that is searched by typing."""
_ROW: Final = re.compile(r"\[(\d+)\]\.")
_LONG: Final = frozenset(
    {
        *("summary", "safety_plan", "special_arrangements", "perpetrator", "wishes", "never"),
        *("note", "question", "reason_text"),
    }
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A field on a page. `pattern` names the macro of `parts.html`; `category`: None for a technical field."""

    name: str
    label: str
    pattern: str
    options: tuple[tuple[str, str], ...]
    optional: bool
    category: str | None
    spec: FieldSpec


def spec_at(specs: Iterable[FieldSpec], path: str) -> FieldSpec:
    """Return the field at a path like "person.prs_FirstName". Raises KeyError for one that the schema has not."""
    first, _, rest = path.partition(".")
    found = {each.name: each for each in specs}[first]
    if rest[:1].isdigit():  # a row: "risks.0.factor"
        rest = rest.partition(".")[2]
    return spec_at(found.fields, rest) if rest else found


def of(words: Catalogue, specs: Iterable[FieldSpec], paths: Sequence[str]) -> tuple[Shown, ...]:
    """Return the fields at these paths, in this order, as a page shows them in a language."""
    listed = tuple(specs)
    return tuple(_shown(words, spec_at(listed, path), path) for path in paths)


def document(shown: Iterable[Shown], form: Form, utc_offset_min: int = 0, country: str = "") -> dict[str, Any]:
    """Return what was typed as a document of the forms: codes for labels, days and times as the forms write them.

    A field that was left empty is left out. What cannot be read stays as it was typed: the check tells it.
    """
    made: dict[str, Any] = {}
    for each in shown:
        texts = [text for text in map(str.strip, form.all(each.name)) if text]
        if texts:
            values = [_value(each, text, utc_offset_min, country) for text in texts]
            _put(made, each.name.split("."), values if each.spec.many else values[0])
    return {name: _rows(value) for name, value in made.items()}


def place_of(problem: str, paths: Sequence[str]) -> str:
    """Return the path of the field that a problem is about: "risks[0].factor" stands in "risks.0.factor"."""
    path = _ROW.sub(r".\1.", problem).partition("[")[0]
    return next((each for each in paths if each == path or each.startswith(f"{path}.0.")), path)


def check(
    specs: Iterable[FieldSpec], content: Mapping[str, Any], paths: Sequence[str], country: str = ""
) -> tuple[Problem, ...]:
    """Return every problem of the fields at these paths; those of other steps are left to them."""
    problems = Problems(country)
    problems.refuse_placeholders(content)
    read_record(tuple(specs), content, "", problems)
    placed = (replace(each, path=place_of(each.path, paths)) for each in problems.found)
    return tuple(each for each in placed if each.path in set(paths))


def form_of(content: Mapping[str, Any], path: str = "") -> dict[str, list[str]]:
    """Return a document as fields of a form, as a draft keeps them."""
    fields: dict[str, list[str]] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            fields |= form_of(value, f"{path}{name}.")
        else:
            fields[path + name] = [_text(item) for item in (value if isinstance(value, list) else [value])]
    return fields


def code_of(options: Iterable[tuple[str, str]], text: str) -> str:
    """Return the code of a label that was typed or chosen; a text that is neither stays as it is."""
    folded = text.casefold()
    return next((code for code, words in options if folded in {words.casefold(), code.casefold()}), text)


def code_typed(each: Shown, text: str) -> str:
    """Return the code that was chosen or typed; of a long list also by its name in any language that is here."""
    chosen = code_of(each.options, text)
    if chosen != text or not text or each.spec.kind is not Kind.CODED or not code_list(each.spec.code_list).named_by:
        return chosen
    return exact_code(each.spec.code_list, text) or text


def _shown(words: Catalogue, spec: FieldSpec, path: str) -> Shown:
    options = _options(words, spec)
    return Shown(
        path, field_name(words, spec.name), _pattern(spec, options), options, not spec.required, spec.category, spec
    )


def _options(words: Catalogue, spec: FieldSpec) -> tuple[tuple[str, str], ...]:
    if spec.kind is Kind.FLAG:
        return ("true", words.text("Yes")), ("false", words.text("No"))
    name, codes = _listed(spec)
    pairs = [(code, label(words.language, name, code) or code) for code in codes]
    others = [pair for pair in pairs if pair[0].lower().removeprefix("x_").startswith("other")]
    return (*words.in_order([pair for pair in pairs if pair not in others], lambda pair: pair[1]), *others)


def _listed(spec: FieldSpec) -> tuple[str, Iterable[str]]:
    """Return the list that the words of a field's codes are in, and the codes; none for a field without codes."""
    if spec.kind is Kind.CODED:
        codes = code_list(spec.code_list)
        return codes.name, codes.usual
    if "values" in spec.attributes:
        name = f"refbus.{spec.attributes['values']}"
        return name, code_list(name).codes
    return str(spec.attributes.get("code_list", "")), spec.symbols


def _pattern(spec: FieldSpec, options: Sequence[object]) -> str:
    if spec.kind is Kind.FLAG:
        return "radios"
    if options:
        return ("checks" if spec.many else "radios") if len(options) <= FEW or spec.many else "search"
    if spec.attributes.get("format") in {"date", "partial_date"}:
        return "date"
    return "area" if spec.name in _LONG or spec.name.endswith("_details") else "text"


def _value(each: Shown, text: str, utc_offset_min: int, country: str) -> Any:
    match each.spec.kind:
        case Kind.FLAG:
            return {"true": True, "false": False}.get(text, text)
        case Kind.CODED:
            return code_typed(each, text)
        case Kind.NUMBER if each.name.endswith("_ms"):
            return iso_time(with_hour(each.spec.name, text), utc_offset_min)
        case Kind.NUMBER:
            found = whole_number(text, 15)
            return text if found is None else found
        case _:
            return as_form(each.spec.attributes.get("format"), text, country)


def _put(made: dict[str, Any], names: Sequence[str], value: Any) -> None:
    for name in names[:-1]:
        made = made.setdefault(name, {})
    made[names[-1]] = value


def _rows(value: Any) -> Any:
    """Return rows, which were put under their numbers, as a list; anything else as it is."""
    if isinstance(value, dict) and value and all(name.isdigit() for name in value):
        return [value[name] for name in sorted(value, key=int)]
    return value


def _text(value: object) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def again_at(ask: Ask, error: RefbusError, at: At) -> Response:
    """Lead back to the field that an error is about. Raises it when it is about none of these."""
    if error.code not in at:
        raise error
    field, told = at[error.code]
    return ask.again([Problem(field, error.code, told)])
