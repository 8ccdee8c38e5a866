"""The pictures of the dashboards: each panel of each, of the answers to its own queries, and readable by everybody."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from demo import watching
from refbus.telemetry.catalogue import CATALOGUE
from support.tree import ROOT
from tools.pages import grafana, pictures

SVG = "{http://www.w3.org/2000/svg}"
BOARDS = sorted((ROOT / "infra" / "grafana" / "dashboards").glob("*.json"))
PICTURES = ROOT / "docs" / "operators" / "pictures"
PAGE = (ROOT / "docs" / "operators" / "dashboards.md").read_text(encoding="utf-8")
KEPT: Any = json.loads(watching.KEPT.read_text(encoding="utf-8"))


def panels(name: str) -> list[dict[str, Any]]:
    """Return the panels of a dashboard, as Grafana reads them."""
    board = ROOT / "infra" / "grafana" / "dashboards" / f"{name}.json"
    return list(json.loads(board.read_text(encoding="utf-8"))["panels"])


def drawn(name: str) -> ElementTree.Element:
    """Return the picture of a dashboard."""
    return ElementTree.parse(PICTURES / f"{name}.svg").getroot()


def words(element: ElementTree.Element, kind: str = "text") -> list[str]:
    """Return what the elements of one kind say."""
    return [each.text or "" for each in element.iter(f"{SVG}{kind}")]


def light(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_dashboard_has_a_picture_on_the_page() -> None:
    """None is missing and none is left over; each is on the page with words for those who do not see it."""
    names = {board.stem for board in BOARDS}
    assert names == set(grafana.DASHBOARDS) == {each.stem for each in PICTURES.glob("*.svg")}
    shown = re.findall(r"^!\[([^\]]{20,})\]\(pictures/(\w+)\.svg\)$", PAGE, re.MULTILINE)
    assert {name for _, name in shown} == names
    assert "not by Grafana" in PAGE


@pytest.mark.parametrize("name", sorted(grafana.DASHBOARDS))
def test_every_panel_is_in_the_picture(name: str) -> None:
    """Each has its title, a line with a legend for each series, and its place in the grid."""
    picture = drawn(name)
    groups = picture.findall(f"{SVG}g")
    assert len(groups) == len(panels(name))
    for group, panel in zip(groups, panels(name), strict=True):
        titles = " ".join(each.text or "" for each in group.iter(f"{SVG}text") if each.get("class") == "title")
        assert titles == panel["title"]
        series = pictures.series_of(panel)
        assert len(words(group, "title")) == len(series)
        legends = [each for each in words(group) if ": " in each]
        assert len({each.legend for each in series}) == len(series), "two lines of one name"
        for each in series:
            assert any(legend.startswith(f"{each.legend}: ") for legend in legends)
        if not series:
            assert any(each.startswith("nothing to show in this run: ") for each in words(group))


@pytest.mark.parametrize("name", sorted(grafana.DASHBOARDS))
def test_a_picture_has_words_for_those_who_do_not_see_it(name: str) -> None:
    """Its name is that of the dashboard, and its description names every panel with what it shows at the end."""
    picture = drawn(name)
    (title, says) = (picture.find(f"{SVG}{kind}") for kind in ("title", "desc"))
    assert title is not None
    assert says is not None
    assert picture.get("aria-labelledby") == f"{title.get('id')} {says.get('id')}"
    assert all(f"{panel['title']}: " in (says.text or "") for panel in panels(name))
    assert "prefers-color-scheme: dark" in (picture.findtext(f"{SVG}style") or "")


def test_every_query_is_in_the_kept_run() -> None:
    """A query that was changed is asked anew: `python -m demo --federated 1 --dashboards` (docs/operators)."""
    assert list(KEPT["queries"]) == watching.queries()


def test_every_query_returned_something_or_says_why_not() -> None:
    """A line of zeros is something; a query that gave nothing is listed with its reason, and no other."""
    silent = {query for query, series in KEPT["queries"].items() if not series}
    assert silent == set(pictures.NOTHING)
    for series in KEPT["queries"].values():
        for each in series:
            assert len(each["values"]) == KEPT["points"]
            assert any(value is not None for value in each["values"])


def test_units_and_variables_are_resolved() -> None:
    """No picture has a unit that only Grafana reads, a template, or a variable."""
    for name in grafana.DASHBOARDS:
        for text in words(drawn(name)):
            assert not re.search(r"percentunit|\bshort\b|\{\{|\$\w|undefined|nan\b", text), text


def test_a_panel_shows_no_line_for_each_of_two_hundred_codes() -> None:
    """A label with many values shows those that are not zero."""
    many = {
        label for metric in CATALOGUE for label, values in metric.labels.items() if len(values) > grafana.MOST_LINES
    }
    asked = [query for query in watching.queries() if any(f"by ({label})" in query for label in many)]
    assert "code" in many
    assert asked
    assert [query for query in asked if not query.endswith(" > 0")] == []
    assert max(len(series) for series in KEPT["queries"].values()) <= grafana.MOST_LINES


def test_a_budget_that_is_overspent_is_not_cut_off() -> None:
    """The axis begins at 0, but not where what is shown can be less than nothing."""
    for board in BOARDS:
        for panel in panels(board.stem):
            below = any(each["expr"].startswith("1 - ") for each in panel["targets"])
            assert ("min" in panel["fieldConfig"]["defaults"]) is not below


def test_lines_can_be_seen_on_both_pages() -> None:
    """Contrast of at least 3 to 1 (WCAG 2.2, 1.4.11) on the light page and on the dark one."""
    for colour in (*pictures.COLOURS, pictures.RED):
        for page in pictures.PAGES:
            low, high = sorted((light(colour), light(page)))
            assert (high + 0.05) / (low + 0.05) >= 3, (colour, page)


def test_the_kept_run_names_nobody() -> None:
    """No address, no time of a machine, no member: labels are words of closed lists, values count from the start."""
    text = watching.KEPT.read_text(encoding="utf-8")
    assert not re.search(r"127\.0\.0\.1|localhost|instance|[a-z]{2}-[0-9a-z]{8}\b", text)
    assert set(KEPT) == {"country", "step_s", "points", "queries"}
    values = [value for series in KEPT["queries"].values() for each in series for value in each["values"]]
    assert not any(value is not None and value > 1_000_000_000 for value in values)
