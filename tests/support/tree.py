"""The files of the project, for tests about the project itself."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_NOT_OURS = {".git", ".venv", "var", "dist", "__pycache__", ".hypothesis", ".coverage"}


def project_files(*folders: str, suffix: str = "") -> list[Path]:
    """Return the files under the given folders of the checkout, without what runs leave behind; no folder means all."""
    roots = [ROOT / folder for folder in folders] if folders else [ROOT]
    return sorted(path for root in roots for path in _walk(root) if path.name.endswith(suffix))


def texts(*folders: str, suffix: str = "") -> Iterator[tuple[str, str]]:
    """Yield name and text of the project's text files."""
    for path in project_files(*folders, suffix=suffix):
        try:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


@cache
def parsed(path: Path) -> ast.Module:
    """Return the module in a file, parsed once in a process: many rules look at the same files, and change nothing."""
    return ast.parse(path.read_text(encoding="utf-8"))


def walked(node: ast.AST) -> Iterable[ast.AST]:
    """Return a node with all below it, as `ast.walk` does; those of a whole module are found once in a process."""
    return _all_of(node) if isinstance(node, ast.Module) else ast.walk(node)


@cache
def _all_of(module: ast.Module) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(module))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function in a module, inner ones too."""
    for node in walked(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def every(paths: Sequence[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """Make one test of a rule about files. It looks at all of them, and its failure names each that breaks the rule.

    A test for each of hundreds of files takes longer than the look.
    """
    if not paths:
        raise ValueError("a rule about no file shows nothing")

    def test_of(rule: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            broken = []
            for path in paths:
                try:
                    rule(path)
                except AssertionError as failure:
                    broken.append(f"{path.relative_to(ROOT)}: {failure}")
            if broken:
                pytest.fail("\n".join(broken), pytrace=False)

        test.__name__, test.__qualname__, test.__doc__ = rule.__name__, rule.__qualname__, rule.__doc__
        test.__module__ = rule.__module__
        return test

    return test_of


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _NOT_OURS or path.name.endswith(("_cache", ".egg-info")):
            continue
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path
