"""Names that are told apart without reading a docstring, and words that mean what the glossary says."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from support.tree import ROOT, project_files

NOUNS = {
    **dict.fromkeys(("accounting", "hashing", "padding", "keyring"), "the name of a field"),
    **dict.fromkeys(("opening", "routing", "case_routing", "standing", "outgoing"), "a noun of the glossary"),
    "asking": "its name is in the logs of homes",
    "unlocking": "its name is in the logs of homes",
    "founding": "of a home: once, with its first keys",
    "framing": "of bytes before they are hashed",
    "hearing": "who hears of a code: docs/reference/who-hears.md",
    "printing": "of pages on paper",
    "sealing": "of an envelope",
    "signing": "keys that sign",
    "staging": "of a change of the directory",
    "waiting": "what waits at a gate",
}
"""Modules whose names end like a gerund and are nouns."""


def modules() -> list[Path]:
    """Return every module of the services, without migrations, which have numbers."""
    return [path for path in project_files("services", suffix=".py") if "versions" not in path.parts]


def test_a_module_is_a_noun() -> None:
    """No gerund names a module: what something does is a function."""
    assert {path.stem for path in modules() if path.stem.endswith("ing")} == set(NOUNS)


def test_no_two_modules_of_a_package_differ_by_number() -> None:
    """One of two such names would have to say what it is."""
    packages: defaultdict[Path, set[str]] = defaultdict(set)
    for path in modules():
        packages[path.parent].add(path.stem)
    assert [(str(at), name) for at, names in packages.items() for name in names if f"{name}s" in names] == []


def entries() -> dict[str, str]:
    """Return the words of the glossary, with what each means."""
    text = (ROOT / "docs" / "design" / "glossary.md").read_text(encoding="utf-8")
    found = {}
    for line in re.findall(r"^\| <a id=.*$", text, re.MULTILINE):
        words, meaning = line.strip("| ").split(" | ", 1)
        found.update(dict.fromkeys(re.findall(r"\*\*([^*]+)\*\*", words), meaning))
    return found


@pytest.fixture(scope="module")
def code() -> str:
    """Give all code, in lower case and with words apart: ConsentRecord is "consent record"."""
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in project_files("services", "infra", "tests", suffix=".py")
    )
    return re.sub(r"[_\W]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)).lower()


@pytest.mark.parametrize("word", entries())
def test_a_word_of_the_glossary_names_something_in_the_code(word: str, code: str) -> None:
    """A word that the code does not use is explained for nobody."""
    names = re.sub(r"[-\W]+", " ", word).lower()
    assert re.search(rf"\b{names}(s|es)?\b", code), word
