from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from refbus.explain import CATALOGUE
from support.tree import ROOT, project_files, texts
from tools.pages import cli

PAGES = project_files("docs", "keys", "schemas", "topics", "infra", suffix=".md") + sorted(ROOT.glob("*.md"))
_LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
_HELP = re.compile(r"```\n\$ (refbus[^\n]*) --help\n(.*?)\n```", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: object) -> None:
    """Every relative link of a page leads to a file or folder of the project."""
    assert hasattr(page, "read_text")
    links = [target for target, _ in _LINK.findall(page.read_text(encoding="utf-8"))]
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]  # type: ignore[attr-defined]
    assert missing == []


def test_help_in_documents_is_what_the_commands_say() -> None:
    """A block that begins with `$ refbus ... --help` equals the output of that command."""
    known = {name: text for program in cli.PROGRAMS for name, text in cli.helps(program)}
    for page in PAGES:
        for command, shown in _HELP.findall(page.read_text(encoding="utf-8")):
            assert shown == known[command], f"{page.name}: {command}"


def test_make_targets_in_documents_exist() -> None:
    """Every `make x` that a page names is a target."""
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]+)", text, re.MULTILINE))
        assert named <= targets, page.name


def test_commands_in_documents_exist() -> None:
    """Every command line `refbus ...` in code on a page begins with a command that exists."""
    known = {name for program in cli.PROGRAMS for name, _ in cli.helps(program)}
    for page in PAGES:
        for line in re.findall(
            r"(?:^|`)(refbus(?:-ops)?(?: [a-z][a-z-]*)+)", page.read_text(encoding="utf-8"), re.MULTILINE
        ):
            words = line.split()
            assert any(" ".join(words[:n]) in known for n in range(2, len(words) + 1)), f"{page.name}: {line}"


def test_make_help_lists_every_documented_target() -> None:
    """`make help` and the Makefile agree."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    documented = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    shown = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True).stdout
    listed = {line.split()[0] for line in shown.splitlines() if line.startswith("  ")}
    assert listed == documented


def test_licence_is_the_apache_licence() -> None:
    """The licence file is the whole text that pyproject.toml names."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_commands_in_hints_exist() -> None:
    """Every command that the catalogue of errors advises exists."""
    known = {name for program in cli.PROGRAMS for name, _ in cli.helps(program)}
    for code, text in CATALOGUE.items():
        for command in re.findall(r"`(refbus(?:-ops)?(?: [a-z][a-z-]*)*)", text.next_step):
            assert command in known, f"{code}: {command}"


def test_commands_in_help_exist() -> None:
    """Every command that the help of a command names exists."""
    helps = {name: text for program in cli.PROGRAMS for name, text in cli.helps(program)}
    for name, text in helps.items():
        for command in re.findall(r"`(refbus(?:-ops)?(?: [a-z][a-z-]*)*)", " ".join(text.split())):
            assert command in helps, f"{name}: {command}"


def test_pages_in_hints_exist() -> None:
    """Every page that the catalogue of errors advises exists."""
    for code, text in CATALOGUE.items():
        for page in re.findall(r"docs/[\w/.-]+\.md", text.next_step):
            assert (ROOT / page).is_file(), f"{code}: {page}"


@pytest.mark.parametrize("program", cli.PROGRAMS)
def test_help_is_laid_out(program: str) -> None:
    """No help shows a formatting mark, and each says what the command does."""
    for name, text in cli.helps(program):
        assert "\\b" not in text, name
        assert re.search(r"^  [A-Z]", text, re.MULTILINE), name


def test_pages_named_in_code_exist() -> None:
    """Every page under docs/ that a comment, a message or a schema names exists."""
    named = {
        (name, page)
        for name, text in texts("services", "infra", "schemas", "topics", "keys")
        for page in re.findall(r"docs/[\w/.-]+\.md", text)
    }
    assert {(name, page) for name, page in named if not (ROOT / page).is_file()} == set()


def test_every_decision_is_listed() -> None:
    """The list of decisions has every decision under docs/adr."""
    listed = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in (ROOT / "docs" / "adr").glob("0*.md") if page.name not in listed] == []


_MODULE = re.compile(r"`([a-z_]+(?:/[a-z_]+)*\.py)`")
_CODE = [str(path.relative_to(ROOT)) for path in project_files("services", "infra", "tests", suffix=".py")]


@pytest.mark.parametrize("page", [page for page in PAGES if "adr" not in page.parts], ids=lambda page: page.name)
def test_modules_named_in_documents_exist(page: Path) -> None:
    """A module that was moved or renamed is found under its new name; decisions of the past keep their words."""
    named = set(_MODULE.findall(page.read_text(encoding="utf-8")))
    assert {name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in _CODE)} == set()
