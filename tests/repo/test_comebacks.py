"""What came back from a backup is not the present: repeats are told by bytes and ids, and a copy is checked first.

A number that the other side may lose (how many records an inbox has, how far a topic was read) says nothing about
whether a record was there before: every comparison of such numbers is in a table that says why nothing is dropped by
it. And each thing that a restore puts in the place of another has one module that does so, behind a check.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from support.tree import ROOT, functions, parsed, project_files, walked

SERVICES = project_files("services", suffix=".py")
COUNTERS = {"offset", "next_offset", "begin_offset", "sequence", "inbox_count", "seen_from"}
ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
COMPARED = {
    "refbus/bus/driver.py _read": "records of one batch that were handed on a moment ago",
    "refbus/node/counted_on.py has_other_record": "whether there is a record to compare by its bytes",
    "refbus/bus/memory.py reaches": "a bus for tests",
    "refbus/bus/memory_log.py shown": "a bus for tests",
    "refbus/bus/memory.py truncate": "a bus for tests",
    "refbus/node/store/commit.py": "failures at offsets that are decided, of the same topic id",
    "refbus/node/topic_reader.py _fill": "deleted records are LOG_TRUNCATED",
    "refbus/node/topic_reader.py _runs": "our own position in a topic of the same id; repeats go by their bytes",
    "refbus/node/topic_reader.py head_ms": "what is still to be read",
    "refbus/node/topic_reader.py look": "deleted records are LOG_TRUNCATED, a store that is behind reads again",
    "refbus/node/topic_reader.py take_run": "our own position, until it is behind the record",
    "refbus/node/watchdog.py read_until_ms": "what is still to be read",
    "refbus_auditor/entries.py _waiting": "a page of what waits; nothing is dropped",
    "refbus_gateway/inbox/notices.py _heartbeat": "a gap is an alarm",
    "refbus_gateway/sync/reader.py _reached": "how far there is to read",
    "refbus_gateway/sync/reader.py _take_inbox": "whether the record before the position is the same, by its bytes",
    "refbus_gateway/sync/reader.py _take_directory": "whether a failure is told again",
    "refbus_gateway/sync/reader.py failed": "whether a failure is told again",
    "refbus_gateway/sync/reader.py _take_one": "a lower number is a repeat only with the same bytes (`has_seen`)",
    "refbus_gateway/sync/reader.py place": "deleted records are LOG_TRUNCATED",
}
"""Where numbers of records are put in order, and why no record is dropped by it that was not here before."""
PLACES = {
    "refbus/database/putback.py _keep": "the log of the store before, to its second name",
    "refbus/database/putback.py put_back": "the store of a service",
    "refbus/files.py write_first": "one whole file",
    "refbus/files.py write_whole": "one whole file",
    "refbus/node/homebackup.py new_backup": "a backup, to a name that there is not",
    "refbus_gate/orders/backup.py backup": "audit keys of a backup, to a name that there is not",
    "refbus/node/homecopy.py bring_back": "a file of the home of a service that is missing there",
    "refbus_gateway/home/backups.py _back_up": "a backup, to a name that there is not",
    "refbus_gateway/home/founding.py found": "the draft of a first home, to the name of a whole one",
    "refbus_gateway/home/begun.py settle": "the parts of a first home, into a folder that has none",
    "refbus_gateway/home/keyfolder.py _rename": "the keys of an office, sealed anew",
    "refbus_gateway/home/restore.py _keep_store": "the home's own store, within the copy",
    "refbus_gateway/home/restore.py _rename": "the home of an office",
    "refbus_gateway/home/slots.py _renew": "calls `keyfolder.replace`",
}
"""What puts something in the place of a path, and what."""
CHECKED = {
    "refbus/database/putback.py _checked": ("_read_through(", "check(", "identity.follow(", "yield fresh"),
    "refbus/database/putback.py put_back": ("own(", "_checked(", "fresh.replace("),
    "refbus/database/putback.py put_back_on_server": ("_checked(", "make_anew(", ".fill_from("),
    "refbus/node/homecopy.py bring_back": ("_require_same(", "_check(", "_require_key(", "fresh.replace("),
    "refbus_gateway/home/restore.py _restore": (".alone(", "backups.take(", ".run("),
    "refbus_gateway/home/restore.py run": ("._require_same(", "._keep_store(", ".unlock(", ".load(", ".swap("),
}
"""The ways to come back: what each has called, in this order, before the last call puts the copy in place."""


def _compares(node: ast.AST) -> bool:
    """Whether a function puts a number of records in order."""
    for each in walked(node):
        if isinstance(each, ast.Compare) and any(isinstance(order, ORDERS) for order in each.ops):
            sides = [side for one in (each.left, *each.comparators) for side in walked(one)]
            if any(isinstance(side, ast.Attribute) and side.attr in COUNTERS for side in sides):
                return True
    return False


def _puts(node: ast.AST) -> Iterator[int]:
    """Yield the lines in which something takes the place of a path."""
    for each in walked(node):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute):
            called = ast.unparse(each.func)
            one = len(each.args) == 1 and not each.keywords and each.func.attr in {"rename", "replace"}
            if one or called in {"os.rename", "os.replace", "os.renames", "shutil.move"}:
                yield each.lineno


def _units(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Yield the functions of a module by name, and under the name of the module what is outside of them."""
    name = str(path.relative_to(ROOT / "services")) if path.is_relative_to(ROOT) else path.stem
    yield from ((f"{name} {node.name}", node) for node in functions(path))
    kinds = (ast.FunctionDef, ast.ClassDef)
    yield from ((name, node) for node in parsed(path).body if not isinstance(node, kinds))


def _where(holds: Callable[[ast.AST], object], paths: Iterable[Path]) -> set[str]:
    return {name for path in paths for name, node in _units(path) if holds(node)}


def test_no_repeat_is_told_by_a_counter() -> None:
    """Every comparison of such numbers is known, with what makes it harmless."""
    assert _where(_compares, SERVICES) == set(COMPARED)


def test_what_takes_the_place_of_something_is_known() -> None:
    """One module for each thing."""
    assert _where(lambda node: list(_puts(node)), SERVICES) == set(PLACES)


def test_a_copy_is_checked_before_it_takes_its_place() -> None:
    """Each way to come back looks at the copy first, and puts it in place last."""
    units = {name: node for path in SERVICES for name, node in _units(path) if name in CHECKED}
    for name, order in CHECKED.items():
        text = ast.unparse(units[name]).partition('"""')[2].partition('"""')[2]
        firsts = [text.find(each) for each in order]
        assert firsts == sorted(firsts), name
        assert min(firsts) >= 0, name


def test_the_rules_find_offenders(tmp_path: Path) -> None:
    """A record that is dropped by its number, and a home that is renamed elsewhere."""
    path = tmp_path / "offender.py"
    path.write_text(OFFENDERS, encoding="utf-8")
    assert _where(_compares, [path]) == {"offender drop", "offender"}
    assert _where(lambda node: list(_puts(node)), [path]) == {"offender bring", "offender move"}


OFFENDERS = """
def drop(parsed, position):
    return parsed.sequence <= position.sequence

def same(parsed, position):
    return parsed.sequence == position.sequence

OLD = delete(failure).where(failure.c.offset < bindparam("below"))

def bring(copy, home):
    copy.rename(home)

def move(copy, home):
    shutil.move(copy, home)

def words(text, record):
    return text.replace("a", "b"), replace(record, offset=1)
"""
