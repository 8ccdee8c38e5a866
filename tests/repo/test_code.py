from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

from support.tree import ROOT, every, functions, parsed, project_files, walked

MODULES = project_files("services", "infra", suffix=".py")
TESTS = [path for path in project_files("tests", suffix=".py") if path.name.startswith("test_")]
_MODULE_LINES = 400
_LIST_LINES = 600
_LISTS = {"catalogue.py", "alerts.py", "runbook.py"}
"""Modules that are one list of declared things."""
_TOGETHER = {
    "tests/story/test_shapes.py": "every shape of `--json` in one story of one office",
    "tests/unit/gateway/actions/test_people.py": "who may enter and do what, at one desk",
    "tests/unit/gateway/home/test_restored.py": "one office that came back from a backup, and all that it must not do",
}
"""Files of tests that are longer, up to 600 lines, because they belong together."""
_FUNCTION_LINES = 60


def name_of(path: Path) -> str:
    """Return the path inside the project."""
    return str(path.relative_to(ROOT))


@every(MODULES)
def test_module_is_small(path: Path) -> None:
    """A module has at most 400 lines (600 if it is one list), a function at most 60."""
    most = _LIST_LINES if path.name in _LISTS else _MODULE_LINES
    assert len(path.read_text(encoding="utf-8").splitlines()) <= most
    if "versions" in path.parts:
        return  # a migration is one long list of tables, written once
    long = [node.name for node in functions(path) if (node.end_lineno or 0) - node.lineno + 1 > _FUNCTION_LINES]
    assert long == []


def test_a_file_of_tests_is_small() -> None:
    """It has at most 400 lines (600 with a reason), and a reason is needed where it stands."""
    lines = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in TESTS}
    assert {name for name, count in lines.items() if count > _MODULE_LINES} == set(_TOGETHER)
    assert max(lines[name] for name in _TOGETHER) <= _LIST_LINES


@every([path for path in MODULES if path.is_relative_to(ROOT / "services")])
def test_library_asserts_nothing(path: Path) -> None:
    """No check is an assert statement, which disappears under -O, and nothing is unpickled or evaluated."""
    tree = parsed(path)
    asserts = [node.lineno for node in walked(tree) if isinstance(node, ast.Assert)]
    names = {node.id for node in walked(tree) if isinstance(node, ast.Name)}
    assert asserts == []
    assert not names & {"eval", "exec", "pickle"}


@every(MODULES)
def test_nothing_is_left_to_do(path: Path) -> None:
    """No note of unfinished work is in the code."""
    text = path.read_text(encoding="utf-8")
    assert not any(word in text for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X"))


def test_exported_names_exist() -> None:
    """Each name that a package exports is there, in order and once."""
    for path in project_files("services", suffix="__init__.py"):
        package = ".".join(path.parent.relative_to(ROOT / "services").parts)
        if "migrations" in package:
            continue
        module = import_module(package)
        exported = getattr(module, "__all__", [])
        assert list(exported) == sorted(set(exported)), package
        assert all(hasattr(module, name) for name in exported), package


@every(TESTS)
def test_every_test_says_what_it_shows(path: Path) -> None:
    """Each test has a docstring that begins with one sentence on one line: the tests read as a specification."""
    tests = [node for node in functions(path) if node.name.startswith("test_")]
    without = [node.name for node in tests if not (ast.get_docstring(node) or "").split("\n", 1)[0].endswith(".")]
    assert without == []


@every(TESTS)
def test_no_test_waits_or_measures_time(path: Path) -> None:
    """No test sleeps, and none asserts how long something took: both fail on a busy machine."""
    tree = parsed(path)
    calls = [node for node in walked(tree) if isinstance(node, ast.Call)]
    assert [node.lineno for node in calls if ast.unparse(node.func) in {"time.sleep", "asyncio.sleep", "sleep"}] == []
    assert [node.lineno for node in walked(tree) if isinstance(node, ast.Assert) and _measures_time(node)] == []


def _measures_time(statement: ast.Assert) -> bool:
    """Whether an assertion compares a difference of two readings of a clock. A deadline that ends a loop is none."""
    differences = [node for node in walked(statement) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)]
    clocks = ("monotonic(", "perf_counter(", "time.time(")
    return any(clock in ast.unparse(node) for node in differences for clock in clocks)


_MAKES_FILES = {"write_text", "write_bytes", "mkdir", "makedirs", "touch", "chmod", "copyfile", "copytree", "copy2"}


@every([path for path in MODULES if path.is_relative_to(ROOT / "services")])
def test_one_module_makes_files(path: Path) -> None:
    """Files and folders are made in refbus/files.py alone: private whatever the umask, whole, and flushed."""
    if path == ROOT / "services/refbus/files.py":
        return
    calls = [node for node in walked(parsed(path)) if isinstance(node, ast.Call)]
    assert [f"{node.lineno}: {ast.unparse(node.func)}" for node in calls if _makes_a_file(node)] == []


@pytest.mark.parametrize(
    "line",
    ["open(p, 'w')", "p.open('xb')", "p.open(mode='a')", "os.open(p, os.O_CREAT)", "p.write_text('')", "p.mkdir()"],
)
def test_a_file_that_is_made_elsewhere_is_found(line: str) -> None:
    """The rule of the one module sees each way of making a file."""
    (call,) = [node for node in walked(ast.parse(line)) if isinstance(node, ast.Call)]
    assert _makes_a_file(call)


def _makes_a_file(call: ast.Call) -> bool:
    name = ast.unparse(call.func).rpartition(".")[2]
    if any(word.arg == "fileobj" for word in call.keywords):  # an archive in memory
        return False
    texts = [ast.unparse(each) for each in (*call.args, *(word.value for word in call.keywords))]
    modes = {each.strip("'") for each in texts if each.startswith("'")}
    opens = name == "open" and any(set(mode) <= set("rwaxbt+") and set(mode) & set("wax+") for mode in modes)
    return name in _MAKES_FILES or opens or any("O_CREAT" in each for each in texts)


def test_an_office_weighs_kept_records_in_one_place() -> None:
    """Only what has just arrived is judged by the keys of today; what is kept goes through permission.weighed."""
    places = {
        path.name
        for path in MODULES
        if path.is_relative_to(ROOT / "services/refbus_gateway") and "evidence_of(" in path.read_text(encoding="utf-8")
    }
    assert places == {"permission.py", "effects.py", "consent_effects.py", "arrivals.py"}
