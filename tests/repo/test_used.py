"""A setting, metric or code that nothing reads, sets or raises is a promise that nobody keeps."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from refbus.errors import Code
from refbus.settings import ALL_SETTINGS
from refbus.settings.fields import declared_settings
from refbus.telemetry import catalogue
from refbus.telemetry.metric import Metric
from support.tree import ROOT, parsed, project_files, walked

DECLARED = ("services/refbus/settings/", "services/refbus/explain/", "services/refbus/errors.py")
METRICS = ("services/refbus/telemetry/catalogue.py", "services/refbus/telemetry/alerts.py")


@cache
def words() -> frozenset[str]:
    """Return all names and attributes in the code, and the codes in its texts, without the declarations themselves."""
    found: set[str] = set()
    for path in project_files("services", "infra", suffix=".py"):
        if str(path.relative_to(ROOT)).startswith((*DECLARED, *METRICS)):
            continue
        for node in walked(parsed(path)):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(code for code in Code if code in node.value)
    return frozenset(found)


def test_every_setting_is_read() -> None:
    """Each field of a settings class is read by some service."""
    assert {name for cls in ALL_SETTINGS for name in declared_settings(cls)} - words() == set()


def test_every_metric_is_set() -> None:
    """Each metric of the catalogue is counted, put or observed by some service."""
    assert {name for name, value in vars(catalogue).items() if isinstance(value, Metric)} - words() == set()


def test_every_code_is_raised() -> None:
    """Each code of the catalogue is raised, stored or told somewhere."""
    assert set(Code) - words() == set()


TESTS_ALONE = {
    "statements.py FACTS": "the messages of a table that is written elsewhere",
    "rawbatches.py damage": "a fault for tests with a broker",
    "citations.py cited": "asked by tests of the pages",
}
"""Names that only tests use, and why they stand in the services or in `infra`."""


def definitions(tree: ast.Module) -> Iterator[str]:
    """Yield the names of a module that nothing decorates: functions, classes, constants."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.decorator_list:
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def test_every_name_is_used() -> None:
    """What only tests call is not a part of the product: it goes, or moves to the tests."""
    paths = [path for path in project_files("services", "infra", suffix=".py") if "versions" not in path.parts]
    uses = {name for path in paths for node in walked(parsed(path)) for name in _named(node)}
    templates = "\n".join(path.read_text(encoding="utf-8") for path in project_files("services", suffix=".html"))
    unused = {
        f"{path.name} {name}"
        for path in paths
        for name in definitions(parsed(path))
        if name not in uses and name not in templates
    }
    assert unused == set(TESTS_ALONE)


def _named(node: ast.AST) -> tuple[str, ...]:
    """Return which names a node uses; what an `__all__` or another text names is used too."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        return (node.attr,)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
        return (node.value,)
    return ()
