"""Nothing irreversible by an unchecked clock: what deletes by age stands in one place, and asks the judge of time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.tree import ROOT, every, project_files, walked

SERVICES = project_files("services", suffix=".py")
BY_AGE = {"refbus/node/store/purge.py", "refbus_gateway/store/doings.py"}
"""Modules that delete rows by their age; those in `ASKING` call them, and of an office its desk (`may_forget`)."""
ASKING = frozenset({"services/refbus_gate/clock/upkeep.py", "services/refbus_auditor/entries.py"})
"""Modules that delete what time has ended."""
TIMES = ("_ms", "hour", "day")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    """Yield every function of a module."""
    yield from (node for node in walked(tree) if isinstance(node, Function))


def deletes_by_age(function: Function) -> bool:
    """Whether a function makes a DELETE and compares times."""
    nodes = list(walked(function))
    deletes = any(isinstance(each, ast.Call) and ast.unparse(each.func) == "delete" for each in nodes)
    compared = [
        each for each in nodes if isinstance(each, ast.Compare) and not isinstance(each.ops[0], ast.Eq | ast.Is)
    ]
    return deletes and any(word in ast.unparse(each) for each in compared for word in TIMES)


@every(SERVICES)
def test_rows_are_deleted_by_age_in_one_place(path: Path) -> None:
    """A new function that deletes what is older than something is found; its caller must ask the judge of time."""
    name = str(path.relative_to(ROOT / "services"))
    found = [each.name for each in functions(ast.parse(path.read_text(encoding="utf-8"))) if deletes_by_age(each)]
    assert not found or name in BY_AGE


@pytest.mark.parametrize("name", sorted(ASKING))
def test_whoever_forgets_asks_the_judge_first(name: str) -> None:
    """Each function that ends something for good by its age calls `may_forget`, or is called by one that does."""
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    forgetting = [each for each in functions(tree) if each.name in {"forget", "forget_cases", "_given_up"}]
    assert forgetting
    assert all("may_forget" in ast.unparse(each) for each in forgetting)


def test_a_new_place_that_deletes_by_age_is_found() -> None:
    """The check itself: a DELETE beside a comparison of times."""
    code = "def drop(c, now_ms):\n    c.execute(delete(rows).where(rows.c.at_ms < now_ms))\n"
    (function,) = functions(ast.parse(code))
    assert deletes_by_age(function)
