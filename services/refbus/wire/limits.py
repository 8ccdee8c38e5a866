"""What an Avro record may hold besides being canonical: integers within their bounds, and no flood of list elements.

Both follow from the schema document: `integers` is asked once for each schema, `check_elements` for each large record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from refbus.core.bounds import MOST_ELEMENTS, Bound, of_field
from refbus.errors import Code, MalformedError, SetupError

_INTEGERS = frozenset({"int", "long"})
_PLAIN = ("bytes", "string", "boolean")
"""Types of fields that hold nothing else: most of a record, so they are passed over first."""
_SMALL_BYTES = 16
"""A list of elements that are never shorter is bounded by the size of its record."""
_CHEAP_BYTES = 65_536
"""What a shorter record can become in memory harms nobody, whatever its lists hold."""


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer field: the names that lead to it from the record's top, and its bound."""

    path: tuple[str, ...]
    bound: Bound

    def check(self, value: Any, record: str) -> None:
        """Refuse a value outside the bound; null is inside. Raises MalformedError."""
        number = value
        for name in self.path:  # most are reached through records alone, and this is asked for each field of a record
            if type(number) is not dict:
                break
            number = number.get(name)
        else:
            if number is None or self.bound.holds(number):
                return
        for number in _reached(value, self.path):
            if number is not None:
                self.bound.check(number, f"{record}.{'.'.join(self.path)}")


_Place = tuple[Any, tuple[str, ...], tuple[str, dict[str, Any]] | None]
"""A type, the names that lead to it, and the field that holds it with the name of its record."""


def integers(document: dict[str, Any]) -> tuple[Integer, ...]:
    """Return every integer field of a record schema. Raises SetupError FILE_UNREADABLE for one without a bound."""
    found, named = list[Integer](), dict[str, Any]()
    pending: list[_Place] = [(document, (), None)]
    while pending:  # in the order of the document: a type is defined before it is named again
        kind, path, holder = pending.pop()
        if not isinstance(kind, str):
            pending += _inside(kind, path, holder, named)
        elif kind in _INTEGERS and holder is not None:
            found.append(Integer(path, bound_of(*holder)))
        elif kind in named:
            pending.append((named[kind], path, None))
    return tuple(found)


def _inside(
    kind: Any, path: tuple[str, ...], holder: tuple[str, dict[str, Any]] | None, named: dict[str, Any]
) -> list[_Place]:
    """Return what a union, a list or a record holds, the last first, and note a record by its name."""
    if isinstance(kind, list):
        return [(each, path, holder) for each in reversed(kind)]
    if kind["type"] != "record":
        return [(kind.get("items", kind["type"]), path, holder)]
    named[kind["name"]] = kind
    fields = [item for item in reversed(kind["fields"]) if item["type"] not in _PLAIN]
    return [(item["type"], (*path, item["name"]), (kind["name"], item)) for item in fields]


def holds_integer(kind: Any) -> bool:
    """Whether a value of this type is an integer, or a list of them, or may be one."""
    if isinstance(kind, list):
        return any(map(holds_integer, kind))
    if isinstance(kind, dict):
        return holds_integer(kind.get("items", kind["type"]))
    return kind in _INTEGERS


def bound_of(record: str, item: dict[str, Any]) -> Bound:
    """Return the bound that the schema file states itself, or that of the field's name.

    Raises SetupError FILE_UNREADABLE for a field that has neither.
    """
    bound = Bound(item["minimum"], item["maximum"]) if {"minimum", "maximum"} <= item.keys() else None
    bound = bound or of_field(record, item["name"])
    if bound is None:
        raise SetupError(Code.FILE_UNREADABLE, f"schema {record}: no bound is declared for the integer {item['name']}")
    return bound


def _reached(value: Any, path: tuple[str, ...]) -> list[Any]:
    """Return what the path leads to, through every element of each list on the way; null where it ends early."""
    found, pending = list[Any](), [(value, 0)]
    while pending:
        each, depth = pending.pop()
        if isinstance(each, list | tuple):
            for element in each:
                pending.append((element, depth))  # noqa: PERF401 - a generator costs a call for each element
        elif depth == len(path) or each is None:
            found.append(each)
        elif path[depth] in each:
            pending.append((each[path[depth]], depth + 1))
    return found


def check_elements(document: dict[str, Any], data: bytes) -> None:
    """Refuse a record whose short list elements would become a hundred times as large in memory, before it is decoded.

    Bytes that are no record pass, for the decoder to refuse. Raises MalformedError TOO_LARGE.
    """
    if len(data) <= _CHEAP_BYTES:
        return
    try:
        _Walk(document, data).over(document)
    except (IndexError, OverflowError):
        return


def named_types(kind: Any) -> dict[str, Any]:
    """Return every named type of a schema by its name, also one whose definition stands in a part that is left out."""
    if isinstance(kind, list):
        return {name: found for each in kind for name, found in named_types(each).items()}
    if not isinstance(kind, dict):
        return {}
    inner = [item["type"] for item in kind.get("fields", ())] + [kind[key] for key in ("type", "items") if key in kind]
    return {**({kind["name"]: kind} if "name" in kind else {}), **named_types(inner)}


class _Walk:
    """Steps over the values of one record (Avro 1.12 specification, "Binary encoding") and counts list elements."""

    def __init__(self, document: dict[str, Any], data: bytes) -> None:
        self._named = named_types(document)
        self._data = data
        self._at = 0
        self._elements = 0

    def over(self, kind: Any) -> None:
        """Step over a value of this type. Raises IndexError at the end of the bytes, MalformedError TOO_LARGE."""
        if isinstance(kind, list):
            self.over(kind[self._number()])
        elif isinstance(kind, dict):
            self._over_composite(kind)
        elif kind in self._named:
            self.over(self._named[kind])
        elif kind == "boolean":
            self._at += 1
        elif kind != "null":
            number = self._number()
            self._at += 0 if kind in _INTEGERS else max(0, number)

    def _over_composite(self, kind: dict[str, Any]) -> None:
        match kind["type"]:
            case "record":
                for item in kind["fields"]:
                    self.over(item["type"])
            case "array":
                self._over_list(kind["items"])
            case "fixed":
                self._at += kind["size"]
            case "enum":
                self._number()
            case scalar:
                self.over(scalar)

    def _over_list(self, items: Any) -> None:
        while (count := self._number()) != 0:
            if count < 0:  # a block with its size, which is not canonical
                raise IndexError
            if least_bytes(items, self._named) < _SMALL_BYTES:
                self._elements += count
            if self._elements > MOST_ELEMENTS:
                raise MalformedError(Code.TOO_LARGE, "list elements")
            for _ in range(count):
                self.over(items)

    def _number(self) -> int:
        number = shift = 0
        while shift < 70:
            byte = self._data[self._at]
            number |= (byte & 127) << shift
            self._at, shift = self._at + 1, shift + 7
            if byte < 128:
                return (number >> 1) ^ -(number & 1)
        raise IndexError


def least_bytes(kind: Any, named: dict[str, Any]) -> int:
    """Return the size of the shortest encoding of a type, bytes."""
    if isinstance(kind, str) and kind in named:
        return least_bytes(named[kind], named)
    if isinstance(kind, dict) and kind["type"] == "fixed":
        return int(kind["size"])
    if isinstance(kind, dict) and kind["type"] == "record":
        return sum(least_bytes(item["type"], named) for item in kind["fields"])
    return 0 if kind == "null" else 1
