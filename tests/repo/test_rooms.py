"""What grows by what comes from outside has a declared bound: each table of a node, and what it keeps in memory."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

import pytest

from refbus.explain.rooms import AUDITOR_TABLES, KEY_TABLES, MEMORY, NODE_TABLES, Room
from support.tree import ROOT, parsed, walked

SERVICES = ROOT / "services"
STORES = {
    "refbus/node/store/migrations": NODE_TABLES,
    "refbus/node/store/audit_key_migrations": KEY_TABLES,
    "refbus_auditor/store/migrations": AUDITOR_TABLES,
}
PLACES = ("refbus_gate", "refbus_auditor", "refbus/node", "refbus/store")
CONTAINERS = {"dict", "list", "set", "deque", "Counter", "defaultdict", "OrderedDict"}
_DROPPED = re.compile(r"^def upgrade.*?^def downgrade", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("folder", STORES)
def test_every_table_of_a_node_has_a_bound(folder: str) -> None:
    """Who may make it grow, how far, and what ends it; and no row is about a table that is gone."""
    made: set[str] = set()
    for path in sorted((SERVICES / folder / "versions").glob("v*.py")):
        (upgrade,) = _DROPPED.findall(path.read_text(encoding="utf-8"))
        made |= set(re.findall(r'create_table\(\s*"(\w+)"', upgrade))
        made -= set(re.findall(r'drop_table\(\s*"(\w+)"', upgrade))
    assert made == set(STORES[folder])


def test_every_container_in_memory_has_a_bound() -> None:
    """A class of a node that keeps a container for longer than a call is in the table; no row is about another."""
    assert set(keepers()) == set(MEMORY)


@pytest.mark.parametrize("rooms", [*STORES.values(), MEMORY])
def test_names_in_a_bound_are_names_in_the_code(rooms: Mapping[str, Room]) -> None:
    """What a row refers to exists: `quotas.HELD`, `MOST_KNOWN`."""
    code = "\n".join(path.read_text(encoding="utf-8") for place in PLACES for path in (SERVICES / place).rglob("*.py"))
    for name, room in rooms.items():
        for quoted in re.findall(r"`([^`]+)`", room.bound + room.ends):
            constant = re.search(r"[A-Z][A-Z_]+$", quoted.removesuffix(".names"))
            assert constant is None or re.search(rf"^\s*{constant[0]}\b.* = ", code, re.MULTILINE), (name, quoted)


def test_a_new_container_is_found() -> None:
    """In `__init__`, and as a field of a data class."""
    first = "class A:\n def __init__(self):\n  self._x: dict[str, int] = {}\n"
    source = first + "class B:\n y: list[int] = field(default_factory=list)\n"
    assert list(_keepers(ast.parse(source))) == ["A", "B"]


def keepers() -> Iterator[str]:
    """Yield the classes of the nodes that keep a container, as "module:class"."""
    for place in PLACES:
        for path in sorted((SERVICES / place).rglob("*.py")):
            name = path.relative_to(SERVICES).as_posix()
            for found in _keepers(parsed(path)):
                yield f"{name}:{found}"


def _keepers(tree: ast.Module) -> Iterator[str]:
    for each in walked(tree):
        if isinstance(each, ast.ClassDef) and any(_keeps(node) for node in walked(each)):
            yield each.name


def _keeps(node: ast.AST) -> bool:
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
        return False
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return _is_empty(node.value) if isinstance(target, ast.Attribute) else _is_factory(node.value)


def _is_empty(value: ast.expr) -> bool:
    if isinstance(value, (ast.Dict, ast.List, ast.Set)):
        return True
    called = value.func if isinstance(value, ast.Call) else None
    called = called.value if isinstance(called, ast.Subscript) else called
    return isinstance(called, ast.Name) and called.id in CONTAINERS


def _is_factory(value: ast.expr) -> bool:
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "field"):
        return False
    made = {each.arg: each.value for each in value.keywords}.get("default_factory")
    return isinstance(made, ast.Name) and made.id in CONTAINERS
