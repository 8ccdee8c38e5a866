"""Logs of a country's node name no organisation: who may read them need not know who sends about whom."""

from __future__ import annotations

import ast
from pathlib import Path

from support.tree import every, parsed, project_files, walked

SERVICES = [
    *project_files("services/refbus_gate", suffix=".py"),
    *project_files("services/refbus_auditor", suffix=".py"),
]
SERVICES += project_files("services/refbus/node", suffix=".py")
LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})
NAMES = frozenset({"sender", "recipient", "org", "org_id", "organisation", "signer", "writer", "notify", "owner"})
"""What holds the name of an organisation, as a variable or as a field of a value."""


def is_named(call: ast.Call) -> bool:
    """Return whether a call writes a log line with a value that names an organisation."""
    function = call.func
    if not (isinstance(function, ast.Attribute) and function.attr in LEVELS and isinstance(function.value, ast.Name)):
        return False
    inner = [node for argument in call.args for node in walked(argument)]
    said = {node.attr for node in inner if isinstance(node, ast.Attribute)}
    said |= {node.id for node in inner if isinstance(node, ast.Name)}
    return bool(said & NAMES)


@every(SERVICES)
def test_no_log_line_names_an_organisation(path: Path) -> None:
    """The operator asks the store, with the passphrase of its home."""
    calls = [node for node in walked(parsed(path)) if isinstance(node, ast.Call)]
    assert [node.lineno for node in calls if is_named(node)] == []
