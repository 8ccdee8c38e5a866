"""A setting, metric or code that nothing reads, sets or raises is a promise that nobody keeps."""

from __future__ import annotations

import ast
from functools import cache

from refbus.errors import Code
from refbus.settings import ALL_SETTINGS
from refbus.settings.fields import declared_settings
from refbus.telemetry import catalogue
from refbus.telemetry.metric import Metric
from support.tree import ROOT, parsed, project_files

DECLARED = ("services/refbus/settings/", "services/refbus/explain/", "services/refbus/errors.py")
METRICS = ("services/refbus/telemetry/catalogue.py", "services/refbus/telemetry/alerts.py")


@cache
def words() -> frozenset[str]:
    """Return all names and attributes in the code, and the codes in its texts, without the declarations themselves."""
    found: set[str] = set()
    for path in project_files("services", "infra", suffix=".py"):
        if str(path.relative_to(ROOT)).startswith((*DECLARED, *METRICS)):
            continue
        for node in ast.walk(parsed(path)):
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
