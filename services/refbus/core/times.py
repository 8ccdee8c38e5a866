"""Days and times as people write and read them: one strict reading each, one way to show each, nothing guessed.

Other forms of ISO 8601 are not read: 2027-W01-1 looks like a day of 2027 and is one of 2026, and 20270101 is a number.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

from refbus.core.bounds import TIME_MS
from refbus.core.units import MINUTE_MS

DAY: Final = "a day like 2026-03-31"
TIME: Final = "a time with its zone, like 2026-03-31T12:00+05:00"
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{3}([0-9]{3})?)?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read_day(text: str) -> date | None:
    """Return the day that a text names, or None."""
    if _DAY.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def day_ms(day: date, utc_offset_min: int = 0) -> int:
    """Return when a day begins, in ms UTC, where clocks are so many minutes ahead of UTC."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return (midnight - _EPOCH) // timedelta(milliseconds=1) - utc_offset_min * MINUTE_MS


def read_time(text: str) -> int | None:
    """Return the time that a text names with its zone, in ms UTC; None when it is none, or none of the bus."""
    if _TIME.fullmatch(text) is None:
        return None
    try:
        time_ms = (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)
    except ValueError:
        return None
    return time_ms if TIME_MS.holds(time_ms) else None


def day_text(time_ms: int, utc_offset_min: int = 0) -> str:
    """Return the day of a time in ms UTC, like 2026-03-31."""
    return (_EPOCH + timedelta(milliseconds=time_ms, minutes=utc_offset_min)).strftime("%Y-%m-%d")


def show_time(time_ms: int, utc_offset_min: int = 0) -> str:
    """Return a time in ms UTC to the minute, where clocks are so many minutes ahead; outside of the calendar a number.

    The zone stands beside it, as UTC+05:00.
    """
    zone = UTC if utc_offset_min == 0 else timezone(timedelta(minutes=utc_offset_min))
    return _shown(time_ms, "%Y-%m-%d %H:%M ", zone)


def show_second(time_ms: int) -> str:
    """Return a time in ms UTC to the second; one outside of the calendar stays a number."""
    return _shown(time_ms, "%Y-%m-%d %H:%M:%S ", UTC)


def _shown(time_ms: int, form: str, zone: timezone) -> str:
    try:
        return datetime.fromtimestamp(time_ms / 1000, zone).strftime(form) + str(zone)
    except (OverflowError, OSError, ValueError):
        return f"{time_ms} ms"
