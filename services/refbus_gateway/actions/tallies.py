"""Asking what an organisation counts of its own cases, and for the same as a table. Nothing leaves by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.exchange.spreadsheets import write_table, write_workbook
from refbus_gateway.reports import tallies
from refbus_gateway.reports.tallies import Tallies, Wanted
from refbus_gateway.words.catalogue import catalogue
from refbus_gateway.words.tallies import split_name, value_name

__all__ = ["TableMade", "Tallies", "as_table", "show"]
_HEADINGS: Final = ("period", "by", "code", "name", "count")


@dataclass(frozen=True, slots=True)
class TableMade:
    """A table of counts, as a file."""

    content: bytes = field(repr=False)


def show(
    desk: Desk,
    actor: Actor,
    first: date | None = None,
    last: date | None = None,
    *,
    halves: bool = False,
    practice: bool = False,
    consented: bool = False,
) -> Tallies:
    """Return the counts of own cases, between two days of which each is counted. The other terms are those of `Wanted`.

    Small numbers name people: they are for this organisation alone.
    """
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        return tallies.count(desk.gateway, tx, Wanted(first, last, halves, practice, consented))


def as_table(desk: Desk, actor: Actor, found: Tallies, language: str, *, workbook: bool) -> TableMade:
    """Return counts as a table in the words of a language: a workbook, or CSV."""
    actor.require(Permission.READ_CASES)
    rows = [list(_HEADINGS), *_rows(found, language)]
    return TableMade(write_workbook(rows) if workbook else write_table(rows))


def _rows(found: Tallies, language: str) -> Iterator[list[str]]:
    words = catalogue(language)
    for period, count in found.periods.items():
        yield [period, "CASES", "", words.text("Cases"), str(count)]
    for each in found.rows:
        named = f"{split_name(words, each.by)}: {value_name(words, each.by, each.value)}"
        yield [each.period, each.by, each.value, named, str(each.count)]
