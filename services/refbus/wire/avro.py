"""What is used of fastavro, loaded with the first codec: a program that only reads schema files starts faster."""

from __future__ import annotations

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.schema import SchemaParseException, to_parsing_canonical_form
from fastavro.schema import fingerprint as avro_fingerprint
from fastavro.validation import validate

__all__ = [
    "SchemaParseException",
    "avro_fingerprint",
    "parse_schema",
    "schemaless_reader",
    "schemaless_writer",
    "to_parsing_canonical_form",
    "validate",
]
