"""Which older versions of a schema can say a value: so that a reader who was not updated reads whatever it can.

Versions differ by fields alone, each with a default, so a version can say a value when every field that it lacks has
its default there. What each lacks is worked out once for each schema; of a value only those fields are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from refbus.wire.schema import Document, default_of

_NEEDED: Final = object()
"""Default of a field without one."""
Places = dict[str, tuple[int, Any, "Places | None"]]
"""Fields of a record by name: the bits of the versions that lack it, its default, and the same of a record in it."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The older versions of a schema, the one with the fewest fields first; bit n of `places` is the n-th."""

    older: tuple[Document, ...]
    places: Places

    def able(self, value: Mapping[str, Any]) -> list[int]:
        """Return the versions that can say a value of the newest schema, by their number, oldest first."""
        lacking, pending = 0, [(self.places, value)]
        while pending:
            places, record = pending.pop()
            for name, (lack, default, inner) in places.items():
                content = record.get(name, default)
                if content == default:
                    continue
                lacking |= lack
                if inner is not None and content is not None:
                    for each in content if isinstance(content, list | tuple) else (content,):
                        pending.append((inner, each))  # noqa: PERF401 - a generator costs a call for each element
        found = []
        for number in range(len(self.older)):
            if not lacking >> number & 1:
                found.append(number)  # noqa: PERF401 - as above
        return found


def versions_of(newest: Document, kept: Sequence[Document]) -> Versions:
    """Return what is to be known of the older versions of a schema."""
    read = [(document, _records(document)) for document in kept]
    read.sort(key=_size)
    today = _records(newest)
    made: dict[str, Places] = {name: {} for name in today}
    for name, fields in today.items():
        for field, (default, inner) in fields.items():
            lack = 0
            for number, (_, records) in enumerate(read):
                if name in records and field not in records[name]:
                    lack |= 1 << number
            made[name][field] = (lack, default, made.get(inner))
    return Versions(tuple([document for document, _ in read]), _kept(made, newest["name"]))


def _size(version: tuple[Document, dict[str, Any]]) -> int:
    return sum(map(len, version[1].values()))


def _kept(made: dict[str, Places], top: str) -> Places:
    """Take away what no version lacks, and return the fields of the record `top`."""
    shrinking = True
    while shrinking:
        shrinking = False
        for places in made.values():
            for name, (lack, _, inner) in list(places.items()):
                if not lack and not inner:
                    del places[name]
                    shrinking = True
    return made[top]


def _records(document: Document) -> dict[str, dict[str, tuple[Any, str]]]:
    """Return each record of a schema by name: the default of each field, and the name of what it holds."""
    found: dict[str, dict[str, tuple[Any, str]]] = {}
    pending = [document]
    while pending:
        record = pending.pop()
        fields = found.setdefault(record["name"], {})
        for item in record["fields"]:
            kind = item["type"]
            while isinstance(kind, list) or (isinstance(kind, dict) and kind["type"] == "array"):
                kind = kind[-1] if isinstance(kind, list) else kind["items"]
            if isinstance(kind, dict) and kind["type"] == "record":
                pending.append(kind)
            inner = kind if isinstance(kind, str) else kind.get("name", "")
            default = item.get("default", _NEEDED)
            fields[item["name"]] = (
                default_of(item) if item["type"] == "bytes" and default is not _NEEDED else default,
                inner,
            )
    return found
