"""Which fields of an event a person is asked for."""

from __future__ import annotations

from typing import Final

from refbus.core.vocabulary import EventType
from refbus.wire.fields import FieldSpec, Kind
from refbus.wire.payload import payload_fields

_IDS: Final = frozenset({"event_id", "referral_id"})


def asked_fields(event_type: EventType) -> tuple[FieldSpec, ...]:
    """Return the fields of an event that a person answers for: all but its own ids and what is computed."""
    specs = payload_fields(event_type)
    return tuple(spec for spec in specs if spec.name not in _IDS and not spec.attributes.get("computed", False))


def written_fields(event_type: EventType) -> tuple[FieldSpec, ...]:
    """Return the fields that a person fills; ids of other events are given by their local number."""
    return tuple(spec for spec in asked_fields(event_type) if spec.kind is not Kind.ID)
