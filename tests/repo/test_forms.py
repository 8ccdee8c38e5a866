"""What people write is read in a few places, and each of them asks what all must ask."""

from __future__ import annotations

import ast

from support.tree import ROOT, parsed, project_files, walked


def test_every_reader_of_a_form_refuses_placeholders() -> None:
    """A new module that reads what people wrote has to ask too."""
    reads = {"refbus_gateway.forms.values.read_record", "refbus_gateway.forms.text.read_json"}
    passes_on = {
        "forms/values.py",
        "forms/text.py",
        "cli/content.py",
        "cases/casework.py",
        "cases/case_text.py",
    }  # to readers that ask
    for path in project_files("services/refbus_gateway", suffix=".py"):
        name = str(path).split("refbus_gateway/")[-1]
        tree = parsed(path)
        calls = {ast.unparse(node.func).split(".")[-1] for node in walked(tree) if isinstance(node, ast.Call)}
        froms = [node for node in walked(tree) if isinstance(node, ast.ImportFrom)]
        if {f"{node.module}.{each.name}" for node in froms for each in node.names} & reads and name not in passes_on:
            assert "refuse_placeholders" in calls, name


def test_days_and_times_are_read_in_one_place() -> None:
    """No other code reads ISO 8601, which has more forms than people write; the schemas' forms are checked before."""
    readers = {"services/refbus/core/times.py", "services/refbus/wire/forms.py"}
    for path in project_files("services", suffix=".py"):
        tree = parsed(path)
        called = {node.attr for node in walked(tree) if isinstance(node, ast.Attribute)}
        assert str(path.relative_to(ROOT)) in readers or not called & {"fromisoformat", "strptime"}, path
