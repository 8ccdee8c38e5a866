"""What the fields of a payload are: kind, data category, code list and form, read from the schema's own attributes.

A leaf is a field that holds data: a scalar, a file or a code. Each leaf of a payload schema carries `data_category`
(null for technical fields), so the categories of an event follow from the fields that are filled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from refbus.core.bounds import Bound
from refbus.core.vocabulary import DataCategory, member
from refbus.errors import Code, SetupError
from refbus.wire.limits import bound_of
from refbus.wire.schema import Document

FROM_RECORD = "FROM_RECORD"
"""Value of `data_category` where the record itself says its category, in the field that `data_category_field` names."""


class Kind(StrEnum):
    """What a field holds."""

    RECORD = "record"
    CODED = "coded"
    ENUM = "enum"
    TEXT = "string"
    FILE = "bytes"
    ID = "fixed"
    NUMBER = "number"
    FLAG = "boolean"


_SCALARS = {
    "string": Kind.TEXT,
    "bytes": Kind.FILE,
    "int": Kind.NUMBER,
    "long": Kind.NUMBER,
    "boolean": Kind.FLAG,
}


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field. `attributes` are all attributes of the schema file; `size` is that of an id in bytes.

    `required`: a person must fill it; `computed`: the program does, nobody may. `category`: the data category's name,
    FROM_RECORD, or None for a technical field and for a record.
    """

    name: str
    kind: Kind
    optional: bool
    many: bool
    doc: str
    attributes: Mapping[str, Any]
    required: bool
    computed: bool
    category: str | None
    fields: tuple[FieldSpec, ...] = ()
    symbols: tuple[str, ...] = ()
    size: int = 0
    bound: Bound | None = None  # of a number

    @property
    def brief(self) -> str:
        """What the field is, in one phrase."""
        return self.doc.split(". ", maxsplit=1)[0].split(";", maxsplit=1)[0].rstrip(".")

    @property
    def content(self) -> bool:
        """Whether the field says something of a person: it has a data category, or holds words, a file or a group.

        Such a field is never taken from a command line, which ends in shell histories and lists of processes. Codes,
        numbers and times without a category say something of the work, and may be.
        """
        words = self.kind is Kind.TEXT and not {"format", "values"} & self.attributes.keys()
        return words or self.category is not None or self.kind in {Kind.RECORD, Kind.FILE}

    @property
    def code_list(self) -> str:
        """Name of the code list of a coded field."""
        return str(self.attributes["code_list"])


@dataclass(frozen=True, slots=True)
class Leaf:
    """A filled field of one payload. `path` is like "person.prs_Citizenship[0]"; `category` None means technical."""

    path: str
    spec: FieldSpec
    value: Any = field(repr=False)
    category: DataCategory | None


def read_fields(document: Document) -> tuple[FieldSpec, ...]:
    """Return the fields of a schema file, in its order. Raises SetupError when the file breaks our own rules."""
    try:
        return _record_fields(document, {})
    except (KeyError, TypeError) as error:
        raise SetupError(Code.FILE_UNREADABLE, f"schema {document.get('name')}: {error}") from None


def walk(specs: tuple[FieldSpec, ...], value: Mapping[str, Any], path: str = "") -> list[Leaf]:
    """Return every filled leaf of a decoded payload, in the schema's order. Raises MalformedError UNKNOWN_VALUE."""
    leaves = list[Leaf]()
    for spec in specs:
        content = value.get(spec.name)
        for number, item in enumerate(content or ()) if spec.many else ((None, content),):
            if item is None or item == "":
                continue
            here = path + spec.name + ("" if number is None else f"[{number}]")
            if spec.kind is Kind.RECORD:
                leaves += walk(spec.fields, item, here + ".")
            else:
                leaves.append(Leaf(here, spec, item, _category(spec, value)))
    return leaves


def _category(spec: FieldSpec, parent: Mapping[str, Any]) -> DataCategory | None:
    name = spec.category
    if name == FROM_RECORD:
        name = str(parent[spec.attributes["category_from"]])
    return None if name is None else member(DataCategory, name)


def _record_fields(record: Document, named: dict[str, Document]) -> tuple[FieldSpec, ...]:
    named[record["name"]] = record
    source = record.get("data_category_field")
    return tuple(_field(record["name"], item, named, source) for item in record["fields"])


def _field(record: str, item: Document, named: dict[str, Document], category_from: str | None) -> FieldSpec:
    inner, optional, many = _unwrap(item["type"])
    if isinstance(inner, str):
        inner = named.get(inner, inner)
    attributes = {key: value for key, value in item.items() if key not in {"name", "type", "doc"}}
    if item.get("data_category") == FROM_RECORD:
        attributes["category_from"] = category_from
    common = {
        "name": item["name"],
        "optional": optional,
        "many": many,
        "doc": item["doc"],
        "attributes": attributes,
        "required": "default" not in attributes or attributes.get("min_items", 0) > 0,
        "computed": "hash_of" in attributes or attributes.get("computed", False),
        "category": attributes.get("data_category"),
    }
    if isinstance(inner, str):
        kind = _SCALARS[inner]
        return FieldSpec(kind=kind, bound=bound_of(record, item) if kind is Kind.NUMBER else None, **common)
    return _named_field(inner, named, common)


def _named_field(inner: Document, named: dict[str, Document], common: dict[str, Any]) -> FieldSpec:
    named[inner["name"]] = inner
    match inner["type"]:
        case "record" if inner["name"] == "Coded":
            return FieldSpec(kind=Kind.CODED, **common)
        case "record":
            return FieldSpec(kind=Kind.RECORD, fields=_record_fields(inner, named), **common)
        case "enum":
            return FieldSpec(kind=Kind.ENUM, symbols=tuple(inner["symbols"]), **common)
        case _:
            return FieldSpec(kind=Kind.ID, size=inner["size"], **common)


def _unwrap(kind: Any) -> tuple[Any, bool, bool]:
    """Return the inner type, whether it may be null, whether it is an array."""
    if isinstance(kind, list):
        return kind[1], True, False
    if isinstance(kind, dict) and kind["type"] == "array":
        return kind["items"], False, True
    return kind, False, False
