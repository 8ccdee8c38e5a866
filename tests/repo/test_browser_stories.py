"""A browser story waits for the page that a click leads to."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from support.tree import parsed, project_files

STORIES = project_files("tests/browser", suffix=".py")


def clicks(tree: ast.AST) -> list[int]:
    """Lines that click something which may lead to another page; what unfolds in the page does not."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".click") and not unfolds(node)
    ]


def unfolds(call: ast.Call) -> bool:
    """Tell whether a click only opens a block of the page."""
    return bool(call.args) and ast.unparse(call.args[0]).strip("'").startswith("details")


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.name)
def test_a_click_is_followed(path: Path) -> None:
    """Only `follow` clicks: what is asserted before the next page is there fails on a slow machine."""
    found = clicks(parsed(path))
    assert len(found) == (1 if path.name == "conftest.py" else 0), f"use follow() instead: {path}:{found}"


def test_the_rule_sees_a_click() -> None:
    """A click on a button is found, one that unfolds a block is not."""
    assert clicks(ast.parse("page.click('main button')\npage.click('details.block')")) == [1]
