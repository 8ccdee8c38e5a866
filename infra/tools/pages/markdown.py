"""The few pieces of Markdown that generated pages are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tools.citations import linked

MADE_BY = "*Made from the code by `make reference`; do not edit.*"


def document(title: str, *blocks: str) -> str:
    """Return a page: title, the note that it is generated and the blocks; citations of the design are links."""
    return linked("\n\n".join((f"# {title}", MADE_BY, *blocks)), "../design") + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [_row(head), "|" + "---|" * len(head)]
    return "\n".join(lines + [_row(row) for row in rows])


def code(text: str) -> str:
    """Return `text` as code, or nothing for nothing."""
    return f"`{text}`" if text else ""


def sentence(text: str) -> str:
    """Return a clause as a sentence."""
    return text[:1].upper() + text[1:].removesuffix(".") + "."


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
