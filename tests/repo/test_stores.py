"""A service opens a database only with the mark of its home, so that an emptied one is never begun anew."""

from __future__ import annotations

import ast
from pathlib import Path

from support.tree import ROOT, every, parsed, project_files, walked

SERVICES = project_files("services", suffix=".py")
OPENERS = {"FileDatabase", "ServerDatabase", "open_database", "NodeStore.open", "AuditKeys", "Store"}
CHECKED = {
    "refbus_auditor/putback.py": "opens a checked draft beside the store; `put_back` gives it the number of the mark",
    "refbus_auditor/rebuild.py": "makes a draft beside the store; `put_back` gives it the number of the mark",
    "refbus/database/putback.py": "opens the schema that gets the rows of a checked draft, and the number of that",
    "refbus_gate/orders/putback.py": "opens a checked draft beside the store; it is given the number of the mark",
    "refbus_gateway/home/restore.py": "opens copies beside the home; `identity.follow` gives the chosen one the number",
}


def _without_mark(path: Path) -> list[str]:
    """Return the calls of a module that open a database and name no mark."""
    found = []
    for node in walked(parsed(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in OPENERS:
            given = len(node.args) > 2 or any(word.arg == "mark" for word in node.keywords)
            passed_on = any(isinstance(each, ast.Name) and each.id == "mark" for each in node.args)
            found += [] if given or passed_on else [f"{node.lineno}: {ast.unparse(node.func)}"]
    return found


@every(SERVICES)
def test_a_database_is_opened_with_its_mark(path: Path) -> None:
    """Or the module is one that checks copies, with its reason."""
    name = str(path.relative_to(ROOT / "services"))
    assert bool(_without_mark(path)) == (name in CHECKED)


def test_savepoints_are_those_of_the_store() -> None:
    """`Savepoint` of `refbus.database`, and of a transaction of an office, which forgets what was read inside."""
    found = [str(path.relative_to(ROOT)) for path in SERVICES if "begin_nested" in path.read_text(encoding="utf-8")]
    assert found == ["services/refbus/database/transactions.py"]
    inside = [
        str(path.relative_to(ROOT / "services/refbus_gateway"))
        for path in project_files("services/refbus_gateway", suffix=".py")
        if "database.transactions" in path.read_text(encoding="utf-8")
    ]
    assert inside == ["store/session.py"]


def test_the_rule_finds_an_offender(tmp_path: Path) -> None:
    """A database that is opened by its path alone is found, and one with a mark is not."""
    offender = tmp_path / "offender.py"
    words = "a = NodeStore.open(path, key)\nb = FileDatabase(path, MIGRATIONS, mark=mark)\n"
    offender.write_text(words, encoding="utf-8")
    assert _without_mark(offender) == ["1: NodeStore.open"]
