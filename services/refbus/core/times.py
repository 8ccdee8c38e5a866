"""Days and times as people write and read them: one strict reading each, one way to show each, nothing guessed.

A day may stand as 2026-03-31 or as 31.3.2026 (also 31/3/2026 and 31-3-2026: the day first, never the month), or with
the name of the month in one of our languages (31 марта 2026 г., 31-mart 2026, March 31, 2026), a time
as 2026-03-31 12:00 or 31.3.2026 12:00 on the clocks of the country, or with a zone of its own. Other forms of ISO 8601
are not read: 2027-W01-1 looks like a day of 2027 and is one of 2026, and 20270101 is a number.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

from refbus.core.bounds import TIME_MS
from refbus.core.months import MONTHS
from refbus.core.units import MINUTE_MS

DAY: Final = "a day like 2026-03-31 or 31.3.2026"
TIME: Final = "a time like 2026-03-31 12:00 or 31.3.2026 12:00, or with its zone, like 2026-03-31T12:00+05:00"
ZONED: Final = "a time with its zone, like 2026-03-31T12:00+05:00"
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{3}([0-9]{3})?)?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_TYPED_DAY: Final = re.compile(r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4})|([0-9]{1,2})[./-]([0-9]{4})|([0-9]{4})")
"""One sign throughout: 10-12.2008 may be two months and a year."""
_TYPED_TIME: Final = re.compile(
    r"([0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2}|.*[^\W\d_].*?),?[ T]+"
    r"([0-9]{1,2})[:.]([0-9]{2})(?:[:.]([0-9]{2}))?"
)
_TOKEN: Final = re.compile(r"[0-9]+|[^\W\d_]+")
_WRITTEN: Final = re.compile(r"(?:[0-9]+|[^\W\d_]+)(?:\.?,?\s*-?\s*(?:[0-9]+|[^\W\d_]+))*\.?")
"""Numbers and words with nothing between them that is a sign of doubt: no "≈2008 г.", no "1 марта 2008?"."""
_YEAR_WORDS: Final = frozenset(("г", "год", "года", "ж", "жыл", "жылы", "й", "йил", "yil", "ý", "y", "ýyl", "с", "сол"))
"""What stands behind a year; before one "с" is "since"."""
_YEAR: Final = re.compile(r"([0-9]{4})-?\s?([^\W\d_]+)\.?")
_OF: Final = "of"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read_day(text: str) -> date | None:
    """Return the day that a text names, or None."""
    if _DAY.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def iso_day(text: str) -> str:
    """Return a day that was typed, "31.3.2027", "3.2027", "2027" or "2027 г.", as 2027-03-31; else as it is."""
    found = _TYPED_DAY.fullmatch(text.strip())
    if found is None:
        return _named_day(text) or text
    day, _, month, year, month_alone, year_of_month, year_alone = found.groups()
    parts = (f"{int(each):02}" for each in (month or month_alone, day) if each)
    return "-".join([year or year_of_month or year_alone, *parts])


def read_typed_day(text: str) -> date | None:
    """Return the day that was typed, as `iso_day` reads it, or None."""
    return read_day(iso_day(text))


def _named_day(text: str) -> str:
    """Return a day whose month is written out as 2027-03-31, a month without a day as 2027-03; empty for all else.

    A year alone may have the word for it behind it.
    """
    plain = unicodedata.normalize("NFC", text).strip().casefold()
    alone = _YEAR.fullmatch(plain)
    if alone is not None and alone[2] in _YEAR_WORDS:
        return alone[1]
    if _WRITTEN.fullmatch(plain) is None:
        return ""
    tokens = _TOKEN.findall(plain)
    beside = zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False)
    words = [each for before, each, after in beside if not _says_nothing(before, each, after)]
    months = [MONTHS[each] for each in words if each in MONTHS]
    numbers = [each for each in words if each.isdecimal()]
    years = [each for each in numbers if len(each) == len("2027")]
    days = [each for each in numbers if len(each) <= len("31")]
    if len(months) != 1 or len(years) != 1 or len(days) > 1 or len(words) != 2 + len(days):
        return ""
    return "-".join([years[0], f"{months[0]:02}", *(f"{int(each):02}" for each in days)])


def _says_nothing(before: str, word: str, after: str) -> bool:
    """Whether a word only goes with the year before it, or joins a day, a month and a year."""
    of_year = word in _YEAR_WORDS and before.isdecimal() and len(before) == len("2027")
    return of_year or (word == _OF and bool(before) and (after in MONTHS or after.isdecimal()))


def iso_time(text: str, utc_offset_min: int) -> str:
    """Return a local day and time that was typed, "31.3.2027 12:00", as ISO 8601 with its zone; anything else as it is.

    `utc_offset_min`: how many minutes the clocks there are ahead of UTC.
    """
    found = _TYPED_TIME.fullmatch(text.strip())
    day = read_typed_day(found[1]) if found else None
    if found is None or day is None:
        return text
    sign, (hours, minutes) = "-" if utc_offset_min < 0 else "+", divmod(abs(utc_offset_min), 60)
    second = f":{found[4]}" if found[4] else ""
    return f"{day.isoformat()}T{int(found[2]):02}:{found[3]}{second}{sign}{hours:02}:{minutes:02}"


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


def read_moment(text: str, utc_offset_min: int) -> int | None:
    """Return the beginning of a day, or a time, that was typed on the clocks of a country, in ms UTC, or None."""
    day = read_typed_day(text)
    return read_time(iso_time(text, utc_offset_min)) if day is None else day_ms(day, utc_offset_min)


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
    except (OverflowError, OSError, ValueError, TypeError):  # the last: a damaged row of a store has no number there
        return f"{time_ms} ms"
