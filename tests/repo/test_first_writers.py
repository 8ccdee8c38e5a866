"""What is made when it is not there is made once: two who look at the same time both see that it is not there.

A key or an edition that two processes each make for themselves is lost for one of them, with all that was sealed or
told under it. `files.write_first`, `keyfile.create` and `keyfile.found_or_made` look and write in one
step; what is read, changed and written again is held by a lock.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

from support.tree import ROOT, functions, project_files, walked

SERVICES = project_files("services", suffix=".py")
LOOKS = {"exists", "is_file"}
HOLDS = {"alone_in", "held", "one_at_a_time", "exclusive"}
KEY_FILES = {
    "refbus/trust/homes.py _save": "the name of the file is the id of the key in it",
    "refbus_gateway/home/slots.py change_passphrase": "the folder of keys is held alone",
    "refbus_gateway/home/slots.py _make": "the folder of keys is held alone",
    "refbus_gateway/home/slots.py reseal": "into a draft, or of a folder that is held alone",
    "refbus_gateway/people/officers.py add": "the name of the file is the id of the key in it",
}
OTHERS = {
    "refbus/trust/publisher/ceremony.py create_development_federation": "development",
    "refbus/trust/publisher/recovery.py restore": "verified bytes of one name; the repository has one publisher",
    "refbus/trust/reader/loader.py add_file": "verified bytes of one name",
    "refbus/trust/reader/loader.py create": "bytes that were given",
    "refbus_auditor/repair.py _mend": "bytes that follow from the log",
    "refbus_auditor/witness.py _keep_evidence": "an auditor's store has one owner",
    "refbus_gateway/home/backups.py _copy_head": "the target is a draft",
    "refbus_gateway/home/restore.py swap": "the home is held alone",
}
"""Functions that look and write, and what makes that safe."""


def _calls(node: ast.AST) -> set[str]:
    return {ast.unparse(each.func) for each in walked(node) if isinstance(each, ast.Call)}


def _lookers(path: Path) -> set[str]:
    """Return the functions that look whether a file is there and write one, and hold nothing meanwhile."""
    found = set()
    for node in functions(path):
        calls = _calls(node)
        last = {each.rpartition(".")[2] for each in calls}
        if last & LOOKS and last & {"write_whole"} and not last & HOLDS:
            found.add(node.name)
    return found


def _savers(path: Path) -> set[str]:
    """Return the functions that write a key file whether or not there is one."""
    return {node.name for node in functions(path) if "keyfile.save" in _calls(node)}


def _named(find: Callable[[Path], set[str]]) -> set[str]:
    return {f"{path.relative_to(ROOT / 'services')} {name}" for path in SERVICES for name in find(path)}


def test_nobody_looks_and_then_writes() -> None:
    """A file that is made when it is not there is made by `write_first`, or somebody says what else makes it safe."""
    assert _named(_lookers) == set(OTHERS)


def test_a_key_file_is_made_once() -> None:
    """A key under a fixed name is made by `create` or `found_or_made`."""
    assert _named(_savers) == set(KEY_FILES)


def test_the_rule_finds_offenders(tmp_path: Path) -> None:
    """A key that is made after a look is found, and an edition too; what looks under a lock is not."""
    path = tmp_path / "offender.py"
    path.write_text(OFFENDERS, encoding="utf-8")
    assert (_lookers(path), _savers(path)) == ({"edition"}, {"key"})


OFFENDERS = """
def key(path):
    if not path.is_file():
        keyfile.save(path, words, label, fresh)

def edition(path):
    if not path.exists():
        write_whole(path, make())

def held(folder):
    with alone_in(folder):
        if not (folder / "a").exists():
            write_whole(folder / "a", make())
"""
