"""What a second developer is given holds: hooks fetch nothing, addresses are reserved, decisions have a date."""

from __future__ import annotations

import re
import tomllib

from support.tree import ROOT

RESERVED = re.compile(r"(?:[\w.-]+\.)?(?:example|invalid|test)$")


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_hooks_are_local() -> None:
    """No commit hook comes from elsewhere, and each runs a tool of the virtual environment."""
    hooks = _text(".pre-commit-config.yaml")
    assert re.findall(r"repo: *(\S+)", hooks) == ["local"]
    entries = re.findall(r"entry: *(\S+)", hooks)
    assert entries
    assert [entry for entry in entries if not entry.startswith(".venv/bin/")] == []


def test_addresses_are_reserved() -> None:
    """Addresses in the security page and the package lead to domains that nobody owns."""
    hosts = re.findall(r"[\w.-]+@([\w.-]+\w)", _text("SECURITY.md"))
    urls = tomllib.loads(_text("pyproject.toml"))["project"]["urls"].values()
    hosts += [url.split("/")[2] for url in urls]
    assert hosts
    assert [host for host in hosts if not RESERVED.fullmatch(host)] == []


def test_a_change_that_is_not_released_has_its_place() -> None:
    """The changelog begins with what is not released yet, so that a change finds its place."""
    assert re.findall(r"^## (.+)$", _text("CHANGELOG.md"), re.MULTILINE)[0] == "[Unreleased]"


def test_what_the_guide_names_exists() -> None:
    """Each path, target and module of ours that the guide for contributors names is in the tree."""
    text, made = _text("CONTRIBUTING.md"), _text("Makefile")
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", made, re.MULTILINE), target
    for name in re.findall(r"`((?:services|tests|infra|topics|docs|schemas|requirements)/[\w./*-]+)`", text):
        assert list(ROOT.glob(name)) or (ROOT / name).exists(), name
    for name in re.findall(r"`((?:refbus|refbus_\w+)(?:\.\w+)+)`", text):
        place = ROOT / "services" / name.replace(".", "/")
        assert place.is_dir() or place.with_suffix(".py").is_file(), name


def test_every_folder_of_tests_is_in_the_guide() -> None:
    """Whoever writes a test finds its folder by the table."""
    there = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name[0] not in "_."}
    assert set(re.findall(r"`tests/(\w+)`", _text("CONTRIBUTING.md"))) == there
