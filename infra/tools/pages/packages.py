"""docs/reference/packages.md: where things are in the code, from the first sentences of packages and modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import refbus
from tools.pages.markdown import code, document, table

SERVICES = Path(refbus.__file__).resolve().parents[1]
_INTRO = """\
Each package says in one sentence what may be in it; a new line goes where that sentence allows it. The order of the
layers is in `pyproject.toml`: a module that stands in none, or an import that runs back up, fails `make check`.
Words with one meaning: [glossary](../design/glossary.md). Rules: [contributing](../../CONTRIBUTING.md)."""
_TOP = (
    ("refbus_gateway", "The gateway of an organisation"),
    ("refbus_gate", "The gate of a country"),
    ("refbus_auditor", "The auditor of a country"),
    ("refbus_ops", "The node operator's command"),
    ("refbus", "The library"),
)


def page() -> str:
    """Return the page."""
    parts = [part for name, title in _TOP for part in (f"## {title}: `{name}`", _packages(name))]
    return document("Where things are", _INTRO, *parts)


def _packages(top: str) -> str:
    rows = [
        (_name(folder), _first(folder / "__init__.py"), ", ".join(_modules(folder)))
        for folder in _folders(SERVICES / top)
    ]
    return table(("package", "what is in it", "modules"), rows)


def _name(folder: Path) -> str:
    return code(".".join(folder.relative_to(SERVICES).parts))


def _folders(top: Path) -> Iterator[Path]:
    """Yield the packages below `top` and itself, migrations left out."""
    for path in sorted(top.rglob("__init__.py")):
        if not any("migrations" in part or part == "versions" for part in path.parts):
            yield path.parent


def _modules(folder: Path) -> list[str]:
    return [code(path.stem) for path in sorted(folder.glob("*.py")) if not path.stem.startswith("__")]


def _first(path: Path) -> str:
    """Return the first paragraph of a module's docstring on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n", maxsplit=1)[0].split()).replace("|", r"\|")
