"""`refbus counts`: what this organisation counts of its own cases, on the screen or as a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from refbus.errors import Code, SetupError
from refbus.said import said
from refbus_gateway.cli.names import day_named
from refbus_gateway.cli.session import Session, example, with_session, words

if TYPE_CHECKING:
    from refbus_gateway.actions.tallies import Tallies

_KINDS: Final = {".csv": False, ".xlsx": True}
"""How a file may end, and whether it is a workbook."""


@click.command()
@click.option("--from", "first", help="First day, if not all.")
@click.option("--to", "last", help="Last day, if not all.")
@click.option("--halves", is_flag=True, help="Count each half-year by itself.")
@click.option("--consented", is_flag=True, help="Count those alone who permit statistics without identity.")
@click.option("--practice", is_flag=True, help="Count practice, in place of real cases.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write a table to this file: .csv or .xlsx, for you alone."
)
@example("refbus counts --from 1.1.2026 --to 31.12.2026 --halves", "refbus counts --consented --out counts.xlsx")
@with_session
def counts(
    session: Session,
    *,
    first: str | None,
    last: str | None,
    halves: bool,
    consented: bool,
    practice: bool,
    out: Path | None,
) -> None:
    """Count own cases: by gender, age, citizenship, exploitation, sector, who referred them, and what became of them.

    A case counts when it was taken in here. Small numbers name people: they are for this organisation alone, and
    nothing of them leaves by itself. Give others only what was counted with --consented, and no small numbers.
    """
    from refbus.files import write_whole  # late: the help needs none of it
    from refbus_gateway.actions import tallies

    if out is not None and out.suffix not in _KINDS:
        raise SetupError(Code.USAGE, said("one of %(codes)s", codes=", ".join(_KINDS)))
    begin, end = (None if each is None else day_named(each) for each in (first, last))
    terms = {"halves": halves, "practice": practice, "consented": consented}
    found = tallies.show(session.desk, session.actor, begin, end, **terms)
    lines = [*_lines(found), words().text("Small numbers name people: they are for this organisation alone.")]
    if out is not None:
        made = tallies.as_table(session.desk, session.actor, found, session.language, workbook=_KINDS[out.suffix])
        write_whole(out, made.content)
        lines = [*lines, words().text("Written to %(file)s, for you alone.", file=out)]
    session.tell(found, lines)


def _lines(found: Tallies) -> Iterator[str]:
    """Return the counts, a block for each period and for each way to split it."""
    from refbus_gateway.words.tallies import split_name, value_name  # late: the help needs none of it

    for period, count in found.periods.items():
        yield "  ".join(filter(None, (period, words().plural("%(n)s case", "%(n)s cases", count))))
        held = [each for each in found.rows if each.period == period]
        for by in dict.fromkeys(each.by for each in held):
            yield f"  {split_name(words(), by)}"
            for each in held:
                if each.by == by:
                    yield f"    {value_name(words(), by, each.value)}: {each.count}"
    if not found.periods:
        yield words().text("No case in this period.")
    if found.erased:
        yield words().plural(
            "%(n)s case was erased: nothing is known of it.",
            "%(n)s cases were erased: nothing is known of them.",
            found.erased,
        )
    if found.unread:
        yield words().plural("%(n)s case cannot be read.", "%(n)s cases cannot be read.", found.unread)
