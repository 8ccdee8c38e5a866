"""Every command in a box of the README and of the operators' pages is run by a test, or is listed with a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.howto import blocks
from support.tree import ROOT
from tools.pages import cli

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "operators").glob("*.md"))]
RUN, BY_HAND = "sh", "shell"
OTHERS = {"text", "ini", "toml", "json", "yaml", "nginx", "sql"}
NOT_RUN = {
    ("README.md", "make demo"): "a test would run all tests; both are what continuous integration runs",
    ("README.md", "make up"): "real processes that stay; tests/browser opens the same pages at services of its own",
    ("add-a-country.md", "refbus-ops audit keys renew"): "of a later half-year; run as printed on operate.md",
    ("cluster.md", "kafka-configs.sh"): "a program of Kafka's own; `make chaos` renews a broker's certificate so",
    ("dashboards.md", "PYTHONPATH=infra"): "a demonstration of minutes; tests/repo/test_dashboard_pictures.py",
    ("install-a-node.md", "python3 -m venv /opt"): "/opt is the machine's; tests/broker/test_installed_node.py",
    ("install-a-node.md", "install -m 0644"): "asks for root and systemd; the units are read by their tests",
    (
        "install-a-node.md",
        "podman build",
    ): "no container runs here; tests/unit/infra/test_containers.py reads the files",
    ("install-a-node.md", "refbus-ops --country kz"): "no Kubernetes is here; tests/unit/ops/test_manifests.py",
    ("install-a-node.md", "systemctl start"): "asks for systemd and a second version; tests/story/test_upgrade.py",
    ("operate.md", "python -m refbus_auditor rebuild"): "it ends the log for good; tests/unit/auditor/test_rebuild.py",
}
"""Boxes that no test runs, by page and beginning, and why."""
_COMMAND = re.compile(rf"^\s*(?:{'|'.join([*cli.PROGRAMS, 'python3?', 'make', 'systemctl', 'podman', 'kubectl'])})\s")
_READS = re.compile(r'Page\.read\("([\w./-]+)"\)|^PAGE = "(operators/[\w.-]+)"', re.MULTILINE)
_PART = re.compile(r'\.with_word\("([^"]+)"(, there=False)?\)')
_TESTS = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py"))}


def boxes(page: Path, kind: str) -> list[str]:
    """Return the boxes of a kind on a page."""
    return [text for each, text in blocks(page.read_text(encoding="utf-8")) if each == kind]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_box_says_what_it_is(page: Path) -> None:
    """A box without a kind could be a command that nobody runs; in one of another kind no line is a command."""
    found = blocks(page.read_text(encoding="utf-8"))
    assert [text for kind, text in found if kind not in {RUN, BY_HAND, *OTHERS}] == []
    lines = [line for kind, text in found if kind in OTHERS for line in text.splitlines()]
    assert [line for line in lines if _COMMAND.match(line)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_with_commands_is_followed_by_a_test(page: Path) -> None:
    """A test reads the page and runs its boxes as they are printed."""
    read = {
        (ROOT / "docs" / name).resolve()
        for text in _TESTS.values()
        for names in _READS.findall(text)
        for name in names
        if name
    }
    assert not boxes(page, RUN) or page in read


def test_what_one_test_leaves_out_another_runs() -> None:
    """A part of a page that is not for one test is for another."""
    parts = [part for text in _TESTS.values() for part in _PART.findall(text)]
    left_out = {word for word, out in parts if out}
    assert left_out
    assert left_out == {word for word, out in parts if not out}


def test_what_is_not_run_has_a_reason() -> None:
    """The list is short, and each of it is there."""
    by_hand = [(page.name, text) for page in PAGES for text in boxes(page, BY_HAND)]
    told = {
        (name, text): [key for key in NOT_RUN if key[0] == name and text.startswith(key[1])] for name, text in by_hand
    }
    assert [where for where, keys in told.items() if len(keys) != 1] == []
    assert {keys[0] for keys in told.values()} == set(NOT_RUN)


def test_a_command_in_another_box_is_found() -> None:
    """The rule above can fail."""
    assert _COMMAND.match("refbus-ops --country kz lag")
    assert _COMMAND.match("   python -m refbus_gate stopped")
    assert not _COMMAND.match("REFBUS_COUNTRY=kz")
    assert blocks("1. so:\n   ```sh\n   a\n   ```\n```\nb\n```\n") == [("sh", "a\n"), ("", "b\n")]
