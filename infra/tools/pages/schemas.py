"""docs/reference/schemas.md: every record and field, and every code list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from refbus.resources import data_dir
from refbus.wire.codelists import CodeList, code_lists
from tools.pages.markdown import code, document, table

_INTRO = """\
Avro records, namespace `refbus.v1`. Every record has one encoding only: bytes that would be written
differently are refused. Rules for changes: [schemas/README.md](../../schemas/README.md)."""
_EVENTS = """\
The payload of each event, which only the recipient can read. *Category* is the kind of data about the person that
a field holds; it must be covered by consent. A technical field has none."""


def page() -> str:
    """Return the page."""
    blocks = [
        _INTRO,
        "## Transport",
        *_records("wire"),
        "## Events",
        _EVENTS,
        *_records("events"),
        "## Code lists",
        *(_code_list(entry) for entry in code_lists().values()),
    ]
    return document("Schemas", *blocks)


def _records(folder: str) -> Iterator[str]:
    for path in sorted((data_dir("schemas") / folder).glob("*.avsc")):
        yield _record(json.loads(Path(path).read_text(encoding="utf-8")))


def _record(schema: dict[str, Any]) -> str:
    rows = [
        (
            code(name),
            code(kind),
            field.get("data_category") or "",
            code(field.get("code_list", "")),
            field.get("doc", ""),
        )
        for name, kind, field in _fields(schema, "")
    ]
    head = f"### {schema['name']}\n\n{schema['doc']} At most {schema['max_bytes']} bytes."
    return f"{head}\n\n{table(('field', 'type', 'category', 'code list', 'meaning'), rows)}"


def _fields(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, type and declaration of each field, the fields of a record right behind it; codes are not opened."""
    for field in schema["fields"]:
        path = prefix + field["name"]
        yield path, _type_name(field["type"]), field
        inner = _inner_record(field["type"])
        if inner is not None and inner["name"] != "Coded":
            yield from _fields(inner, path + ".")


def _type_name(kind: Any) -> str:
    """Return the type as text, e.g. "string?", "[]Service", "fixed16"."""
    if isinstance(kind, str):
        return kind
    if isinstance(kind, list):
        return " or ".join(_type_name(part) for part in kind if part != "null") + ("?" if "null" in kind else "")
    if kind["type"] == "array":
        return "[]" + _type_name(kind["items"])
    if kind["type"] == "enum":
        return " / ".join(kind["symbols"])
    if kind["type"] in {"record", "fixed"}:
        return str(kind["name"])
    return str(kind["type"])


def _inner_record(kind: Any) -> dict[str, Any] | None:
    """Return the record that is declared inside a field type, if any."""
    if isinstance(kind, list):
        return next((found for part in kind if (found := _inner_record(part))), None)
    if isinstance(kind, dict):
        if kind["type"] == "record":
            return kind
        return _inner_record(kind.get("items"))
    return None


def _code_list(entry: CodeList) -> str:
    listed = table(("code", "meaning"), [(code(name), entry.codes[name]) for name in entry.usual])
    more = len(entry.codes) - len(entry.usual)
    rest = f" {more} more codes are in the file." if more else ""
    return f"### {entry.name}\n\n{entry.title}. Version {entry.version}. Source: {entry.source}.{rest}\n\n{listed}"
