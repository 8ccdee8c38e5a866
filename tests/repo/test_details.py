"""What an error adds to its code, and what an alarm tells, is a message with named values: said in any language."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.tree import ROOT, every, parsed, project_files, walked

COVERED = (
    "services/refbus_gateway",
    *(f"services/refbus/{name}" for name in ("clock", "core", "database", "explain", "settings", "trust/reader")),
    *(f"services/refbus/bus/{name}.py" for name in ("address", "bundle", "certificates", "confluent", "kafka_errors")),
    *(f"services/refbus/trust/{name}.py" for name in ("canonical", "homes", "layout")),
    *(f"services/refbus/trust/member/{name}.py" for name in ("endorsement", "enrolment", "loss", "profile")),
    *(f"services/refbus/audit/{name}.py" for name in ("directorylog", "lookup", "proven", "published_log", "sources")),
    *(f"services/refbus/{name}.py" for name in ("crypto/keyfile", "command", "each", "errors", "files", "usage")),
)
"""Where errors begin that a person of an organisation meets.

Elsewhere a detail is for operators, whose tools are English, or names a part of a format as the specification does
(`wire`, `envelope`, `tlog`): that stays as it is in every language, as a code does.
"""
PATHS = [
    path for name in COVERED for path in ([ROOT / name] if name.endswith(".py") else project_files(name, suffix=".py"))
]
_OF_TUF = frozenset({"DownloadHTTPError"})
_WORDS = re.compile(r"[a-z]+|.*[a-z].* .*|.* .*[a-z].*", re.DOTALL)
"""One word in small letters, or several: no name of a file, field or setting, no code."""


def bare(tree: ast.AST) -> list[str]:
    """Return the English texts that are given to an error, or as an advice, without `said`."""
    return [text for node in walked(tree) if isinstance(node, ast.Call) for text in _texts(node)]


def _texts(call: ast.Call) -> Iterator[str]:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    own = name == "Problem" or (name.endswith("Error") and name not in _OF_TUF and not hasattr(builtins, name))
    if not own and name != "named" and ast.unparse(call.func) != "super().__init__":
        return
    given = [*call.args, *(each.value for each in call.keywords)]
    for each in given[2:] if name == "Problem" else given:
        for part in (each.body, each.orelse) if isinstance(each, ast.IfExp) else (each,):
            text = _text(part)
            if _WORDS.fullmatch(text):
                yield text


def _text(node: ast.expr) -> str:
    """Return a text as it stands in the code, its values as 0; empty for what is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return ""
    parts = [str(each.value) if isinstance(each, ast.Constant) else "0" for each in node.values]
    values = " ".join(ast.unparse(each) for each in node.values)
    return f"lost {values}" if ".detail" in values or ".strerror" in values else "".join(parts)


@every(PATHS)
def test_the_detail_of_an_error_can_be_said_in_any_language(path: Path) -> None:
    """A new raise has `said("... %(name)s ...", name=name)` where it would have a text of its own."""
    assert bare(parsed(path)) == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('raise SetupError(Code.USAGE, f"no key {name}")', ["no key 0"]),
        ('raise RuleError(Code.USAGE, "locked")', ["locked"]),
        ('Problem("person", Code.USAGE, "this is wrong")', ["this is wrong"]),
        ('Problem("person", Code.USAGE, said("this is wrong"))', []),
        ('SetupError(Code.USAGE, said("no key %(name)s", name=name))', []),
        ('SetupError(Code.USAGE, f"org.json: {error.detail}")', ["lost org.json:  {error.detail}"]),
        ('SetupError(Code.USAGE, "a b" if x else str(y))', ["a b"]),
        ('SetupError(Code.USAGE, "org.json")', []),
        ('SetupError(Code.USAGE, f"people/{name}")', []),
        ('ValueError("no number")', []),
        ('named("a file of the directory")', ["a file of the directory"]),
        ('named(f"case {number}")', ["case 0"]),
        ("named(org)", []),
    ],
)
def test_a_bare_text_is_found(code: str, found: list[str]) -> None:
    """As a constant, with values, in a choice, where the words of another error would be lost, and as what has none.

    What is given to an alarm is a `Said` by its type; `named` is the one way to make one of what is no message.
    """
    assert [re.sub(r"'", "", each) for each in bare(ast.parse(code))] == found
