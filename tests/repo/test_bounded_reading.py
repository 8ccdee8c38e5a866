"""Services to whom others write read within bounds, and every loop over records of the broker knows an unread batch."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from support.tree import ROOT, parsed

SERVICES = ("refbus_gate", "refbus_auditor", "refbus_gateway")
NODES = sorted(path for name in SERVICES for path in (ROOT / "services" / name).rglob("*.py"))
OFFSETS_ONLY = {
    ("refbus_gate/gate.py", "readers"): "the watchdog asks where topics end",
    ("refbus_auditor/auditor.py", "Watchdog"): "the watchdog asks where topics end",
    ("refbus_gate/__main__.py", "reader"): "accepting a gap asks where a topic begins",
}
"""Places that make the client's own reader and never read a record with it, by what they make it for."""


def places(path: Path) -> set[tuple[str, str]]:
    """Return where a module makes the client's own reader: the module, and the name or call it is made for."""
    if "confluent" not in path.read_text(encoding="utf-8"):
        return set()
    tree, found = parsed(path), set()
    name = str(path.relative_to(ROOT / "services"))
    for statement in (node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.Expr | ast.Return)):
        if "confluent.reader" in ast.unparse(statement):
            call = next((ast.unparse(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call)), "")
            target = ast.unparse(statement.targets[0]) if isinstance(statement, ast.Assign) else call
            found.add((name, call if target.startswith("self.") else target))
    return found


@pytest.mark.parametrize("path", NODES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_services_read_within_bounds(path: Path) -> None:
    """They read with `batchreader`: the client unpacks a megabyte of a stranger into a gigabyte."""
    assert places(path) <= set(OFFSETS_ONLY)


def test_the_list_is_current() -> None:
    """Each place that is named makes such a reader."""
    assert {place for path in NODES for place in places(path)} == set(OFFSETS_ONLY)


def test_the_harness_puts_the_bounded_reading_in_place() -> None:
    """An application of Faust is made in one place, and that place installs it first."""
    tree = ast.parse((ROOT / "services/refbus/bus/harness.py").read_text(encoding="utf-8"))
    (create,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "create_app"]
    calls = [ast.unparse(node.func) for node in ast.walk(create) if isinstance(node, ast.Call)]
    assert calls.index("driver.install") < calls.index("faust.App")
