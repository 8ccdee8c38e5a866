"""JSON and TOML from outside: read here and nowhere else, with their depth bounded before anything recursive runs.

Numbers in them are bounded where the document's fields are read. A document of a reader's own making (its state, its
installation) needs none of this; a test of the repository lists who may read such.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any, Final

from refbus.core.bounds import MOST_DEPTH
from refbus.errors import Code, MalformedError
from refbus.said import said

_STRUCTURE: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_NAME: Final = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED: Final = re.compile(rf"{_NAME}(?:[ \t]*\.[ \t]*{_NAME}){{{MOST_DEPTH}}}")
"""A dotted key of TOML that makes more tables than may lie inside each other; reading it takes their square in time."""


def json_depth(text: str) -> int:
    """Return how deep brackets outside of strings nest; in one pass, without recursion."""
    depth = deepest = 0
    for match in _STRUCTURE.finditer(text):
        mark = match.group()
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]}":
            depth = max(depth - 1, 0)
    return deepest


def read_json(text: str, **options: Any) -> Any:
    """Return the value in JSON `text`; `options` are those of json.loads. Raises MalformedError."""
    few = text.count("[") + text.count("{") <= MOST_DEPTH  # a document nests no deeper than it has brackets
    if not few and json_depth(text) > MOST_DEPTH:
        raise MalformedError(Code.MALFORMED, said("nested deeper than %(most)s levels", most=MOST_DEPTH))
    try:
        return json.loads(text, **options)
    except ValueError:  # also a number of more digits than Python turns into an integer
        raise MalformedError(Code.MALFORMED, said("not JSON")) from None


def read_toml(text: str) -> dict[str, Any]:
    """Return the table in TOML `text`. Raises MalformedError."""
    deep = MalformedError(Code.MALFORMED, said("nested deeper than %(most)s levels", most=MOST_DEPTH))
    if _DOTTED.search(text):
        raise deep
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError):
        raise MalformedError(Code.MALFORMED, said("not TOML")) from None
    if _is_deep(table):
        raise deep
    return table


def _is_deep(value: Any) -> bool:
    """Whether a value nests deeper than MOST_DEPTH; level by level, without recursion."""
    level = [value]
    for _ in range(MOST_DEPTH + 1):
        inner = [list(each.values()) if isinstance(each, dict) else each for each in level]
        level = [each for values in inner if isinstance(values, list) for each in values]
    return bool(level)
