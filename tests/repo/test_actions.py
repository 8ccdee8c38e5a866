"""What a person or a system may ask for is one function in `actions`, and nothing else opens transactions for them."""

from __future__ import annotations

import ast
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

import pytest

from refbus_gateway.actions.actor import ALLOWED, Permission
from refbus_gateway.actions.desk import Desk
from support.tree import ROOT, parsed, project_files

FRAME = {"__init__", "actor", "desk", "shape"}
NOBODY_ASKS = {"audit.check_proof", "audit.check_log", "cases.named", "consent.beside_value", "disclosures.values"}
NOBODY_ASKS |= {"referrals.listed_value", "referrals.opened_value", "status.standing_of_home"}
NOBODY_ASKS |= {"people.admit", "people.sign_in", "people.new_person", "people.require_second", "people.resume"}
NOBODY_ASKS |= {"unlocking.held", "unlocking.lock"}
NOBODY_ASKS |= {"home.restored_as", "recovery.more_needed", "recovery.open_by_sheets"}
"""What says who asks, needs public data alone, or a value that was asked for, and what other actions show with."""
MODULES = [path for path in project_files("services/refbus_gateway/actions", suffix=".py") if path.stem not in FRAME]
COMMANDS = project_files("services/refbus_gateway/cli", suffix=".py")


def actions_of(path: Path) -> list[ast.FunctionDef]:
    """Return the functions of a module that take who asks."""
    tree = parsed(path)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    return [node for node in functions if f"{path.stem}.{node.name}" not in NOBODY_ASKS]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_action_asks_for_a_permission_first(path: Path) -> None:
    """The first thing that an action does is to ask whether the actor may."""
    assert actions_of(path)
    for node in actions_of(path):
        where, who = (arg.arg for arg in node.args.args[:2])
        assert who == "actor", f"{path.stem}.{node.name}"
        assert where in {"desk", "folder"}, f"{path.stem}.{node.name}: a folder where no home is open yet"
        body = node.body[1:]  # behind the docstring
        assert ast.unparse(body[0]).startswith("actor.require(Permission."), f"{path.stem}.{node.name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_action_returns_a_frozen_value(path: Path) -> None:
    """What an action returns cannot be changed by whoever shows it."""
    module = import_module(f"refbus_gateway.actions.{path.stem}")
    values = [item for item in vars(module).values() if isinstance(item, type) and item.__module__ == module.__name__]
    assert all(vars(item)["__dataclass_params__"].frozen for item in values if is_dataclass(item))
    for node in actions_of(path):
        assert "return" in get_type_hints(getattr(module, node.name)), node.name


def test_every_role_may_stop() -> None:
    """The safe direction is open to every role, and the table knows each permission."""
    assert all(Permission.STOP in permissions for permissions in ALLOWED.values())
    assert frozenset().union(*ALLOWED.values()) == frozenset(Permission)


def test_the_desk_is_the_way_to_the_store() -> None:
    """Transactions of requests come from the desk."""
    assert {"read", "write", "deliver"} <= set(vars(Desk))
    assert ROOT.joinpath("services/refbus_gateway/actions").is_dir()
