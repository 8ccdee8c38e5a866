"""The one way in which a command prints: a line stays a line whatever is in it, and no terminal makes it fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from refbus import foreign


def prepare() -> None:
    """Let a terminal that has no letter for something show its number instead; call it before anything is done."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def say(*lines: str, err: bool = False) -> None:
    """Print lines for people; what would start another line or hide is shown as what it is."""
    for each in lines:
        _write(foreign.line(each) + "\n", err=err)


def put_json(value: Any, *, indent: int | None = None, default: Callable[[Any], Any] | None = None) -> None:
    """Print a value as JSON for scripts."""
    text = foreign.as_json(value, indent=indent, default=default)
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    _write((text if encoding.startswith("utf8") else _ascii(text)) + "\n")


def put(document: str) -> None:
    """Print a whole document as it is: a page, a form, a policy. Whoever made it has looked after foreign text."""
    _write(document)


def _write(text: str, *, err: bool = False) -> None:
    stream = sys.stderr if err else sys.stdout
    stream.write(text)
    stream.flush()


def _ascii(text: str) -> str:
    """Return JSON without letters that the terminal may not have, as the escapes of RFC 8259."""
    return "".join(char if char.isascii() else json.dumps(char)[1:-1] for char in text)
