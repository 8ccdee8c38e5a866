"""What a person sees goes through one place, which shows foreign text as what it is (`refbus.foreign`)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from support.tree import ROOT, parsed, project_files

PRINTERS = {
    "services/refbus/output.py",
    "services/refbus/explain/report.py",  # errors, each a line
    "services/refbus/telemetry/logs.py",  # JSON for machines
}
"""Who writes to the terminal; all others call them."""
MODULES = [path for path in project_files("services", suffix=".py") if str(path.relative_to(ROOT)) not in PRINTERS]


def name_of(path: Path) -> str:
    """Return the path inside the project."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_printed_elsewhere(path: Path) -> None:
    """No echo, no print, no standard output or error: a line of it could be somebody else's."""
    tree = parsed(path)
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)}
    assert not used & {"click.echo", "click.secho", "print", "sys.stdout", "sys.stderr"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_page_is_written_with_the_one_function_for_text(path: Path) -> None:
    """HTML is escaped in `refbus.foreign` alone, which shows hidden characters as well."""
    tree = parsed(path)
    imported = {
        f"{node.module}.{each.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    allowed = name_of(path) == "services/refbus/foreign.py"
    assert allowed or "html.escape" not in imported
    if "<!doctype html>" in path.read_text(encoding="utf-8"):
        assert "refbus.foreign.markup" in imported
