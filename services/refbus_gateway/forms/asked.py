"""Which fields of an event a person is asked for, where the rest comes from the case file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from refbus.core.vocabulary import EventType
from refbus.wire.fields import FieldSpec, Kind
from refbus.wire.payload import payload_fields
from refbus_gateway.forms.problems import Problems
from refbus_gateway.forms.values import read_record

WISH_FROM_CASE: Final = frozenset(
    {
        "fictional",
        "person",
        "adult_judgement",
        "guardian",
        "safe_contact",
        "location",
        "health",
        "family",
        "immigration",
        "legal_proceedings",
        "interpreter",
        "responsible_worker_role",
    }
)
"""What the wish to go home takes over from the case file."""
_IDS: Final = frozenset({"event_id", "referral_id"})
_UNUSED: Final = frozenset({(EventType.DOCUMENT_ISSUED, "accepted")})
"""Fields that older versions asked for."""


def asked_fields(event_type: EventType) -> tuple[FieldSpec, ...]:
    """Return the fields of an event that a person answers for: all but its own ids and what is computed."""
    specs = (spec for spec in payload_fields(event_type) if (event_type, spec.name) not in _UNUSED)
    return tuple(spec for spec in specs if spec.name not in _IDS and not spec.attributes.get("computed", False))


def written_fields(event_type: EventType) -> tuple[FieldSpec, ...]:
    """Return the fields that a person fills; ids of other events are given by their local number."""
    return tuple(spec for spec in asked_fields(event_type) if spec.kind is not Kind.ID)


def wish_fields() -> tuple[FieldSpec, ...]:
    """Return the fields of the wish to go home that a person fills; the rest comes from the case file."""
    return tuple(spec for spec in written_fields(EventType.RETURN_WISH_RECORDED) if spec.name not in WISH_FROM_CASE)


def needed_fields() -> tuple[FieldSpec, ...]:
    """Return the field that officers write in an emergency: what must be done at once. The case file has the rest."""
    return tuple(spec for spec in written_fields(EventType.EMERGENCY_INVOKED) if spec.name == "needed_now")


def read_needed(document: Mapping[str, Any]) -> str:
    """Return what must be done at once. Raises CaseInvalidError with every problem of the document."""
    problems = Problems()
    problems.refuse_placeholders(document)
    needed: str = read_record(needed_fields(), document, "", problems).get("needed_now", "")
    problems.raise_if_any()
    return needed
