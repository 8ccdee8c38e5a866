"""A browser story waits for what it needs: for the page that a click leads to, and never for a number of seconds."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from support.tree import parsed, project_files, walked

STORIES = project_files("tests/browser", suffix=".py")


def clicks(tree: ast.AST) -> list[int]:
    """Lines that click something which may lead to another page; what unfolds in the page does not."""
    return [
        node.lineno
        for node in walked(tree)
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


def pauses(tree: ast.AST) -> list[int]:
    """Lines that let time pass."""
    calls = (node for node in walked(tree) if isinstance(node, ast.Call))
    return [node.lineno for node in calls if ast.unparse(node.func).endswith((".wait_for_timeout", "sleep"))]


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.name)
def test_nothing_is_waited_for_by_the_clock(path: Path) -> None:
    """`look_until` looks again until it is there: a slow machine takes longer, a quick one waits for nothing."""
    assert pauses(parsed(path)) == [], "use look_until() instead"


@pytest.mark.parametrize("pause", ["page.wait_for_timeout(1000)", "time.sleep(2)"])
def test_the_rule_sees_a_pause(pause: str) -> None:
    """The browser's and Python's."""
    assert pauses(ast.parse(pause)) == [1]
