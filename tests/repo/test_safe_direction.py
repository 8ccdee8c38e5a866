"""The safe direction never depends on what only the unsafe one needs: a no waits for no directory, line or clock.

From each action that says stop the calls are followed through our packages, as far as names tell. Wherever they get to
what asks for freshness (a directory in force, a line read up to now, a clock in doubt, the passphrase once more), the
table says why no no waits there. What comes in is tested for each kind of `STOPS`: `test_routing_waits.py` (gates),
`test_routing.py` (envelopes), `test_nos_at_the_desk.py` (offices).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support.tree import ROOT, parsed, project_files, walked

PACKAGES = ("services/refbus_gateway/", "services/refbus/core/", "services/refbus/envelope/")
CLASSES = {"gateway": "Gateway", "desk": "Desk", "history": "History", "clock": "Clock"}
"""What a parameter or field of this name is."""
FRESH = {"Gateway.directory", "Gateway.organisation", "Gateway.policy", "History.require_fresh"}
FRESH |= {"Desk.require_synchronised", "refbus_gateway.sync.synchroniser.require_synchronised"}
FRESH |= {"Clock.standing", "Clock.may_forget"}
AFTER = {"Desk.deliver": "what was said is in the store; a failing line is told, and tried again"}
SPARED = {
    "refbus_gateway.consent.versions.grant": "only what permits more than before; the no of a form was noted before",
    "refbus_gateway.outbox.envelopes._view": "not for what permits nothing",
    "refbus_gateway.rules.legality.require_basis": "not for control events",
    "refbus_gateway.actions.erasure.erase": "the passphrase: nothing brings a case back; a withdrawal asks nothing",
    "Desk._log": "only whether old lines of the log of the home go",
    "refbus_gateway.rules.legality._denials": "from require_basis alone",
}


@dataclass(slots=True)
class Calls:
    """What each function names of others, by "module.name" or "Class.name"; which ask again; which say stop."""

    of: dict[str, set[str]] = field(default_factory=dict)
    again: set[str] = field(default_factory=set)
    stops: list[str] = field(default_factory=list)


def _read(paths: Mapping[str, Path]) -> Calls:
    calls = Calls()
    for module, path in paths.items():
        tree = parsed(path)
        own = {node.name: f"{module}.{node.name}" for node in tree.body if isinstance(node, ast.FunctionDef)}
        names = _imported(tree) | own
        for owner, node in _functions(tree):
            name = f"{owner or module}.{node.name}"
            calls.of[name] = set(_named(node, owner, names))
            words = ast.unparse(node)
            if "actor.require(Permission.STOP" in words:
                calls.stops.append(name)
            if "actor.require(" in words and "again=True" in words:
                calls.again.add(name)
    return calls


def _imported(tree: ast.Module) -> dict[str, str]:
    found = [node for node in walked(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {each.asname or each.name: f"{node.module}.{each.name}" for node in found for each in node.names}


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield "", node
        elif isinstance(node, ast.ClassDef):
            yield from ((node.name, each) for each in node.body if isinstance(each, ast.FunctionDef))


def _named(node: ast.FunctionDef, owner: str, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the functions that one names: to call them, or to hand them on."""
    for each in walked(node):
        if isinstance(each, ast.Name) and each.id in names:
            yield names[each.id]
        elif isinstance(each, ast.Attribute):
            receiver = ast.unparse(each.value).rpartition(".")[2].lstrip("_")
            yield f"{owner if receiver == 'self' else CLASSES.get(receiver, names.get(receiver, ''))}.{each.attr}"


def _asking(calls: Calls, begin: str) -> set[str]:
    """Return the functions behind `begin` that ask for freshness."""
    seen, found, wait = set[str](), set[str](), [begin]
    while wait:
        name = wait.pop()
        if name in seen or name in AFTER:
            continue
        seen.add(name)
        here = calls.of.get(name, set())
        found |= {name} if here & FRESH or name in calls.again else set()
        wait += here - FRESH
    return found


def _ours() -> Calls:
    paths = [path for path in project_files("services", suffix=".py") if _name(path).startswith(PACKAGES)]
    return _read({_name(path).removeprefix("services/").removesuffix(".py").replace("/", "."): path for path in paths})


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_stop_waits_for_what_a_yes_needs() -> None:
    """Every place behind a stop that asks for freshness is in the table, with why no no waits there."""
    calls = _ours()
    assert len(calls.stops) >= 7
    assert {name for stop in calls.stops for name in _asking(calls, stop)} == set(SPARED)


def test_the_rule_finds_offenders(tmp_path: Path) -> None:
    """A stop that reads the line first, one two calls away, and one that asks for the passphrase again."""
    path = tmp_path / "offender.py"
    path.write_text(OFFENDERS, encoding="utf-8")
    calls = _read({"offender": path})
    assert {name: _asking(calls, name) for name in calls.stops} == {
        "offender.first": {"offender.first"},
        "offender.far": {"offender.near"},
        "offender.typed": {"offender.typed"},
        "offender.sound": set(),
    }


OFFENDERS = """
def first(desk, actor):
    actor.require(Permission.STOP)
    desk.require_synchronised()

def far(desk, actor):
    actor.require(Permission.STOP)
    between(desk)

def between(desk):
    each(desk.rows(), near, left_out)

def near(gateway):
    return gateway.directory()

def typed(desk, actor):
    actor.require(Permission.STOP, again=True)

def sound(desk, actor):
    actor.require(Permission.STOP)
    desk.gateway.view()
    desk.deliver()
"""
