"""What stands at an axis and in a legend: values in their unit, steps that people count in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

_SPANS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_SECONDS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)
_EXACT: Final = 1e-9
_LINES: Final = 4


def shown(value: float, unit: str) -> str:
    """Return a value as people read it: `90 s`, `1.5 h`, `95 %`, `12`. Raises KeyError for a unit that nobody has."""
    return {"s": _span, "percentunit": lambda each: f"{_short(each * 100)} %", "short": _short}[unit](value)


def ticks(low: float, high: float, unit: str) -> list[float]:
    """Return the values that get a line between `low` and `high`, the first at or below `low`; 0 is one of them."""
    step = step_of(high - low, unit)
    first, last = math.floor(low / step + _EXACT), math.ceil(high / step - _EXACT)
    return [number * step for number in range(first, last + 1)]


def step_of(span: float, unit: str) -> float:
    """Return how far lines are apart, so that there are at most five of them."""
    wanted = span / _LINES
    if unit == "s" and wanted > _SECONDS[0]:
        found = next((each for each in _SECONDS if each >= wanted), None)
        return float(found) if found is not None else _SECONDS[-1] * _nice(wanted / _SECONDS[-1])
    return _nice(wanted)


def clock(seconds: float) -> str:
    """Return a time of the run as minutes and seconds since it began."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def wide(words: str) -> float:
    """Return about how wide words of eleven pixels are: capitals are wider, and letters never touch what is next."""
    return sum(8.2 if each.isupper() else 6.2 for each in words)


def rows_of(widths: Sequence[float], room: float) -> list[int]:
    """Return in which row each thing of these widths stands when a row has so much room."""
    rows, at, left = list[int](), 0, room
    for wide in widths:
        if wide > left and left < room:
            at, left = at + 1, room
        rows.append(at)
        left -= wide
    return rows


def _nice(wanted: float) -> float:
    power = 10.0 ** (len(f"{int(wanted)}") - 1 if wanted >= 1 else -_zeros(wanted))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= wanted * 0.999)


def _zeros(small: float) -> int:
    """Return how many places behind the point the first digit of a number below one is."""
    return int(f"{small:e}".partition("e-")[2])


def _span(seconds: float) -> str:
    size, name = next((each for each in _SPANS if abs(seconds) >= each[0]), _SPANS[-1])
    return f"{_short(seconds / size)} {name}"


def _short(value: float) -> str:
    if abs(value) >= 10_000:
        return f"{value / 1_000:,.0f} K"
    places = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
