"""Numbers that nobody honest writes, and Avro bytes that hold them: our own codec would not write them.

as_written("InboxRecord", {"kind": "EVENT", "sequence": 2**62, "body": b""})
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_writer

from refbus.wire.schema import Codec, forms_of

NUMBERS = (
    -(2**63),
    -62_135_596_800_000,  # year 1, ms
    -1,
    0,
    1,
    2**31 - 1,
    2**31,
    2**53,
    253_402_300_799_999,  # year 9999, ms
    2**62,
    2**63 - 1,
)


def as_written(schema: str | Codec, value: Mapping[str, Any]) -> bytes:
    """Return the Avro bytes of a value, whatever its numbers are, in the oldest form that has its fields."""
    forms = forms_of(schema) if isinstance(schema, str) else (schema,)
    document = next(
        (form.document for form in forms if value.keys() <= {each["name"] for each in form.document["fields"]}),
        forms[-1].document,
    )
    stream = BytesIO()
    schemaless_writer(stream, parse_schema(_wide(document)), value)
    return stream.getvalue()


def _wide(kind: Any) -> Any:
    """Return a schema with "long" for each "int": on the wire both are the same."""
    if isinstance(kind, dict):
        return {name: _wide(each) if name in {"type", "items", "fields"} else each for name, each in kind.items()}
    if isinstance(kind, list):
        return [_wide(each) for each in kind]
    return "long" if kind == "int" else kind


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where the integers of a decoded value lie."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from places(each, (*path, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from places(each, (*path, number))
    elif type(value) is int:
        yield path


def changed(value: Any, path: tuple[str | int, ...], number: int) -> Any:
    """Return a copy of a decoded value with `number` at a place."""
    if not path:
        return number
    copy = value.copy()
    copy[path[0]] = changed(copy[path[0]], path[1:], number)
    return copy
