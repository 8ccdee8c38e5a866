"""`refbus case disclosures` and `refbus case told`: what a person may know about where their data went."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from refbus.output import put_json
from refbus_gateway.cli.content import private_out, put_private
from refbus_gateway.cli.session import Session, example, with_session, words


@click.command()
@click.argument("number", type=int)
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), help="Default: text.")
@example("refbus case disclosures 3 --lang ru", "refbus case disclosures 3 --lang kk --format html --out page.html")
@private_out
@with_session
def disclosures(session: Session, number: int, form: str | None, out: Path | None) -> None:
    """Show who received what of a case, when, why and on which consent, with proof; for the person, in plain words.

    It works after the case was erased. The page is about one person: print it, give it to them, delete the file.
    """
    from refbus_gateway.actions import disclosures as asking  # late: the help needs none of it
    from refbus_gateway.actions import profiles
    from refbus_gateway.actions.shape import json_of
    from refbus_gateway.paper import disclosure_page

    report = asking.report(session.desk, session.actor, number)
    directory, offset_min = session.desk.directory(), session.desk.utc_offset_min
    own = profiles.show(session.desk, session.actor)
    wording = disclosure_page.Wording(session.language, directory, offset_min)
    about = (wording.organisation(own.organisation), *disclosure_page.office_lines(own.profile, wording.words))
    wording = replace(wording, about=(*about, wording.time(session.clock())))
    if form == "html":
        put_private(disclosure_page.page(report, wording), out)
    elif form == "json":
        put_json(json_of(asking.values(report)))
    else:
        session.tell(asking.values(report), disclosure_page.text(report, wording))


@click.command()
@click.argument("number", type=int)
@click.option("--how", required=True, type=click.Choice(["IN_PERSON", "PHONE", "DEFERRED_UNSAFE"]), help="How.")
@example("refbus case told 3 --how IN_PERSON")
@with_session
def told(session: Session, number: int, how: str) -> None:
    """Note that the person was told who received their data, or that telling them is not safe now."""
    from refbus_gateway.actions import disclosures as asking  # late: the help needs none of it

    noted = asking.note_told(session.desk, session.actor, number, asking.How(how))
    left = [words().text("%(untold)s disclosures are still to be told.", untold=noted.untold)] if noted.untold else []
    session.tell(noted, [words().text("Noted."), *left])


def add_disclosures(group: click.Group) -> None:
    """Add both commands to `refbus case`."""
    group.add_command(disclosures)
    group.add_command(told)
