"""Leaving data categories out of what is sent: the person, or the law, does not want them to travel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code, MalformedError
from refbus.said import said
from refbus.wire.fields import FROM_RECORD, FieldSpec, Kind
from refbus.wire.payload import payload_fields


def without(event_type: EventType, fields: Mapping[str, Any], withheld: Collection[DataCategory]) -> dict[str, Any]:
    """Return the payload fields without those of the withheld categories.

    Raises MalformedError CASE_INVALID when a compulsory field is among them.
    """
    return _without(payload_fields(event_type), fields, frozenset(withheld)) if withheld else dict(fields)


def _without(specs: Iterable[FieldSpec], fields: Mapping[str, Any], withheld: frozenset[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for spec in specs:
        content = fields.get(spec.name)
        if content is None:
            continue
        if spec.kind is Kind.RECORD:
            content = _records(spec, content, withheld)
        elif spec.category in withheld:
            if spec.required:
                raise MalformedError(
                    Code.CASE_INVALID, said("%(name)s is compulsory and cannot be withheld", name=spec.name)
                )
            continue
        if content is not None:
            kept[spec.name] = content
    return kept


def _records(spec: FieldSpec, content: Any, withheld: frozenset[str]) -> Any:
    source = next((each.attributes["category_from"] for each in spec.fields if each.category == FROM_RECORD), None)
    records = content if spec.many else [content]
    kept = [_without(spec.fields, each, withheld) for each in records if source is None or each[source] not in withheld]
    if spec.many:
        return kept
    return kept[0] if kept and kept[0] else None
