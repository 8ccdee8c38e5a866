"""The gateway runs on any computer: what only some systems have is behind `refbus.locks`, or asked for by name.

`make lint` judges the types of the gateway, and of all that it imports, as on Windows too: a call that is not there is
an error. Here is what types do not show.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.tree import ROOT, parsed, project_files, walked

SOME_SYSTEMS = {
    *("fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"),
    *("_winapi", "msvcrt", "nt", "winreg", "winsound"),
}
LOCKS = "services/refbus/locks.py"
MISSING_CALLS = ("O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC", "fchmod", "fork", "getuid", "geteuid", "pread")
"""Of `os`, on Windows."""
WITHOUT = f"""
import os, sys
from pathlib import Path
for name in {sorted(SOME_SYSTEMS - {"fcntl", "posix"})}:
    sys.modules[name] = None
for name in {MISSING_CALLS}:
    delattr(os, name)
"""
FILES = """
from refbus import files
place = Path(sys.argv[1])
files.write_whole(place / "a", b"whole")
assert files.write_first(place / "b", b"first")
files.append_lines(place / "b", b"second\\n")
assert (place / "a").read_bytes() + (place / "b").read_bytes() == b"wholefirst\\nsecond\\n"
"""


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the names of the packages that a module imports, also late."""
    for node in walked(tree):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def run(words: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a small program as on a computer that lacks what only some systems have."""
    program = [sys.executable, "-c", WITHOUT + words, *arguments]
    return subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)


def test_modules_of_some_systems_have_one_door() -> None:
    """Only `refbus.locks` imports a module that not every system has."""
    found = {
        str(path.relative_to(ROOT))
        for path in project_files("services/refbus", "services/refbus_gateway", suffix=".py")
        if SOME_SYSTEMS & set(imported(parsed(path)))
    }
    assert found == {LOCKS}


def test_a_late_import_is_found_too() -> None:
    """A function that imports such a module is no way around the rule."""
    assert set(imported(ast.parse("def f():\n    import fcntl, os.path\n    from pwd import getpwuid"))) == {
        *("fcntl", "os", "pwd"),
    }


@pytest.mark.parametrize("module", ["refbus_gateway.cli", "refbus_gateway.web.app"])
def test_the_gateway_starts_without_what_only_some_systems_have(module: str) -> None:
    """Commands and pages import where there is no `pwd`, `termios`, `O_NOFOLLOW` and so on.

    `fcntl` is blocked but for `refbus.locks`, which takes it where the system has it.
    """
    blocked = "from refbus import locks\nsys.modules['fcntl'] = None\n"
    result = run(f"{blocked}import {module}")
    assert result.returncode == 0, result.stderr


def test_files_are_written_without_what_only_some_systems_have(tmp_path: Path) -> None:
    """A flag that a system does not know is left out; what is written is the same."""
    result = run(FILES, tmp_path)
    assert result.returncode == 0, result.stderr
