"""The files of the project, for tests about the project itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_NOT_OURS = {".git", ".venv", "var", "dist", "build"}


def project_files(*folders: str, suffix: str = "") -> list[Path]:
    """Return the files under the given folders of the checkout, without what runs leave behind; no folder means all."""
    roots = [ROOT / folder for folder in folders] if folders else [ROOT]
    found = (path for root in roots for path in root.rglob(f"*{suffix}") if path.is_file())
    return sorted(path for path in found if not _is_leftover(path.relative_to(ROOT)))


def texts(*folders: str, suffix: str = "") -> Iterator[tuple[str, str]]:
    """Yield name and text of the project's text files."""
    for path in project_files(*folders, suffix=suffix):
        try:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function in a module, inner ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _is_leftover(path: Path) -> bool:
    return any(
        part in _NOT_OURS or part == "__pycache__" or part.endswith((".egg-info", "_cache")) or part == ".hypothesis"
        for part in path.parts
    )
