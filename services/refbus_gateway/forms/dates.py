"""Days, times and telephone numbers as people write them, turned into those of the forms. What cannot be read stays.

{"reply_by": "24.9.2026", "person": {"prs_Birthdate": "14.03.1991", "prs_MobilePhone": "8 701 000 00 00"}} is read in
the country's own zone, and dialled from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from refbus.core.times import iso_day, iso_time, read_time, read_typed_day
from refbus.wire.fields import FieldSpec, Kind
from refbus_gateway.words.contacts import telephone_code

END_OF_WORK: Final = "18:00"
"""What a day to answer by means, when no hour is written."""
_ENDS: Final = frozenset(
    {"valid_until_ms", "expected_by_ms", "needed_by_ms", "until_ms", "reply_by_ms", "available_until_ms"}
)
_BEGINS: Final = frozenset({"available_from_ms", "capacity_from_ms"})
_DAYS: Final = frozenset({"date", "partial_date"})


def as_forms_have_it(
    specs: Iterable[FieldSpec], document: Mapping[str, Any], utc_offset_min: int, country: str = ""
) -> dict[str, Any]:
    """Return a document with its days and times as the forms have them; the clocks are `utc_offset_min` ahead of UTC.

    A telephone number without the code of a country is one of `country` (ISO 3166-1, two letters).

    A moment like an appointment or a departure needs its hour: a day alone stays as it is and is refused.
    """
    by_name = {spec.name: spec for spec in specs}
    return {
        name: _each(by_name[name], value, utc_offset_min, country) if name in by_name else value
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


def as_form(form: str | None, text: str, country: str) -> str:
    """Return a day or a telephone number as a field of this format has it; anything else as it is."""
    if form in _DAYS:
        return iso_day(text)
    return telephone_code(text, country) or text if form == "e164" else text


def _each(spec: FieldSpec, value: Any, utc_offset_min: int, country: str) -> Any:
    if isinstance(value, list):
        return [_each(spec, item, utc_offset_min, country) for item in value] if spec.many else value
    if spec.kind is Kind.RECORD:
        below = isinstance(value, Mapping)
        return as_forms_have_it(spec.fields, value, utc_offset_min, country) if below else value
    if not isinstance(value, str):
        return value
    if spec.kind is Kind.NUMBER and spec.name.endswith("_ms"):
        return iso_time(with_hour(spec.name, value), utc_offset_min)
    return as_form(spec.attributes.get("format"), value, country)
