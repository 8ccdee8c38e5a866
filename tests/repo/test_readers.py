"""Documentation is in a folder for each reader, every page is on the way of one, and decisions say when they count."""

from __future__ import annotations

import re

import pytest

from support.tree import ROOT, project_files

DOCS = ROOT / "docs"
FOLDERS = {"case-workers", "operators", "integrators", "inspectors", "design", "spec", "adr", "reference"}
DECISIONS = sorted((DOCS / "adr").glob("0*.md"))
_STATUS = re.compile(r"(?:Accepted|Superseded by \[?\d+.*), \d{1,2} [A-Z][a-z]+ \d{4}\.")


def test_each_page_is_in_the_folder_of_its_reader() -> None:
    """Only the first page is in no folder, and there is no folder without a reader."""
    inside = {path.relative_to(DOCS).parts for path in project_files("docs", suffix=".md")}
    assert {parts[0] for parts in inside if len(parts) > 1} == FOLDERS
    assert [parts for parts in inside if len(parts) == 1] == [("README.md",)]


def test_each_page_is_on_the_way_of_a_reader() -> None:
    """The first page leads to every page, and to the list of decisions for those."""
    first = (DOCS / "README.md").read_text(encoding="utf-8")
    linked = {target for target in re.findall(r"\]\(([^)#\s]+)", first) if "://" not in target}
    pages = {str(path.relative_to(DOCS)) for path in project_files("docs", suffix=".md") if path not in DECISIONS}
    assert pages - linked - {"README.md"} == set()


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: str(page.name))
def test_each_decision_has_status_and_date(page: object) -> None:
    """Line 3 of a decision says whether it counts, and since when."""
    assert hasattr(page, "read_text")
    assert _STATUS.fullmatch(page.read_text(encoding="utf-8").splitlines()[2])
