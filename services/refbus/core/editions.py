"""Published statistics as documents: what a host country publishes of a period, and what a home country adds up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

from refbus.core.bounds import COUNT
from refbus.core.ids import CountryCode
from refbus.core.statistics import LEAST_THRESHOLD, HomeTable, Period, Table

FORMAT: Final = "refbus/statistics/2"
OF_HOME: Final = "refbus/statistics-home/1"
_FIRST: Final = "refbus/statistics/1"
"""What was published before each home country had tables of its own; it counted people who were not asked, too."""
MOST_BYTES: Final = 65_536
_NOTE: Final = (
    "Told is only what stays at the threshold or above without the courses of any two organisations. "
    "Counted are only people who permit statistics without identity."
)


def of_host(country: CountryCode, period: Period, tables: Iterable[Table]) -> dict[str, Any]:
    """Return what the country publishes in which the courses began."""
    return _document(FORMAT, country, period, tables)


def of_home(country: CountryCode, period: Period, tables: Iterable[HomeTable]) -> dict[str, Any]:
    """Return what the country publishes to which the courses go."""
    return _document(OF_HOME, country, period, tables)


def _document(form: str, country: CountryCode, period: Period, tables: Iterable[Table | HomeTable]) -> dict[str, Any]:
    half = {"half": period.half} if period.half else {}
    named = {"format": form, "country": country, "year": period.year, **half}
    return {**named, "threshold": LEAST_THRESHOLD, "note": _NOTE, "tables": [asdict(each) for each in tables]}


def is_edition(value: Any) -> bool:
    """Whether a value has all that is shown of published statistics: anybody can have written the file."""
    if not isinstance(value, dict) or value.get("format") not in {_FIRST, FORMAT, OF_HOME}:
        return False
    named = isinstance(value.get("country"), str) and type(value.get("year")) is int and _is_half(value.get("half"))
    tables = value.get("tables")
    return named and isinstance(tables, list) and all(map(_is_table, tables))


def _is_half(value: Any) -> bool:
    """Whether a value names a half of the year, or the whole."""
    return value is None or (type(value) is int and value in {1, 2})


def _is_table(value: Any) -> bool:
    if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in ("kind", "split_by")):
        return False
    named = isinstance(value.get("home", ""), str) and _are_texts(value.get("hosts", []))
    cells = value.get("cells")
    return named and isinstance(cells, dict) and all(map(_is_told, (value.get("total"), *cells.values())))


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_told(value: Any) -> bool:
    """Whether a value is a count, or says that it is not told."""
    return value is None or (type(value) is int and COUNT.holds(value))
