"""`refbus stats`: an edition of a country's yearly statistics, in the words of one's language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from refbus_gateway.cli.session import Session, example, with_session

_NOT_TOLD = "…"


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@example("refbus stats kz-2026.json --lang ru")
@with_session
def stats(session: Session, file: Path) -> None:
    """Show the statistics of a year, as the node of a country published them. … is a number that is not told."""
    from refbus_gateway.forms.edition import read_edition  # late: the help needs none of it

    edition = read_edition(file)
    half = f"-H{edition['half']}" if edition.get("half") else ""
    texts = [f"{edition['country']} {edition['year']}{half}"]
    for table in edition["tables"]:
        texts += _table(table, session.language)
    session.tell(edition, texts)


def _table(table: dict[str, Any], language: str) -> list[str]:
    total = _NOT_TOLD if table["total"] is None else table["total"]
    home = f", {_country(table['home'], language)}" if table.get("home") else ""
    hosts = f" ({', '.join(_country(each, language) for each in table['hosts'])})" if table.get("hosts") else ""
    split = _words(table["split_by"].upper(), language).lower()
    head = f"{_words(table['kind'], language)}{home}, {split}: {total}{hosts}"
    return [head, *(f"  {_words(name, language):44} {_told(count)}" for name, count in table["cells"].items())]


def _told(count: int | None) -> str:
    return _NOT_TOLD if count is None else str(count)


def _country(code: str, language: str) -> str:
    from refbus_gateway.words.codes import label  # late: the help needs none of it

    return label(language, "iso.3166-1", code.upper()) or code


def _words(code: str, language: str) -> str:
    from refbus_gateway.words.codes import label  # late: the help needs none of it

    return ", ".join(
        label(language, "refbus.Statistics", part) or label(language, "refbus.Priority", part) or part
        for part in code.split("/")
    )
