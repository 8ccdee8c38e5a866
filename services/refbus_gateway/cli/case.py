"""`refbus case`: the cases of this organisation."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from refbus.errors import Code, SetupError
from refbus.output import put, put_json
from refbus_gateway.cli.disclosures import add_disclosures
from refbus_gateway.cli.erase import erase_case
from refbus_gateway.cli.onward import add_onward
from refbus_gateway.cli.session import Session, example, paged, with_session

if TYPE_CHECKING:
    from refbus_gateway.store.cases import Case
    from refbus_gateway.store.session import Transaction

_AGES = {
    "ADULT": "an adult",
    "CHILD": "a child: a guardian consents, and the child is asked",
    "UNKNOWN": "not known, so treated as a child; write the birth date, is_minor, or adult_judgement",
}


@click.group(name="case")
def group() -> None:
    """Keep case files: new, add, list, show, copy, pass on, erase; tell the person who received what."""


@group.command()
@example("refbus case new > case.json")
def new() -> None:
    """Print an empty case file with an explanation of every field."""
    from refbus_gateway.forms.case_template import template  # late: only needed here

    put(template() + "\n")


@group.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--deny", "denied", multiple=True, help="Organisation that must never know; may be repeated. Never sent.")
@example("refbus case add case.json")
@with_session
def add(session: Session, file: Path, denied: tuple[str, ...]) -> None:
    """Check a case file and keep it as a case. Nothing is sent. FILE may be - for standard input."""
    from refbus_gateway.cases import casework
    from refbus_gateway.cli.naming import organisation_named  # late: only needed here

    orgs = [organisation_named(org) for org in denied]
    with session.gateway.store.write() as tx:
        case = resolve(session, tx, str(file))
        casework.deny(tx, case, orgs)
    session.tell({"case": case.id}, [f"Case {case.id}."])


@group.command()
@click.argument("number", type=int)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replaces", metavar="REVISION", help="Revision that the file was edited from, if it does not say so.")
@example("refbus case file 3 > case.json", "refbus case update 3 case.json")
@with_session
def update(session: Session, number: int, file: Path, replaces: str | None) -> None:
    """Put an edited case file in place of the one that a case has. What was sent stays as it was sent.

    FILE may be - for standard input. A case that somebody changed meanwhile is left as it is (CASE_CHANGED): start from
    `refbus case file`.
    """
    from refbus_gateway.cases import casework  # late: only needed here
    from refbus_gateway.cli.content import read_content
    from refbus_gateway.store import cases

    content = read_content(file, casework.MAX_CASE_FILE)
    with session.gateway.store.write() as tx:
        revision = casework.update_case(session.gateway, tx, cases.get(tx, number), content, replaces=replaces)
    session.tell({"case": number, "revision": revision}, [f"Kept as revision {revision}."])


@group.command(name="file")
@click.argument("number", type=int)
@example("refbus case file 3 > case.json")
@with_session
def file_(session: Session, number: int) -> None:
    """Print the case file of an own case, to be edited and put back with `refbus case update`."""
    from refbus_gateway.cases import casework  # late: only needed here
    from refbus_gateway.store import cases

    with session.gateway.store.read() as tx:
        document = casework.file_to_edit(tx, cases.get(tx, number))
    put_json(document, indent=2)


@group.command(name="list")
@paged
@example("refbus case list", "refbus case list --page 2")
@with_session
def list_(session: Session, *, limit: int | None, page: int) -> None:
    """List cases, own and received, the newest last."""
    from refbus_gateway.cases import casework
    from refbus_gateway.cli.show import time_text  # late: only needed here
    from refbus_gateway.store import cases, referrals

    unread: cases.Unread = []
    most, skip = session.part(limit, page)
    with session.gateway.store.read() as tx:
        total, found = cases.count(tx), cases.newest(tx, most, skip, unread)
        live = [case for case in found if case.live]
        numbers = referrals.numbers_by_case(tx, (case.id for case in live))
        orgs = cases.parties_of(tx, live)
        damaged = {case.id: Code.HOME_DAMAGED for case in live if case.id not in orgs} | dict(unread)
        files = casework.file_numbers(tx, [case.id for case in found])
        found += [cases.without_key(tx, number) for number, _ in unread]
    value: list[dict[str, object]] = []
    texts: list[str] = []
    for case in sorted(found, key=lambda one: one.id):
        erased, code = not case.live and case.id not in damaged, damaged.get(case.id)
        row = {"case": case.id, "own": case.own, "created_ms": case.created_ms, "erased": erased}
        value.append(
            {
                **row,
                "file_number": files.get(case.id),
                "parties": orgs.get(case.id, []),
                "referrals": numbers.get(case.id, []),
                "unread": code,
            }
        )
        whose, names = "own" if case.own else "received", " ".join(orgs.get(case.id, []))
        what = "erased" if erased else names if code is None else f"cannot be read here ({code})"
        own = f"  file {files[case.id]}" if case.id in files else ""
        texts.append(f"{case.id:>4}  {whose:8}  {time_text(case.created_ms)}{own}  {what}")
    none = [] if total else ["No case yet: refbus case new > case.json"]
    session.tell(value, [*texts, *none, *session.more(total, most, skip)])


@group.command()
@click.argument("case")
@example("refbus case show 3")
@with_session
def show(session: Session, case: str) -> None:
    """Show an own case as it would be sent now. CASE is the number of a case, or its case file."""
    from refbus.core.vocabulary import EventType  # late: only needed here
    from refbus_gateway.cases import casework
    from refbus_gateway.cli.show import case_text, ending_lines, section_lines
    from refbus_gateway.consent import amendments
    from refbus_gateway.rules import age_check
    from refbus_gateway.words.payloads import render

    with session.gateway.store.write() as tx:
        found = resolve(session, tx, case)
        file = casework.file_of(session.gateway, tx, found)
        endings = amendments.endings(session.gateway, tx, found)
        age = age_check.age_in_case(session.gateway, tx, found)
        files = casework.file_numbers(tx, [found.id])
    sections = render(EventType.REFERRAL_REQUESTED, _full(file.fields), session.language)
    value = {
        "case": found.id,
        "file_number": files.get(found.id),
        "purpose": file.purpose,
        "priority": file.priority,
        "categories": sorted(file.categories),
        "age": age.group,
        "consents_ending": [asdict(each) for each in endings],
        "content": sections,
    }
    head = f"C{case_text(found.id, files)[1:]}"
    lines = [f"{head}: {file.purpose}, {file.priority}", f"  Data: {', '.join(sorted(file.categories))}"]
    lines += [f"  Age: {_AGES[age.group]}", *(f"  AGE_CONTRADICTS: {clash}" for clash in age.contradictions)]
    session.tell(value, [*lines, *ending_lines(endings), *section_lines(sections)])


@group.command()
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--later", is_flag=True, help="Only queue what is to be sent; `refbus run` or `refbus sync` sends it.")
@example("refbus case erase 3")
@with_session
def erase(session: Session, number: int, *, yes: bool, later: bool) -> None:
    """Erase a case for ever, here and at everyone who received something of it: the same as `refbus erase`."""
    erase_case(session, number, yes=yes, later=later)


def resolve(session: Session, tx: Transaction, text: str) -> Case:
    """Return the case that a number or a case file names, "-" being standard input; one not known becomes a case.

    Raises RuleError CASE_UNKNOWN, CaseInvalidError, SetupError FILE_UNREADABLE, TOO_LARGE.
    """
    from refbus_gateway.cases import casework  # late: only needed here
    from refbus_gateway.cli.content import read_content
    from refbus_gateway.store import cases

    if text.isascii() and text.isdigit() and len(text) < 10:
        return cases.get(tx, int(text))
    path = Path(text)
    if text != "-" and not path.is_file():
        raise SetupError(Code.FILE_UNREADABLE, f"{path.name} is neither a case number nor a file")
    return casework.add_case(session.gateway, tx, read_content(path, casework.MAX_CASE_FILE))


def _full(fields: object) -> dict[str, object]:
    """Return case-file fields as a decoded payload has them: every optional field is there."""
    from refbus.core.vocabulary import EventType  # late: only needed here
    from refbus.wire.payload import decode_payload, encode_payload

    given = dict(fields) if isinstance(fields, dict) else {}
    ids = {"event_id": bytes(16), "referral_id": bytes(16)}
    return decode_payload(encode_payload(EventType.REFERRAL_REQUESTED, {**given, **ids}))[1]


add_onward(group)
add_disclosures(group)
