"""Bringing cases from another system's file: first what would come over, then, when somebody says so, keeping it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from refbus.errors import Code, RuleError
from refbus.said import placed, said
from refbus_gateway.actions import cases as case_actions
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.cases import case_text, casework
from refbus_gateway.exchange import records, tables, translation
from refbus_gateway.exchange.facts import Refused
from refbus_gateway.exchange.translation import Draft, Taken
from refbus_gateway.forms.problems import Problem
from refbus_gateway.rules import age_check
from refbus_gateway.store import cases
from refbus_gateway.store.session import Transaction
from refbus_gateway.words.losses import Lost

__all__ = ["NUMBER", "Arrival", "ImportReport", "Preview", "Refused", "keep", "preview"]

NUMBER: Final = "file_number"
"""Where a problem stands with a file number that the file has twice."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a file says of one person. `known_as`: the case here that has it, or its file number, already.

    `problems`: why it cannot be kept as it is.
    """

    place: str
    file_number: str | None
    taken: tuple[Taken, ...]
    lost: tuple[Lost, ...]
    refused: tuple[Refused, ...]
    problems: tuple[Problem, ...]
    known_as: int | None

    @property
    def fit(self) -> bool:
        """Whether it can be kept now."""
        return not self.problems and self.known_as is None


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What would come over of a file. `lost`: parts of the file that are not read. `kept`: cases made of it."""

    format: str
    title: str
    lost: tuple[Lost, ...]
    persons: tuple[Arrival, ...]
    kept: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """A report, and the case files that it tells of, which are not kept yet. `names`: what names the case of each.

    The first is for now, the others from before.
    """

    report: ImportReport
    files: tuple[bytes, ...]
    names: tuple[tuple[bytes, ...], ...]


def preview(
    desk: Desk,
    actor: Actor,
    content: bytes,
    *,
    wanted: str | None = None,
    table: bytes | None = None,
    answers: Mapping[str, Any] | None = None,
) -> Preview:
    """Return what would come over of a file of another system. Nothing is kept.

    `wanted`: the name of its format; `table`: a mapping of somebody's own; `answers`: a case file with what the other
    system does not say. Raises SetupError FILE_UNREADABLE, TOO_LARGE, UNKNOWN_VALUE, USAGE; CaseInvalidError for a
    mapping that is none.
    """
    actor.require(Permission.WRITE_CASES)
    one = tables.read_mapping(table) if table is not None else tables.named(wanted) if wanted is not None else None
    source = records.read_source(content, one)

    def judge(file: bytes) -> tuple[Problem, ...]:
        return case_actions.check(desk, actor, file)

    rules, now = age_check.rules_here(desk.gateway), desk.gateway.now_ms()
    drafts = [
        translation.draft(each, source.format, answers or {}, judge, rules=rules, at_ms=now) for each in source.records
    ]
    known = _known(desk, drafts)
    persons = [
        Arrival(
            one.place,
            one.file_number,
            one.taken,
            one.lost,
            one.refused,
            (*one.problems, *_twice(one, drafts), *problems),
            at,
        )
        for one, (at, problems) in zip(drafts, known, strict=True)
    ]
    report = ImportReport(source.format.name, source.format.title, source.lost, tuple(persons))
    return Preview(report, tuple(each.content for each in drafts), tuple(each.names for each in drafts))


def keep(desk: Desk, actor: Actor, seen: Preview) -> ImportReport:
    """Keep every person of a preview who can be kept, all or none, but for those who came meanwhile.

    Raises CaseInvalidError, RuleError.
    """
    actor.require(Permission.WRITE_CASES)
    with desk.write() as tx:
        numbers = _by_number(tx)
        persons = [
            replace(one, known_as=numbers.get(one.file_number or "")) if one.fit else one for one in seen.report.persons
        ]
        every = zip(persons, seen.files, seen.names, strict=True)
        fit = [(file, names) for person, file, names in every if person.fit]
        kept = [casework.add_case(desk.gateway, tx, file, named=names).id for file, names in fit]
    return replace(seen.report, persons=tuple(persons), kept=tuple(kept))


def _known(desk: Desk, drafts: list[Draft]) -> list[tuple[int | None, tuple[Problem, ...]]]:
    """Return the case of each draft that is here already: of the same facts, or under the same file number.

    Beside it what is wrong with somebody whose case was erased: it is not made again, and keeps nobody else out.
    """
    with desk.read() as tx:
        same = [_same(tx, one) for one in drafts]
        numbers = _by_number(tx)
    return [
        (numbers.get(draft.file_number or "") if at is None else at, problems)
        for (at, problems), draft in zip(same, drafts, strict=True)
    ]


def _by_number(tx: Transaction) -> dict[str, int]:
    """Return the own cases that live by their file number."""
    own = [case.id for case in cases.newest(tx, None, 0, []) if case.own and case.live]
    return {number: case for case, number in case_text.file_numbers(tx, own).items()}


def _twice(one: Draft, drafts: list[Draft]) -> Iterator[Problem]:
    """Yield that another person of the file has the same file number: nobody knows whose it is."""
    if one.file_number is None:
        return
    for other in drafts:
        if other is not one and other.file_number == one.file_number:
            places = {"first": one.place, "second": other.place}
            advice = said(
                "%(first)s and %(second)s have the same file number: correct one of them in the file", **places
            )
            yield Problem(NUMBER, Code.CASE_INVALID, advice)


def _same(tx: Transaction, one: Draft) -> tuple[int | None, tuple[Problem, ...]]:
    try:
        case = casework.find_case(tx, *one.names)
    except RuleError as error:
        return None, (Problem("", Code(error.code), placed(error.code, error.detail)),)
    return None if case is None else case.id, ()
