"""The JSON of what actions return: made here alone, for the command line, pages and REST alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def json_of(value: object) -> Any:
    """Return a value as JSON has it: fields by name in their order, bytes in hex, sets sorted, times in ms UTC.

    A field whose name is a word of Python ends with "_", which JSON has not: `from_` is "from".

    Raises TypeError for a value that no action may return.
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name.removesuffix("_"): json_of(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): json_of(item) for name, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(json_of(item) for item in value)
    if isinstance(value, (list, tuple)):
        return [json_of(item) for item in value]
    raise TypeError(type(value).__name__)
