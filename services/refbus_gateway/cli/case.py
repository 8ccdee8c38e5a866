"""`refbus case`: the cases of this organisation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from refbus.errors import Code, SetupError
from refbus.foreign import as_json
from refbus.output import put, put_json
from refbus.said import said
from refbus_gateway.cli.content import private_out, put_private
from refbus_gateway.cli.disclosures import add_disclosures
from refbus_gateway.cli.erase import erase_case
from refbus_gateway.cli.imports import add_exchange
from refbus_gateway.cli.links import add_links
from refbus_gateway.cli.onward import add_onward
from refbus_gateway.cli.session import Session, example, paged, with_session, words
from refbus_gateway.words.catalogue import mark

if TYPE_CHECKING:
    from refbus_gateway.actions.cases import CaseLine, CaseName

_AGES: Final = {
    "ADULT": mark("an adult"),
    "CHILD": mark("a child: a guardian consents, and the child is asked"),
    "UNKNOWN": mark("not known, so treated as a child; write the birth date, or adult_judgement"),
}


@click.group(name="case")
def group() -> None:
    """Keep case files: new, add, list, show, copy, pass on, erase; tell the person who received what."""


@group.command()
@example("refbus case new > case.json")
@with_session
def new(_session: Session) -> None:
    """Print an empty case file with an explanation of every field."""
    from refbus_gateway.forms.case_template import template  # late: only needed here

    put(template(words()) + "\n")


@group.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--deny", "denied", multiple=True, help="Organisation that must never know; may be repeated. Never sent.")
@example("refbus case add case.json")
@with_session
def add(session: Session, file: Path, denied: tuple[str, ...]) -> None:
    """Check a case file and keep it as a case. Nothing is sent. FILE may be - for standard input."""
    from refbus_gateway.actions import cases  # late: only needed here
    from refbus_gateway.cli.names import organisation_named

    orgs = [organisation_named(org) for org in denied]
    kept = cases.add(session.desk, session.actor, case_content(file), orgs)
    session.tell(kept, [words().text("Case %(case)s.", case=kept.case)])


@group.command()
@click.argument("number", type=int)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replaces", metavar="REVISION", help="Revision that the file was edited from, if it does not say so.")
@example("refbus case file 3 --out case.json", "refbus case update 3 case.json")
@with_session
def update(session: Session, number: int, file: Path, replaces: str | None) -> None:
    """Put an edited case file in place of the one that a case has. What was sent stays as it was sent.

    FILE may be - for standard input. A case that somebody changed meanwhile is left as it is (CASE_CHANGED): start from
    `refbus case file`.
    """
    from refbus_gateway.actions import cases  # late: only needed here

    changed = cases.update(session.desk, session.actor, number, case_content(file), replaces=replaces)
    session.tell(changed, [words().text("Kept as revision %(revision)s.", revision=changed.revision)])


@group.command(name="file")
@click.argument("number", type=int)
@private_out
@example("refbus case file 3 --out case.json")
@with_session
def file_(session: Session, number: int, out: Path | None) -> None:
    """Print the case file of an own case, to be edited and put back with `refbus case update`."""
    from refbus_gateway.actions import cases  # late: only needed here

    document = cases.file_to_edit(session.desk, session.actor, number)
    put_private(as_json(document, indent=2) + "\n", out, lambda _: put_json(document, indent=2))


@group.command(name="list")
@paged
@example("refbus case list", "refbus case list --page 2")
@with_session
def list_(session: Session, *, limit: int | None, page: int) -> None:
    """List cases, own and received, the newest last."""
    from refbus_gateway.actions import cases  # late: only needed here

    most, skip = session.part(limit, page)
    found = cases.listed(session.desk, session.actor, most, skip)
    none = [] if found.total else [words().text("No case yet: refbus case new > case.json")]
    session.tell(found.cases, [*map(_line, found.cases), *none, *session.more(found.total, most, skip)])


@group.command()
@click.argument("case")
@example("refbus case show 3")
@with_session
def show(session: Session, case: str) -> None:
    """Show an own case as it would be sent now. CASE is the number of a case, or its case file."""
    from refbus_gateway.actions import cases  # late: only needed here
    from refbus_gateway.cli.show import case_text, ending_lines, section_lines

    found = cases.show(session.desk, session.actor, case_name(case), session.language)
    files = {found.case: found.file_number} if found.file_number else {}
    named = case_text(found.case, files)
    head = named[:1].upper() + named[1:]
    lines = [
        f"{head}: {found.purpose}, {found.priority}",
        "  " + words().text("Data: %(categories)s", categories=", ".join(sorted(found.categories))),
    ]
    lines += [
        "  " + words().text("Age: %(ages)s", ages=words().text(_AGES[found.age])),
        *("  AGE_CONTRADICTS: " + words().spoken(clash) for clash in found.age_contradictions),
    ]
    session.tell(found, [*lines, *ending_lines(found.consents_ending), *section_lines(found.content)])


@group.command()
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--later", is_flag=True, help="Only queue what is to be sent; `refbus run` or `refbus sync` sends it.")
@example("refbus case erase 3")
@with_session
def erase(session: Session, number: int, *, yes: bool, later: bool) -> None:
    """Erase a case for ever, here and at everyone who received something of it: the same as `refbus erase`."""
    erase_case(session, number, yes=yes, later=later)


def case_name(text: str) -> CaseName:
    """Return what names a case: its number, or the content of its file. Raises as `case_content` does."""
    from refbus_gateway.forms.values import whole_number  # late: only needed here

    number = whole_number(text)
    return case_content(Path(text)) if number is None else number


def case_content(path: Path) -> bytes:
    """Return the content of a case file, "-" being standard input. Raises SetupError FILE_UNREADABLE, TOO_LARGE."""
    from refbus_gateway.cli.content import read_content  # late: only needed here
    from refbus_gateway.forms.casefile import MAX_CASE_FILE

    if str(path) != "-" and not path.is_file():
        raise SetupError(Code.FILE_UNREADABLE, said("%(file)s is neither a case number nor a file", file=path.name))
    return read_content(path, MAX_CASE_FILE)


def _line(case: CaseLine) -> str:
    from refbus_gateway.cli.show import time_text  # late: only needed here

    what = words().text("erased") if case.erased else " ".join(case.parties)
    if case.unread is not None:
        what = words().text("cannot be read here (%(unread)s)", unread=case.unread)
    own = "  " + words().text("file %(file_number)s", file_number=case.file_number) if case.file_number else ""
    whose = words().text("own") if case.own else words().text("received")
    return f"{case.case:>4}  {whose:8}  {time_text(case.created_ms)}{own}  {what}"


add_exchange(group)
add_links(group)
add_onward(group)
add_disclosures(group)
