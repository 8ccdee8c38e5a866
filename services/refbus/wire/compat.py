"""Whether a schema may replace another: FULL (each version reads the other), and nothing that was said changes meaning.

Two independent judges and our own rules: the `avro` package's checker in both directions, cross-reads of sample values
with fastavro (the checker is known to let things through), and rules for what Avro does not see: defaults, categories,
code lists. The `avro` package is a development dependency; nothing that runs in a service imports this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.errors import AvroException
from avro.schema import parse as avro_parse

from refbus.errors import RefbusError
from refbus.wire.limits import bound_of, holds_integer, named_types
from refbus.wire.schema import Codec, Document

_DOCS = frozenset({"doc"})


def problems(old: Document, new: Document) -> list[str]:
    """Return why `new` may not replace `old`, in words; empty when it may. Call it with every older version."""
    return [*rule_problems(old, new), *checker_problems(old, new), *cross_read_problems(old, new)]


def rule_problems(old: Document, new: Document) -> list[str]:
    """Return what our own rules say: fields stay as they are, new ones are optional, enums have no default."""
    found = []
    if new["max_bytes"] < old["max_bytes"]:
        found.append("max_bytes: smaller than before, so events that were sent would be refused")
    if new["name"] != old["name"] or new.get("namespace") != old.get("namespace"):
        found.append("name: a renamed record is another record")
    return [*found, *_record_problems(old, new, "")]


def checker_problems(old: Document, new: Document) -> list[str]:
    """Return what avro.compatibility says, with each version as the reader of the other."""
    found = []
    for title, writer, reader in (("new reads old", old, new), ("old reads new", new, old)):
        try:
            result = ReaderWriterCompatibilityChecker().get_compatibility(_avro(reader), _avro(writer))
        except AvroException as error:
            found.append(f"{title}: not a schema ({type(error).__name__})")
            continue
        if result.compatibility is not SchemaCompatibilityType.compatible:
            found.extend(f"{title}: {message}" for message in sorted(result.messages))
    return found


def cross_read_problems(old: Document, new: Document) -> list[str]:
    """Return which sample values of one version the other cannot read with fastavro."""
    found = []
    for title, writer, reader in (("new reads old", old, new), ("old reads new", new, old)):
        for full in (True, False):
            try:
                written, read = Codec(writer), Codec(reader)
                written.resolve(written.encode(sample(writer, full=full)), read)
            except (RefbusError, KeyError, TypeError, ValueError) as error:
                found.append(f"{title}: a {'full' if full else 'minimal'} value is not readable ({error})")
    return found


def guarded(document: Document) -> str:
    """Return a schema as canonical JSON without its texts for people: all that the rules protect."""
    return json.dumps(_without_docs(document), ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def _avro(document: Document) -> Any:
    return avro_parse(json.dumps(document))


def _without_docs(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_docs(item) for key, item in value.items() if key not in _DOCS}
    return [_without_docs(item) for item in value] if isinstance(value, list) else value


def _record_problems(old: Document, new: Document, path: str) -> Iterator[str]:
    before = {field["name"]: field for field in old["fields"]}
    after = {field["name"]: field for field in new["fields"]}
    for name in before.keys() - after.keys():
        yield f"{path}{name}: removed, so what older events say would be dropped in silence"
    for name in after.keys() - before.keys():
        if "default" not in after[name]:
            yield f"{path}{name}: new without a default, so older events cannot be read"
        yield from _enum_problems(after[name]["type"], path + name)
    for name in [name for name in before if name in after]:
        yield from _field_problems(before[name], after[name], path + name)


def _field_problems(old: Document, new: Document, path: str) -> Iterator[str]:
    for attribute in sorted((old.keys() | new.keys()) - {"name", "type", "doc"}):
        if old.get(attribute, _ABSENT) != new.get(attribute, _ABSENT):
            yield f"{path}: {attribute} changed, so the same bytes would mean something else"
    yield from _type_problems(old["type"], new["type"], path)


def _type_problems(old: Any, new: Any, path: str) -> Iterator[str]:
    """Compare two types: the same, or records whose fields are compatible."""
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for one, other in zip(old, new, strict=True):
            yield from _type_problems(one, other, path)
    elif isinstance(old, dict) and isinstance(new, dict) and old["type"] == new["type"]:
        yield from _named_problems(old, new, path)
    elif old != new:
        yield f"{path}: type changed"


def _named_problems(old: Document, new: Document, path: str) -> Iterator[str]:
    if old["type"] == "array":
        yield from _type_problems(old["items"], new["items"], path + "[]")
        return
    if old.get("name") != new.get("name") or old.get("data_category_field") != new.get("data_category_field"):
        yield f"{path}: another record or name"
    match old["type"]:
        case "record":
            yield from _record_problems(old, new, path + ".")
        case "enum":
            yield from _symbol_problems(old["symbols"], new["symbols"], path)
            yield from _enum_problems(new, path)
        case _ if _without_docs(old) != _without_docs(new):
            yield f"{path}: type changed"


def _symbol_problems(old: Iterable[str], new: Iterable[str], path: str) -> Iterator[str]:
    removed, added = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    if removed:
        yield f"{path}: symbols removed ({', '.join(removed)})"
    if added:
        yield f"{path}: symbols added ({', '.join(added)}), which older readers cannot read; use a coded field"


def _enum_problems(kind: Any, path: str) -> Iterator[str]:
    """Refuse a default of an enum: an unknown symbol must be an error, never read as another one."""
    for inner in kind if isinstance(kind, list) else [kind]:
        if isinstance(inner, dict) and inner.get("type") == "enum" and "default" in inner:
            yield f"{path}: an enum with a default turns unknown symbols into another meaning"


_ABSENT = object()
_SCALARS: dict[str, Any] = {"string": "x", "bytes": b"x", "boolean": True, "null": None}


def sample(document: Document, *, full: bool = True) -> Document:
    """Return a record of a schema with every optional part, or with none."""
    value: Document = _sample(document, named_types(document), full=full)
    return value


def _sample(kind: Any, named: Document, *, full: bool, number: int = 0) -> Any:
    """Return a value of a type: with every optional part, or with none; its integers are `number`."""
    if isinstance(kind, list):
        return _sample(kind[-1] if full else kind[0], named, full=full, number=number)
    if isinstance(kind, str):
        return _sample(named[kind], named, full=full) if kind in named else _SCALARS.get(kind, number)
    match kind["type"]:
        case "record":
            return {item["name"]: _sample_field(kind["name"], item, named, full=full) for item in kind["fields"]}
        case "array":
            item = _sample(kind["items"], named, full=full, number=number)
            return [item] if full else []
        case "enum":
            return kind["symbols"][-1 if full else 0]
        case "fixed":
            return bytes(kind["size"])
        case other:
            return _SCALARS.get(other, number)


def _sample_field(record: str, item: Document, named: Document, *, full: bool) -> Any:
    number = bound_of(record, item).low if holds_integer(item["type"]) else 0
    return _sample(item["type"], named, full=full, number=number)
