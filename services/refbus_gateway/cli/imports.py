"""`refbus case import` and `export`: files of other systems, with a report of all that is lost on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from refbus.foreign import line
from refbus.output import say
from refbus_gateway.cli.prompts import ask_yes
from refbus_gateway.cli.session import Session, example, with_session, words

if TYPE_CHECKING:
    from refbus_gateway.actions.imports import Arrival, ImportReport, Preview
    from refbus_gateway.words.losses import Lost


def add_exchange(group: click.Group) -> None:
    """Give `refbus case` its import and its export."""
    group.add_command(import_)
    group.add_command(export)


@click.command()
@click.argument("number", type=int)
@click.option("--format", "wanted", required=True, help="Format: refbus-csv, htcds or fhir-r4.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Write it to this file, for you alone.")
@example("refbus case export 3 --format htcds --out case.xlsx")
@with_session
def export(session: Session, number: int, *, wanted: str, out: Path) -> None:
    """Write an own case as a file of another system, for whoever types this alone, and tell what it cannot say.

    No consent goes with it: who gives the file away answers for that, and deletes it.
    """
    from refbus.files import write_whole  # late: the help needs none of it
    from refbus_gateway.actions import exports

    made = exports.make(session.desk, session.actor, number, wanted)
    write_whole(out, made.content)
    told = [
        words().text("Comes over: %(count)s", count=len(made.exported.taken)),
        *_part(words().text("Is lost: %(count)s", count=len(made.exported.lost)), _losses(made.exported.lost)),
        words().text(
            "Written to %(file)s, for you alone. It is about one person: delete it when you no longer need it.",
            file=out,
        ),
    ]
    session.tell(made.exported, told)


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", "wanted", help="Its format, where it is not to be recognised: htcds, primero, fhir-r4, ...")
@click.option("--mapping", type=click.Path(path_type=Path), help="JSON file that says what its columns mean here.")
@click.option("--answers", type=click.Path(path_type=Path), help="Case file with what it does not say of anybody.")
@click.option("--drafts", type=click.Path(path_type=Path), help="Write a case file for each person here; keep nothing.")
@click.option("--yes", is_flag=True, help="Keep without asking everybody who can be kept.")
@example(
    "refbus case import cases.xlsx", "refbus case import cases.csv --mapping ours.json --answers same-for-all.json"
)
@with_session
def import_(
    session: Session,
    file: Path,
    *,
    wanted: str | None,
    mapping: Path | None,
    answers: Path | None,
    drafts: Path | None,
    yes: bool,
) -> None:
    """Bring cases from a file of another system: HTCDS tables and forms, Primero, proGres, FHIR R4, or any table.

    First it is told what comes over, what is lost and what is refused; without a yes nothing is kept. No code is
    guessed, and no consent is taken over: each person is asked again. FILE may be - for standard input.
    """
    from refbus.core.bounds import MOST_IMPORT  # late: the help needs none of it
    from refbus_gateway.actions import imports
    from refbus_gateway.cli.content import read_content
    from refbus_gateway.forms.casefile import MAX_CASE_FILE

    seen = imports.preview(
        session.desk,
        session.actor,
        read_content(file, MOST_IMPORT),
        wanted=wanted,
        table=None if mapping is None else read_content(mapping, MAX_CASE_FILE),
        answers=None if answers is None else _answers(answers),
    )
    if drafts is not None:
        _write(seen, drafts)
    kept = seen.report
    if not session.as_json:
        say(*_lines(seen.report))
    if drafts is None and _agreed(session, seen.report, yes=yes):
        kept = imports.keep(session.desk, session.actor, seen)
    session.tell(kept, _outcome(kept, written=drafts is not None))
    if not any(person.fit or person.known_as is not None for person in kept.persons) and drafts is None:
        click.get_current_context().exit(1)


def _answers(path: Path) -> dict[str, Any]:
    from refbus_gateway.cli.content import file_document  # late: see above

    return {name: value for name, value in file_document(path).items() if value is not None}


def _write(seen: Preview, folder: Path) -> None:
    """Write a case file for each person, for whoever runs the command alone."""
    from refbus.files import write_whole  # late: see above

    for number, content in enumerate(seen.files, 1):
        write_whole(folder / f"{number:03}.json", content)


def _agreed(session: Session, report: ImportReport, *, yes: bool) -> bool:
    """Whether those who can be kept shall be: somebody said so, here or when starting the command."""
    fit = sum(person.fit for person in report.persons)
    if not fit or yes:
        return bool(fit)
    question = words().plural("Keep %(n)s case?", "Keep %(n)s cases?", fit)
    return session.asks and ask_yes(words(), question, default=False)


def _lines(report: ImportReport) -> Iterator[str]:
    """Return the report, a block for each person."""
    yield words().plural(
        "Read as %(format)s: %(n)s person",
        "Read as %(format)s: %(n)s persons",
        len(report.persons),
        format=report.title,
    )
    yield from (f"  {each}" for each in _losses(report.lost))
    for person in report.persons:
        yield from _person(person)


def _person(person: Arrival) -> Iterator[str]:
    own = words().text("file %(file_number)s", file_number=line(person.file_number)) if person.file_number else ""
    yield "  ".join(filter(None, (words().spoken(person.place), own)))
    yield from _part(
        words().text("Comes over: %(count)s", count=len(person.taken)),
        (f"{line(taken.source)} -> {taken.to}" for taken in person.taken),
    )
    yield from _part(
        words().text("Is lost: %(count)s", count=len(person.lost)),
        _losses(person.lost),
    )
    yield from _part(
        words().text("Is refused and left out: %(count)s", count=len(person.refused)),
        (_refused(each.source, each.value, each.advice) for each in person.refused),
    )
    yield from _part(
        words().text("Missing or in doubt: %(count)s", count=len(person.problems)),
        (f"{each.path}: {words().spoken(each.advice)}" for each in person.problems),
    )


def _losses(lost: Iterable[Lost]) -> Iterator[str]:
    """Return what does not come over, each with its reason."""
    from refbus_gateway.words.losses import WORDS  # late: see above

    return (f"{line(each.source)}: {words().spoken(WORDS[each.reason])}" for each in lost)


def _part(head: str, below: Iterable[str]) -> Iterator[str]:
    found = list(below)
    if found:
        yield f"  {head}"
        yield from (f"    {each}" for each in found)


def _refused(source: str, value: str | None, advice: str) -> str:
    shown = "" if value is None else f" {line(value)}"
    return f"{line(source)}{shown}: {words().spoken(advice)}"


def _outcome(report: ImportReport, *, written: bool) -> list[str]:
    """Return what was done, and what to do about the others."""
    known = [person for person in report.persons if person.known_as is not None]
    unfit = sum(bool(person.problems) for person in report.persons)
    lines = [
        words().text("%(place)s is here already: case %(case)s.", place=words().spoken(each.place), case=each.known_as)
        for each in known
    ]
    lines += [words().text("Case %(case)s.", case=number) for number in report.kept]
    if written:
        told = words().text(
            "Case files are written, for you alone. Complete them, add each with `refbus case add`, and delete them."
        )
        return [*lines, told]
    if not report.kept:
        lines.append(words().text("Nothing was kept."))
    if unfit:
        lines.append(
            words().plural(
                "%(n)s person cannot be kept as it is: say what is missing with --answers, or use --drafts.",
                "%(n)s persons cannot be kept as they are: say what is missing with --answers, or use --drafts.",
                unfit,
            )
        )
    if report.kept:
        lines.append(words().text("No consent came over: ask each person before anything is sent."))
    return lines
