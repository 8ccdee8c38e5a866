"""Pictures of the dashboards, drawn here and not by Grafana: each panel, of what its own queries gave in a kept run.

The run is kept in infra/trials/demo/pictured.json (`python -m demo --federated 1 --dashboards`).
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import groupby
from typing import Any, Final

from demo.watching import KEPT
from tools.pages import grafana
from tools.pages.axes import clock, rows_of, shown, step_of, ticks
from tools.pages.axes import wide as length

COLOURS: Final = ("#2f7fd1", "#c9621c", "#1f8f63", "#b0508f", "#8a6ae0", "#8b7a12", "#5c7f8c")
"""Each can be seen on the light page and on the dark one; lines differ in their dashes too."""
PAGES: Final = ("#ffffff", "#0d1117")
RED: Final = "#d64545"
NOTHING: Final[Mapping[str, str]] = {
    "sum by (code) (increase(refbus_auditor_refusals_total[1h])) > 0": "no entry was refused",
    "sum by (code) (refbus_auditor_alarms_total) > 0": "no alarm",
    "sum by (code) (increase(refbus_gate_delivery_failures_total[1h])) > 0": "everything could be written",
    "max by (code) (refbus_gate_held_records) > 0": "nothing was held",
}
"""Why a query has nothing to show in a good run."""
_DASHES: Final = ("", "7 3", "2 3", "10 3 2 3", "4 2", "1 2", "12 4")
_UNIT_X, _UNIT_Y, _EDGE, _GAP, _HEAD, _FOOT = 36, 26, 12, 10, 58, 12
_LEFT, _RIGHT, _LINE, _MARK, _TITLE = 58, 14, 15, 36, 62
_STYLE: Final = """
text { font: 11px sans-serif; fill: #1b1f24 } .head { font: bold 16px sans-serif } .title { font: bold 12px sans-serif }
.soft { fill: #57606a } .page { fill: #ffffff } .panel { fill: none; stroke: #d0d7de } .grid { stroke: #d0d7de }
.edge { stroke: #d64545; stroke-dasharray: 5 3 } .red { fill: #c03434 } path { fill: none; stroke-width: 1.8 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .soft { fill: #9198a1 } .page { fill: #0d1117 }
.panel { stroke: #3d444d } .grid { stroke: #2a3038 } .red { fill: #ff7b72 } }
"""
Value = float | None


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a panel: its legend, and a value for each step, None where there is none."""

    legend: str
    values: Sequence[Value]

    @property
    def last(self) -> Value:
        """The newest value that there is."""
        return next((each for each in reversed(self.values) if each is not None), None)


@dataclass(frozen=True, slots=True)
class Box:
    """Where the lines of a panel are, and which values and seconds its sides mean."""

    left: float
    top: float
    wide: float
    high: float
    low: float
    most: float
    seconds: float

    def x(self, second: float) -> float:
        """Return where a second of the run is."""
        return self.left + self.wide * second / self.seconds

    def y(self, value: float) -> float:
        """Return where a value is; what is beyond the axis is at its end."""
        part = (value - self.low) / (self.most - self.low)
        return self.top + self.high * (1 - min(max(part, 0.0), 1.0))


@cache
def kept() -> Any:
    """Return the run that is kept."""
    return json.loads(KEPT.read_text(encoding="utf-8"))


def page(name: str) -> str:
    """Return the picture of a dashboard, as infra/grafana has it."""
    board = json.loads(grafana.page(name))
    places = [panel["gridPos"] for panel in board["panels"]]
    wide = 2 * _EDGE + _UNIT_X * max(at["x"] + at["w"] for at in places)
    high = _HEAD + _UNIT_Y * max(at["y"] + at["h"] for at in places) + _FOOT
    words = [f"{panel['title']}: {'; '.join(_said(panel))}." for panel in board["panels"]]
    below = (
        f"The node of {kept()['country']} in a demonstration. "
        "Time is minutes and seconds of the run. Drawn from the queries of the dashboard, not by Grafana."
    )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img" aria-labelledby="name says">',
        f'<title id="name">{escape(board["title"])}</title>',
        f'<desc id="says">{escape(" ".join(words))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{wide}" height="{high}"/>',
        _text(_EDGE, 26, board["title"], "head"),
        _text(_EDGE, 46, below, "soft"),
        *(line for panel in board["panels"] for line in _panel(panel)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def series_of(panel: Mapping[str, Any]) -> list[Series]:
    """Return the lines of a panel, target by target, each with the legend that Grafana would make."""
    return [
        Series(legend(target["legendFormat"], each["labels"]), each["values"])
        for target in panel["targets"]
        for each in kept()["queries"].get(target["expr"], ())
    ]


def legend(form: str, labels: Mapping[str, str]) -> str:
    """Return a legend: `{{label}}` becomes the value of the label."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels[found[1]], form)


def reasons(panel: Mapping[str, Any]) -> list[str]:
    """Return why targets of a panel have no line; one that is new was not asked in the kept run."""
    silent = [each["expr"] for each in panel["targets"] if not kept()["queries"].get(each["expr"])]
    return [NOTHING.get(each, "it was not asked") for each in silent]


def _said(panel: Mapping[str, Any]) -> Iterator[str]:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    for each in series_of(panel):
        if each.last is not None:
            yield f"{each.legend} {shown(each.last, unit)}"
    yield from reasons(panel)


def _panel(panel: Mapping[str, Any]) -> Iterator[str]:
    at, unit = panel["gridPos"], panel["fieldConfig"]["defaults"]["unit"]
    left, top = _EDGE + at["x"] * _UNIT_X, _HEAD + at["y"] * _UNIT_Y
    wide, high = at["w"] * _UNIT_X - _GAP, at["h"] * _UNIT_Y - _GAP
    yield f'<g><rect class="panel" x="{left}" y="{top}" width="{wide}" height="{high}" rx="3"/>'
    title = textwrap.wrap(panel["title"], _TITLE)
    for number, line in enumerate(title):
        yield _text(left + 10, top + 18 + number * _LINE, line, "title")
    lines, edge = series_of(panel), _edge(panel)
    entries = [f"{each.legend}: {shown(each.last, unit) if each.last is not None else 'none'}" for each in lines]
    beyond = edge is not None and edge > _most(lines, edge)
    if edge is not None:
        entries.append(f"red line: {shown(edge, unit)}{', above this axis' if beyond else ''}")
    rows = rows_of([length(each) + _MARK for each in entries], wide - 20)
    foot = top + high - _LINE * (max(rows, default=0) + 1) + 2
    begin = top + 14 + _LINE * len(title)
    if lines:
        low, most = _ends(lines, edge, unit)
        box = Box(left + _LEFT, begin, wide - _LEFT - _RIGHT, foot - begin - 32, low, most, _seconds())
        yield from _axes(box, unit)
        yield from _lines(box, lines, unit, None if beyond else edge)
    else:
        words = f"nothing to show in this run: {'; '.join(reasons(panel))}"
        yield _text(left + wide / 2, (begin + foot) / 2, words, "soft", "middle")
    yield from _legend(left + 10, foot, entries, rows, red=edge is not None)
    yield "</g>"


def _axes(box: Box, unit: str) -> Iterator[str]:
    for value in ticks(box.low, box.most, unit):
        y = box.y(value)
        yield _rule("grid", box.left, y, box.left + box.wide, y)
        yield _text(box.left - 6, y + 4, shown(value, unit), "soft", "end")
    step = step_of(box.seconds, "s")
    for number in range(int(box.seconds // step) + 1):
        x, bottom = box.x(number * step), box.top + box.high
        yield _rule("grid", x, bottom, x, bottom + 4)
        yield _text(x, bottom + 16, clock(number * step), "soft", "middle")


def _lines(box: Box, lines: Sequence[Series], unit: str, edge: float | None) -> Iterator[str]:
    if edge is not None:
        yield _rule("edge", box.left, box.y(edge), box.left + box.wide, box.y(edge))
    for number, each in enumerate(lines):
        says = f"{each.legend}: {shown(each.last or 0.0, unit)}"
        yield f'<path {_stroke(number)} d="{_way(box, each.values)}"><title>{escape(says)}</title></path>'


def _way(box: Box, values: Sequence[Value]) -> str:
    """Return the line through the values; where one is missing it is broken, and one alone is a dot."""
    step, parts = kept()["step_s"], list[str]()
    for is_there, run in groupby(enumerate(values), key=lambda each: each[1] is not None):
        points = [f"{box.x(at * step):.1f} {box.y(value or 0.0):.1f}" for at, value in run]
        if is_there:
            parts.append("M" + " L".join(points) + (" h1" if len(points) == 1 else ""))
    return " ".join(parts)


def _legend(left: float, top: float, entries: Sequence[str], rows: Sequence[int], *, red: bool) -> Iterator[str]:
    x, before = left, 0
    for number, (entry, row) in enumerate(zip(entries, rows, strict=True)):
        x, before = (left, row) if row != before else (x, before)
        y, is_edge = top + 6 + row * _LINE, red and number == len(entries) - 1
        mark = 'class="edge"' if is_edge else _stroke(number)
        yield f'<path {mark} d="M{x:.1f} {y - 4} h22"/>'
        yield _text(x + 27, y, entry, "red" if is_edge else "")
        x += length(entry) + _MARK


def _edge(panel: Mapping[str, Any]) -> float | None:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    found: float | None = steps[-1]["value"]
    return found


def _ends(lines: Sequence[Series], edge: float | None, unit: str) -> tuple[float, float]:
    """Return the ends of the axis: lines of the grid, 0 among them."""
    low = min(0.0, *(value for value in _values(lines)))
    marks = ticks(low, _most(lines, edge), unit)
    return marks[0], marks[-1]


def _most(lines: Sequence[Series], edge: float | None) -> float:
    """Return the largest value that is drawn: as Grafana does it, a red line far away does not press the rest down."""
    most = max(_values(lines), default=0.0)
    if most <= 0:
        return edge or 1.0
    return max(most, edge) if edge is not None and edge <= 3 * most else most


def _values(lines: Iterable[Series]) -> list[float]:
    return [value for each in lines for value in each.values if value is not None]


def _seconds() -> float:
    return float(kept()["step_s"] * (kept()["points"] - 1))


def _stroke(number: int) -> str:
    dash = _DASHES[number % len(_DASHES)]
    return f'stroke="{COLOURS[number % len(COLOURS)]}"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _rule(kind: str, x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"/>'


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "") -> str:
    style = (f' class="{kind}"' if kind else "") + (f' text-anchor="{anchor}"' if anchor else "")
    return f'<text x="{x:.1f}" y="{y:.1f}"{style}>{escape(words)}</text>'
