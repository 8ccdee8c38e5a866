"""Days and times in a document as people write them, turned into those of the forms. What cannot be read stays.

{"reply_by": "24.9.2026", "person": {"prs_Birthdate": "14.03.1991"}} is read in the country's own zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from refbus.core.times import iso_day, iso_time, read_time, read_typed_day
from refbus.wire.fields import FieldSpec, Kind

END_OF_WORK: Final = "18:00"
"""What a day to answer by means, when no hour is written."""
_ENDS: Final = frozenset(
    {"valid_until_ms", "expected_by_ms", "needed_by_ms", "until_ms", "reply_by_ms", "available_until_ms"}
)
_BEGINS: Final = frozenset({"available_from_ms", "capacity_from_ms"})
_DAYS: Final = frozenset({"date", "partial_date"})


def as_forms_have_it(specs: Iterable[FieldSpec], document: Mapping[str, Any], utc_offset_min: int) -> dict[str, Any]:
    """Return a document with its days and times as the forms have them; the clocks are `utc_offset_min` ahead of UTC.

    A moment like an appointment or a departure needs its hour: a day alone stays as it is and is refused.
    """
    by_name = {spec.name: spec for spec in specs}
    return {
        name: _each(by_name[name], value, utc_offset_min) if name in by_name else value
        for name, value in document.items()
    }


def with_hour(name: str, text: str) -> str:
    """Return a day that stands for a time with its hour: a term ends with the day, what begins does so with it."""
    if name in _BEGINS or name in _ENDS:
        return f"{text} {'0:00' if name in _BEGINS else '23:59'}" if read_typed_day(text) else text
    return text


def is_time(name: str, text: str) -> bool:
    """Whether a field that holds a time can be this text, whatever the zone of the country."""
    return read_time(iso_time(with_hour(name, text), 0)) is not None


def reply_by(value: Any, utc_offset_min: int) -> Any:
    """Return a time to answer by with its zone; a day alone means the end of the working day."""
    if not isinstance(value, str):
        return value
    return iso_time(f"{value} {END_OF_WORK}" if read_typed_day(value) else value, utc_offset_min)


def _each(spec: FieldSpec, value: Any, utc_offset_min: int) -> Any:
    if isinstance(value, list):
        return [_each(spec, item, utc_offset_min) for item in value] if spec.many else value
    if spec.kind is Kind.RECORD:
        return as_forms_have_it(spec.fields, value, utc_offset_min) if isinstance(value, Mapping) else value
    if not isinstance(value, str):
        return value
    if spec.kind is Kind.NUMBER and spec.name.endswith("_ms"):
        return iso_time(with_hour(spec.name, value), utc_offset_min)
    return iso_day(value) if spec.attributes.get("format") in _DAYS else value
