"""The design that the code cites is in the repository: each section that is cited exists, each word has its place."""

from __future__ import annotations

import re

from chaos.__main__ import ALL
from chaos.controls import CONTROLS
from support.tree import ROOT, texts
from tools.citations import FOLDER, anchor, cited, linked, sections

FOLDERS = ("services", "infra", "tests", "schemas", "topics", "keys", "docs")


def test_each_cited_section_exists() -> None:
    """Every section of the design that code, a schema or a page cites is a heading there."""
    found = {(page, section, name) for name, text in texts(*FOLDERS) for page, section in cited(text)}
    assert {page for page, _, _ in found} == {"bus.md", "domain.md"}
    assert {each for each in found if each[1] not in sections(each[0])} == set()


def test_a_citation_is_found_in_each_spelling() -> None:
    """Lists of sections and the words of the schemas are citations; other uses of the words are none."""
    assert list(cited("see domain.md 2.3, 4.2 and 5; Design sections 3 and 8.")) == [
        ("domain.md", "2.3"),
        ("domain.md", "4.2"),
        ("domain.md", "5"),
        ("bus.md", "3"),
        ("bus.md", "8"),
    ]
    assert list(cited("by design 3 keys; domain notes without a number")) == []
    assert linked("Domain notes 4.4.", "..") == "[Domain notes 4.4](../domain.md#44-return-home)."


def test_only_locked_files_keep_the_older_words() -> None:
    """Code and pages name the page that they cite, so that a reader finds it."""
    older = re.compile(r"(?<!`)(?<!\[)\b(?:domain notes \d|design sections? \d)", re.IGNORECASE)
    named = [name for name, text in texts("services", "infra", "docs") if older.search(text)]
    assert [name for name in named if name != "infra/tools/citations.py"] == []


def test_every_word_of_the_glossary_is_listed() -> None:
    """The first page of the documentation leads to each word of the glossary, and each stands there once."""
    text = (ROOT / FOLDER / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r'<a id="([\w-]+)"></a>', text)
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| word")]
    assert len(rows) == len(words) == len(set(words))
    listed = re.findall(r"design/glossary\.md#([\w-]+)", (ROOT / "docs" / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(words)


def test_anchors_are_those_of_common_hosts() -> None:
    """A heading with a number and marks gives the anchor that a reader's link uses."""
    assert anchor("2.1 Referral mechanisms") == "21-referral-mechanisms"
    assert anchor("8. Stream processors, and the store") == "8-stream-processors-and-the-store"


def test_every_scenario_of_faults_is_told() -> None:
    """What each shows, or how each negative control is broken, stands on its page by its name."""
    text = (ROOT / FOLDER / "chaos.md").read_text(encoding="utf-8").lower()
    assert [each.name for each in (*ALL, *CONTROLS) if each.name.lower() not in text] == []
