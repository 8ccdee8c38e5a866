"""Strict JSON with one spelling: what parses must be the bytes that its value writes (docs/spec/directory.md §4).

Objects have sorted keys, no spaces, UTF-8 text, integers only, and no key twice. Anything else is MalformedError.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from refbus.core.bounds import TIME_MS, Bound
from refbus.core.documents import read_json
from refbus.errors import Code, MalformedError
from refbus.said import placed, said

MAX_BYTES = 262_144
"""No target file is larger."""

_HEX = re.compile("[0-9a-f]*")
_T = TypeVar("_T")


def dumps(value: Mapping[str, Any]) -> bytes:
    """Return the one spelling of `value`."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def loads(content: bytes) -> dict[str, Any]:
    """Return the object that `content` spells. Raises MalformedError (MALFORMED, NOT_CANONICAL, TOO_LARGE)."""
    if len(content) > MAX_BYTES:
        raise MalformedError(Code.TOO_LARGE, said("at most %(most)s bytes", most=MAX_BYTES))
    try:
        text = content.decode()
        value = read_json(text, object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse)
        again = dumps(value) if isinstance(value, dict) else None
    except ValueError:
        raise MalformedError(Code.MALFORMED, "JSON") from None
    if again is None:
        raise MalformedError(Code.MALFORMED, said("not an object"))
    if again != content:
        raise MalformedError(Code.NOT_CANONICAL, "JSON")
    return dict(value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    taken = dict(pairs)
    if len(taken) != len(pairs):
        raise MalformedError(Code.MALFORMED, said("a key appears twice"))
    return taken


def _refuse(_text: str) -> NoReturn:
    raise MalformedError(Code.MALFORMED, said("only integers are allowed"))


class Fields:
    """Reads one JSON object field by field.

    `done` refuses what nobody asked for. Every method raises MalformedError.
    """

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise MalformedError(Code.MALFORMED, placed(where, said("not an object")))
        self._rest: dict[str, Any] = dict(value)
        self._where = where

    def __contains__(self, name: str) -> bool:
        return name in self._rest

    def take(self, name: str) -> Any:
        """Return the field, of any JSON type."""
        if name not in self._rest:
            raise self.wrong(name, said("missing"))
        return self._rest.pop(name)

    def wrong(self, name: str, why: str) -> MalformedError:
        """Return the error that says what is wrong with field `name`."""
        return MalformedError(Code.MALFORMED, f"{self._where}.{name}: {why}")

    def text(self, name: str, most: int = 200) -> str:
        """Return a non-empty string of printable characters, at most `most` long."""
        value = self.take(name)
        if not isinstance(value, str) or not 0 < len(value) <= most or not value.isprintable():
            raise self.wrong(name, said("a printable text of 1 to %(most)s characters is needed", most=most))
        return value

    def integer(self, name: str, least: int, most: int) -> int:
        """Return an integer in [least, most]; a boolean is none."""
        return self.bounded(name, Bound(least, most))

    def bounded(self, name: str, bound: Bound) -> int:
        """Return an integer within `bound`."""
        value = self.take(name)
        if not bound.holds(value):
            raise self.wrong(
                name, said("an integer from %(low)s to %(high)s is needed", low=bound.low, high=bound.high)
            )
        return int(value)

    def time_ms(self, name: str) -> int:
        """Return a time of the bus, ms UTC."""
        return self.bounded(name, TIME_MS)

    def optional_time_ms(self, name: str) -> int | None:
        """Return a time of the bus, ms UTC, or None for null."""
        if self._rest.get(name, 0) is None:
            return self._rest.pop(name)  # type: ignore[no-any-return]
        return self.time_ms(name)

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self.take(name)
        if not isinstance(value, bool):
            raise self.wrong(name, said("true or false is needed"))
        return value

    def raw(self, name: str, size: int) -> bytes:
        """Return exactly `size` bytes from canonical base64 (RFC 4648 §4, padded)."""
        return self._base64(name, self.take(name), size)

    def optional_raw(self, name: str, size: int) -> bytes | None:
        """Return exactly `size` bytes, or None for null."""
        value = self.take(name)
        return None if value is None else self._base64(name, value, size)

    def hexed(self, name: str, size: int) -> bytes:
        """Return exactly `size` bytes from lower-case hexadecimal."""
        return parse_hex(self.take(name), size, f"{self._where}.{name}")

    def items(self, name: str, parse: Callable[[object], _T], most: int = 100) -> tuple[_T, ...]:
        """Return each element of a list through `parse`."""
        value = self.take(name)
        if not isinstance(value, list) or len(value) > most:
            raise self.wrong(name, said("a list of at most %(most)s is needed", most=most))
        return tuple(parse(item) for item in value)

    def texts(self, name: str, most: int = 50) -> tuple[str, ...]:
        """Return a sorted list of distinct short texts."""
        found = self.items(name, lambda item: Fields({"text": item}, f"{self._where}.{name}").text("text", 80), most)
        if list(found) != sorted(set(found)):
            raise self.wrong(name, said("sorted and distinct texts are needed"))
        return found

    def fixed(self, name: str, expected: str) -> None:
        """Require that the field is exactly `expected`."""
        if self.take(name) != expected:
            raise self.wrong(name, said("%(expected)s is needed", expected=repr(expected)))

    def done(self) -> None:
        """Refuse fields that nobody asked for."""
        if self._rest:
            raise MalformedError(
                Code.MALFORMED, placed(self._where, said("unknown fields: %(count)s", count=len(self._rest)))
            )

    def _base64(self, name: str, value: object, size: int) -> bytes:
        if isinstance(value, str) and value.isascii():
            try:
                data = base64.b64decode(value, validate=True)
            except ValueError:
                data = b""
            if len(data) == size and base64.b64encode(data).decode() == value:
                return data
        raise self.wrong(name, said("base64 of %(size)s bytes is needed", size=size))


def parse_hex(value: object, size: int, where: str) -> bytes:
    """Return exactly `size` bytes from lower-case hexadecimal. Raises MalformedError."""
    if isinstance(value, str) and len(value) == 2 * size and _HEX.fullmatch(value):
        return bytes.fromhex(value)
    raise MalformedError(
        Code.MALFORMED, placed(where, said("%(size)s bytes in lower-case hexadecimal are needed", size=size))
    )


def b64(data: bytes) -> str:
    """Return `data` as base64 (RFC 4648 §4, padded)."""
    return base64.b64encode(data).decode()
