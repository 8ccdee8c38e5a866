"""`python -m bench.pictures REPORT FOLDER`: pictures of a report as SVG, readable on a light and on a dark page.

Those in docs/design are made by `make reference` from `pictured.json`, which `python -m bench --draw` keeps up to date.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

KEPT: Final = Path(__file__).with_name("pictured.json")
_WIDTH, _LABEL, _ROW, _EDGE = 820, 290, 30, 16
_BAR: Final = _WIDTH - _LABEL - 110
_COLOURS: Final = ("#77aadd", "#ee8866", "#44bb99", "#eedd88", "#99ddff", "#ffaabb", "#bbcc33")
_STYLE: Final = """
text { font: 13px sans-serif; fill: #1b1f24 } .title { font-weight: bold } .small { font-size: 11px }
.page { fill: #ffffff } .line { stroke: #57606a; stroke-dasharray: 4 3 } .on { fill: #10151c }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .page { fill: #0d1117 } .line { stroke: #9198a1 }
.on { fill: #10151c } }
"""
_LEG: Final = re.compile(r"^latency (?P<row>at [^:]+): (?P<part>.+), p50$")
_PROCESS: Final = re.compile(r"^processor time (?P<row>at [^:]+): (?P<part>.+)$")
_GROWN: Final = re.compile(r"^(?P<row>(?:gate|gateway|auditor), .+), (?P<part>[\d,]+) events$")
_LIMIT, _LONGEST = 1.15, 2.0
Entry = Mapping[str, Any]
Rows = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Picture:
    """What a picture shows: which entries of a report, and how they are drawn."""

    title: str
    pattern: re.Pattern[str]
    field: str
    draw: Callable[[str, Rows], str]

    def of(self, entries: Iterable[Entry]) -> str:
        """Return the SVG. Raises LookupError when the report has nothing to show."""
        rows = dict[str, dict[str, float]]()
        for entry in entries:
            found = self.pattern.match(entry["name"])
            if found is not None:
                rows.setdefault(found["row"], {})[found["part"]] = float(entry[self.field])
        if not rows:
            raise LookupError(f"nothing to draw: {self.title}")
        return self.draw(self.title, rows)


def shares(title: str, rows: Rows) -> str:
    """Return a bar for each row, cut by the share of its parts, with the sum beside it."""
    parts = list(dict.fromkeys(part for row in rows.values() for part in row))
    colours = {part: _COLOURS[at % len(_COLOURS)] for at, part in enumerate(parts)}
    drawn = list[str]()
    for at, (name, row) in enumerate(rows.items()):
        top, left, total = _top(at), float(_LABEL), sum(row.values())
        drawn.append(_text(_EDGE, top + 17, name))
        for part, value in row.items():
            wide = _BAR * value / total if total else 0.0
            drawn.append(_box(left, top, wide, colours[part], f"{part}: {_short(value)} ms"))
            if wide > 34:
                drawn.append(_text(left + 4, top + 16, _short(value), "small on"))
            left += wide
        drawn.append(_text(_LABEL + _BAR + 8, top + 17, f"{_short(total)} ms"))
    for at, part in enumerate(parts):
        top = _top(len(rows) + at) - 4
        drawn += [_box(_LABEL, top + 4, 14, colours[part], part, high=14), _text(_LABEL + 22, top + 16, part)]
    return _page(title, drawn, len(rows) + len(parts))


def ratios(title: str, rows: Rows) -> str:
    """Return a bar for each row, as long as the ratio of its largest store, with the limit as a line.

    A bar ends at twice the baseline, so that one that is far out leaves the others to be compared.
    """
    last = {name: row[max(row, key=lambda each: int(each.replace(",", "")))] for name, row in rows.items()}
    most = min(max(*last.values(), _LIMIT), _LONGEST) * 1.05
    drawn = list[str]()
    for at, (name, ratio) in enumerate(last.items()):
        top, kept = _top(at), ratio <= _LIMIT
        drawn.append(_text(_EDGE, top + 17, name))
        wide, shown = _BAR * min(ratio, most) / most, f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"
        drawn.append(_box(_LABEL, top, wide, _COLOURS[0 if kept else 1], f"{name}: {shown}"))
        drawn.append(_text(_LABEL + _BAR + 8, top + 17, f"{shown}{'' if kept else ', missed'}"))
    at_x, bottom = _LABEL + _BAR * _LIMIT / most, _top(len(last))
    drawn.append(f'<line class="line" x1="{at_x:.1f}" y1="{_top(0) - 6}" x2="{at_x:.1f}" y2="{bottom}"/>')
    drawn.append(_text(at_x - 4, bottom + 14, f"{_LIMIT}", "small"))
    return _page(title, drawn, len(last) + 1)


PICTURES: Final[Mapping[str, Picture]] = {
    "latency": Picture("Latency by leg, median in ms, each bar its share", _LEG, "value", shares),
    "processors": Picture(
        "Processor time of an event by process, in ms, each bar its share", _PROCESS, "value", shares
    ),
    "growth": Picture("With 200,000 events in the store, against 1,000; a bar ends at 2", _GROWN, "ratio", ratios),
}


def keep(entries: Sequence[Entry], machine: str, path: Path = KEPT) -> None:
    """Put what pictures show in place of what was kept under the same name; each says which machine it is from."""
    shown = [each for each in entries if any(one.pattern.match(each["name"]) for one in PICTURES.values())]
    kept = {each["name"]: each for each in kept_in(path)} | {
        each["name"]: {**each, "machine": machine} for each in shown
    }
    path.write_text(json.dumps(list(kept.values()), indent=1) + "\n", encoding="utf-8")


def kept_in(path: Path = KEPT) -> list[Entry]:
    """Return the entries that are kept."""
    found: list[Entry] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return found


def page(name: str) -> str:
    """Return a picture of what is kept."""
    return PICTURES[name].of(kept_in())


def _top(row: int) -> int:
    return 48 + row * _ROW


def _page(title: str, drawn: Sequence[str], rows: int) -> str:
    high, label = _top(rows) + 6, f'role="img" aria-label="{escape(title)}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {high}" {label}>',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{high}"/>',
        _text(_EDGE, 26, title, "title"),
        *drawn,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _box(left: float, top: float, wide: float, colour: str, says: str, *, high: int = 22) -> str:
    place = f'x="{left:.1f}" y="{top}" width="{wide:.1f}" height="{high}"'
    return f'<rect {place} fill="{colour}"><title>{escape(says)}</title></rect>'


def _text(left: float, base: float, words: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{left:.1f}" y="{base}"{style}>{escape(words)}</text>'


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def main(arguments: Sequence[str]) -> None:
    """Draw what a report has."""
    report, folder = map(Path, arguments)
    entries = json.loads(report.read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in PICTURES.items():
        try:
            drawn = picture.of(entries)
        except LookupError as nothing:
            print(nothing)
            continue
        (folder / f"{name}.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
