"""What a person sees goes through one place, which shows foreign text as what it is (`refbus.foreign`)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from support.tree import ROOT, every, parsed, project_files, walked

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


@every(MODULES)
def test_nothing_is_printed_elsewhere(path: Path) -> None:
    """No echo, no print, no standard output or error: a line of it could be somebody else's."""
    tree = parsed(path)
    used = {ast.unparse(node) for node in walked(tree) if isinstance(node, ast.Attribute | ast.Name)}
    assert not used & {"click.echo", "click.secho", "print", "sys.stdout", "sys.stderr"}


QUESTIONS = ROOT / "services/refbus_gateway/cli/prompts.py"
OF_THE_OFFICE = [path for path in project_files("services/refbus_gateway", suffix=".py") if path != QUESTIONS]


@every(OF_THE_OFFICE)
def test_a_person_is_asked_in_one_place(path: Path) -> None:
    """The questions of click are English: whoever asks at a terminal calls `prompts`."""
    used = {ast.unparse(node) for node in walked(parsed(path)) if isinstance(node, ast.Attribute | ast.Name)}
    assert not used & {"click.prompt", "click.confirm", "click.pause", "click.getchar", "click.edit", "input"}


@every(MODULES)
def test_a_page_is_written_with_the_one_function_for_text(path: Path) -> None:
    """HTML is escaped in `refbus.foreign` alone, which shows hidden characters as well."""
    tree = parsed(path)
    imported = {
        f"{node.module}.{each.name}" for node in walked(tree) if isinstance(node, ast.ImportFrom) for each in node.names
    }
    allowed = name_of(path) == "services/refbus/foreign.py"
    assert allowed or "html.escape" not in imported
    if "<!doctype html>" in path.read_text(encoding="utf-8"):
        assert "refbus.foreign.markup" in imported


WITHOUT_HOME = {
    "home/confirmation.py mark": "a store that is put back is not yet opened by its home; it says UTC",
    "words/payloads.py _show_one": "sections of JSON; beside them `times` has numbers for a reader's own clock",
    "forms/consent_template.py form": "a day of the form, which is read in UTC",
}
"""Where the gateway writes a time without its home's clocks: the module and function, with the reason."""
GATEWAY = ROOT / "services/refbus_gateway"


def zoneless(tree: ast.AST) -> set[str]:
    """Return the functions of a module that show a time or a day by the clocks of nobody."""
    return {
        function.name
        for function in walked(tree)
        if isinstance(function, ast.FunctionDef)
        for call in walked(function)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in {"show_time", "times.show_time", "day_text", "times.day_text"}
        and len(call.args) + len(call.keywords) < 2
    }


def test_people_read_times_by_the_clocks_of_their_country() -> None:
    """What shows a time to them gives the home's offset, by `Gateway.local_time` or `time_text`, or has its reason."""
    found = {f"{path.relative_to(GATEWAY)} {name}" for path in GATEWAY.rglob("*.py") for name in zoneless(parsed(path))}
    assert found == set(WITHOUT_HOME)


@pytest.mark.parametrize("call", ["show_time(at_ms)", "day_text(by_ms)", "times.show_time(at_ms)"])
def test_a_time_of_nobodys_clock_is_found(call: str) -> None:
    """With an offset it is somebody's."""
    assert zoneless(ast.parse(f"def told():\n    return {call}")) == {"told"}
    assert zoneless(ast.parse(f"def told():\n    return {call[:-1]}, offset)")) == set()
