"""From bytes to JSON values, strictly: size, UTF-8, depth, names given twice."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn

from refbus.core.documents import json_depth
from refbus.errors import Code
from refbus.foreign import line
from refbus.said import said
from refbus_gateway.forms.problems import CaseInvalidError, Problem

MAX_BYTES = 1024 * 1024
"""Largest case file, bytes."""
MAX_DEPTH = 10
"""Deepest nesting of objects and lists."""
_BOM = b"\xef\xbb\xbf"


def read_json(data: bytes) -> dict[str, Any]:
    """Return the object in a case file; a byte order mark at its start is passed over. Raises CaseInvalidError."""
    if len(data) > MAX_BYTES:
        _refuse(
            said("the file is larger than %(most)s bytes: send attachments separately", most=MAX_BYTES), Code.TOO_LARGE
        )
    text = _decode(data.removeprefix(_BOM))
    if json_depth(text) > MAX_DEPTH:
        _refuse(said("nested deeper than %(most)s levels: start again from the template", most=MAX_DEPTH))
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=float)
    except json.JSONDecodeError as error:
        _refuse(
            said(
                "not JSON at line %(line)s, column %(column)s: compare with the template",
                line=error.lineno,
                column=error.colno,
            )
        )
    except ValueError:
        _refuse(said("a number has too many digits"))
    if not isinstance(document, dict):
        _refuse(said("the file must hold one object, in curly brackets"))
    return document


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(said("not UTF-8 at byte %(byte)s: save the file as UTF-8", byte=error.start))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) != len({name for name, _ in pairs}):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise CaseInvalidError([Problem(printable(twice), Code.CASE_INVALID, said("given twice: keep one of them"))])
    return dict(pairs)


def printable(name: str) -> str:
    """Return a name from a file so that it can be shown in a message: at most 40 characters, none of them hidden."""
    return line(name[:40])


def _refuse(advice: str, code: Code = Code.CASE_INVALID) -> NoReturn:
    raise CaseInvalidError([Problem("", code, advice)])
