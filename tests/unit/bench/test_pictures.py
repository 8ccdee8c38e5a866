"""Pictures are made from a report: whole, of what it says, and readable on a light and on a dark page."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import pictures
from bench.legs import LEGS
from bench.report import Measure, write

SVG = "{http://www.w3.org/2000/svg}"
MEASURES = [
    *(
        Measure(f"latency at 2 events/s, one broker: {leg}, p50", 10.0, "ms", "the whole way, p50", 40.0)
        for leg in LEGS
    ),
    Measure("latency at 2 events/s, one broker, p99", 99.0, "ms", "bare Kafka over 3 hops, p99", 5.0),
    Measure("processor time at 2 events/s, one broker: brokers <&>", 30.0, "ms/event", "all processes", 40.0),
    Measure("processor time at 2 events/s, one broker: the sender's gateway", 10.0, "ms/event", "all processes", 40.0),
    Measure("gate, the next event, 10,000 events", 5.0, "ms", "1,000 events", 5.0),
    Measure("gate, the next event, 200,000 events", 6.0, "ms", "1,000 events", 5.0),
    Measure("auditor, start, 200,000 events", 620.0, "ms", "1,000 events", 10.0),
    Measure("auditor, memory, 200,000 events", 100.0, "MB", "1,000 events", 100.0),
]


@pytest.fixture
def drawn(tmp_path: Path) -> dict[str, ElementTree.Element]:
    """Draw all pictures of a report, as a person does by command."""
    write(tmp_path / "report.json", MEASURES)
    pictures.main([str(tmp_path / "report.json"), str(tmp_path / "out")])
    return {path.stem: ElementTree.parse(path).getroot() for path in (tmp_path / "out").iterdir()}


def words(picture: ElementTree.Element) -> list[str]:
    """Return all words that a picture shows."""
    return [each.text or "" for each in picture.iter(f"{SVG}text")]


def test_every_picture_is_made(drawn: dict[str, ElementTree.Element]) -> None:
    """Each is a whole SVG with both ways to be read and a name for those who do not see it."""
    assert set(drawn) == set(pictures.PICTURES)
    for picture in drawn.values():
        assert "prefers-color-scheme: dark" in (picture.find(f"{SVG}style").text or "")  # type: ignore[union-attr]
        assert picture.get("aria-label")


def test_a_bar_is_cut_by_its_parts(drawn: dict[str, ElementTree.Element]) -> None:
    """Four legs of the same length fill the bar with four equal boxes, and what is no leg is not in it."""
    bars = [each for each in drawn["latency"].iter(f"{SVG}rect") if each.get("height") == "22"]
    assert len({each.get("width") for each in bars}) == 1
    assert len(bars) == len(LEGS)
    assert {"40 ms", *LEGS} <= set(words(drawn["latency"]))
    assert "brokers <&>" in words(drawn["processors"])


def test_only_the_largest_store_is_shown_and_a_missed_aim_is_said(drawn: dict[str, ElementTree.Element]) -> None:
    """Ten thousand are on the way to two hundred thousand. One bar that is far out leaves the others their length."""
    shown = words(drawn["growth"])
    assert {"gate, the next event", "1.20, missed", "auditor, memory", "1.00", "62, missed"} <= set(shown)
    (_page, *bars) = drawn["growth"].iter(f"{SVG}rect")
    widths = [float(each.get("width", "0")) for each in bars]
    assert widths[1] == max(widths) < 2.2 * widths[2]


def test_a_report_without_figures_draws_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was not measured is said, and no empty picture is left."""
    write(tmp_path / "report.json", MEASURES[4:5])
    pictures.main([str(tmp_path / "report.json"), str(tmp_path / "out")])
    assert list((tmp_path / "out").iterdir()) == []
    assert capsys.readouterr().out.count("nothing to draw") == len(pictures.PICTURES)


def test_what_is_measured_again_takes_the_place_of_what_was_kept(tmp_path: Path) -> None:
    """A run of one part leaves the figures of the others, and each says which machine it is from."""
    kept, entries = tmp_path / "kept.json", [each.as_mapping() for each in MEASURES]
    pictures.keep(entries, "one", kept)
    pictures.keep(entries[:1], "two", kept)
    found = json.loads(kept.read_text(encoding="utf-8"))
    assert [each["machine"] for each in found] == ["two"] + ["one"] * (len(found) - 1)
    assert len(found) == len(MEASURES) - 1
