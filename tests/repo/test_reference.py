from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from refbus.errors import Code
from refbus.settings import ALL_SETTINGS
from refbus.settings.fields import declared_settings
from refbus.telemetry.catalogue import CATALOGUE
from support.tree import ROOT
from tools.pages import cli
from tools.reference import PAGES, main, stale


def headings(name: str) -> set[str]:
    """Return the headings of a page under docs/reference."""
    lines = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8").splitlines()
    return {line.lstrip("#").strip() for line in lines if line.startswith("#")}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_generated_file_is_current(name: str) -> None:
    """What is committed equals a fresh generation; `make reference` puts it right."""
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name]()


def test_check_finds_a_difference(tmp_path: Path) -> None:
    """An empty checkout misses every generated file: the check can fail."""
    assert stale(tmp_path) == list(PAGES)


def test_check_passes_here(capsys: pytest.CaptureFixture[str]) -> None:
    """The command that continuous integration runs ends with 0 and says nothing."""
    assert main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_every_code_has_a_heading() -> None:
    """A person who looks up an error code finds it."""
    assert set(Code) <= headings("errors.md")


def test_every_setting_has_a_heading() -> None:
    """A person who looks up a setting finds it."""
    fields = [declared for cls in ALL_SETTINGS for declared, _ in declared_settings(cls).values()]
    assert {item.name + ("<CC>" if item.per_country else "") for item in fields} <= headings("settings.md")


def test_every_metric_has_a_heading() -> None:
    """A person who looks up a metric finds it."""
    assert {metric.name for metric in CATALOGUE} <= headings("metrics.md")


def test_every_topic_family_has_a_heading() -> None:
    """A person who looks up a topic family finds it."""
    families = {path.stem for path in (ROOT / "topics").glob("*.toml")}
    assert families
    assert families <= headings("topics.md")


def test_every_schema_and_code_list_has_a_heading() -> None:
    """A person who looks up a record or a code list finds it."""
    names = {path.stem for folder in ("wire", "events") for path in (ROOT / "schemas" / folder).glob("*.avsc")}
    lists = {path.stem for path in (ROOT / "schemas" / "codelists").glob("*.json")}
    assert names
    assert names | lists <= headings("schemas.md")


def test_every_command_has_a_heading() -> None:
    """A person who looks up a command finds it; every program of the project is on the page."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(cli.PROGRAMS) == set(project["scripts"])
    assert {name for program in cli.PROGRAMS for name, _ in cli.helps(program)} <= headings("cli.md")
