"""The shape of JSON: its keys and types without any value, as text, merged over many examples, and compared.

shape_of({"case": 3, "orgs": ["uz-she1ter1"]})      as text: {"case": "int", "orgs": ["text"]}

A key that not every example has ends in "?". A key "*" stands for any key: an object whose keys are data, not names.
Types of one place are joined with "|"; an object or a list beside other types stands under "any of".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

ANY = "*"
_SCALARS = {bool: "bool", int: "int", float: "float", str: "text", type(None): "null"}


@dataclass(frozen=True)
class Shape:
    """What one place may hold. `fields` maps a key to its shape and whether it is always there."""

    scalars: frozenset[str] = frozenset()
    fields: Mapping[str, tuple[Shape, bool]] | None = None
    element: Shape | None = field(default=None)

    def merged(self, other: Shape) -> Shape:
        """Return the shape that both examples have."""
        return Shape(
            self.scalars | other.scalars,
            _merged_fields(self.fields, other.fields),
            other.element if self.element is None else self.element.merged(other.element or self.element),
        )

    def gained(self, seen: Shape) -> Shape:
        """Return this shape with what only `seen` has; what both have stays as it is here, wider or not."""
        new = {name: found for name, found in (seen.fields or {}).items() if name not in (self.fields or {})}
        fields = {
            name: (shape.gained((seen.fields or {}).get(name, (shape, always))[0]), always)
            for name, (shape, always) in (self.fields or {}).items()
        }
        element = self.element
        if element is not None and seen.element is not None:
            element = seen.element if element == Shape() else element.gained(seen.element)
        return Shape(self.scalars, None if self.fields is None else {**fields, **new}, element)

    def as_json(self) -> Any:
        """Return the shape as it stands in a file."""
        parts: list[Any] = ["|".join(sorted(self.scalars))] if self.scalars else []
        if self.fields is not None:
            names = sorted(self.fields.items())
            parts.append({name + ("" if always else "?"): shape.as_json() for name, (shape, always) in names})
        if self.element is not None:
            parts.append([self.element.as_json()] if self.element != Shape() else [])
        return {"any of": parts} if len(parts) != 1 else parts[0]


def shape_of(value: Any, maps: frozenset[str], path: str = "") -> Shape:
    """Return the shape of a JSON value. `maps` names the places whose keys are data, like "events[].content"."""
    if isinstance(value, dict):
        if path in maps:
            shapes = [shape_of(item, maps, f"{path}.{ANY}") for item in value.values()]
            return Shape(fields={ANY: (_all(shapes), False)} if shapes else {})
        here = f"{path}." if path else ""
        return Shape(fields={name: (shape_of(item, maps, here + name), True) for name, item in value.items()})
    if isinstance(value, list):
        return Shape(element=_all(shape_of(item, maps, f"{path}[]") for item in value))
    return Shape(frozenset({_SCALARS[type(value)]}))


def read_shape(text: Any) -> Shape:
    """Return the shape that stands in a file."""
    if isinstance(text, str):
        return Shape(frozenset(text.split("|")))
    if isinstance(text, list):
        return Shape(element=read_shape(text[0]) if text else Shape())
    if text.keys() == {"any of"}:
        return _all(read_shape(part) for part in text["any of"])
    return Shape(
        fields={name.removesuffix("?"): (read_shape(item), not name.endswith("?")) for name, item in text.items()}
    )


def losses(pinned: Shape, seen: Shape, path: str) -> Iterator[str]:
    """Yield what a reader of the pinned shape would miss or not understand in what was seen."""
    if extra := seen.scalars - pinned.scalars:
        yield f"{path}: is {'|'.join(sorted(extra))} now, and was {_kinds(pinned)}"
    for name, was, now in (("an object", pinned.fields, seen.fields), ("a list", pinned.element, seen.element)):
        if was is None and now is not None:
            yield f"{path}: is {name} now, and was {_kinds(pinned)}"
        if was is not None and now is None:
            yield f"{path}: {name} is in the file, and none was seen"
    yield from _element_losses(pinned.element, seen.element, f"{path}[]")
    for key, (shape, always) in (pinned.fields or {}).items():
        found = (seen.fields or {}).get(key)
        if found is None:
            yield f"{path}.{key}: is gone"
            continue
        if always and not found[1]:
            yield f"{path}.{key}: is not always there any more"
        yield from losses(shape, found[0], f"{path}.{key}")


def _element_losses(pinned: Shape | None, seen: Shape | None, path: str) -> Iterator[str]:
    if pinned is None or pinned == Shape() or seen is None:
        return
    if seen == Shape():
        yield f"{path}: no element was seen"
    else:
        yield from losses(pinned, seen, path)


def additions(pinned: Shape, seen: Shape, path: str) -> Iterator[str]:
    """Yield what was seen and is not pinned yet: new keys, and elements of lists that were always empty."""
    for key, (shape, _) in (seen.fields or {}).items():
        known = (pinned.fields or {}).get(key)
        if known is None:
            yield f"{path}.{key}: {json.dumps(shape.as_json())}"
        else:
            yield from additions(known[0], shape, f"{path}.{key}")
    if seen.element is not None and seen.element != Shape():
        if pinned.element == Shape():
            yield f"{path}[]: {json.dumps(seen.element.as_json())}"
        elif pinned.element is not None:
            yield from additions(pinned.element, seen.element, f"{path}[]")


def _all(shapes: Iterable[Shape]) -> Shape:
    found = Shape()
    for number, each in enumerate(shapes):
        found = each if number == 0 else found.merged(each)
    return found


def _merged_fields(
    one: Mapping[str, tuple[Shape, bool]] | None, two: Mapping[str, tuple[Shape, bool]] | None
) -> Mapping[str, tuple[Shape, bool]] | None:
    if one is None or two is None:
        return two if one is None else one
    merged: dict[str, tuple[Shape, bool]] = {}
    for name in {**one, **two}:
        found = [each[name] for each in (one, two) if name in each]
        merged[name] = (_all(shape for shape, _ in found), len(found) == 2 and all(always for _, always in found))
    return merged


def _kinds(shape: Shape) -> str:
    kinds = [*sorted(shape.scalars)]
    kinds += ["an object"] if shape.fields is not None else []
    kinds += ["a list"] if shape.element is not None else []
    return " or ".join(kinds) or "nothing"
