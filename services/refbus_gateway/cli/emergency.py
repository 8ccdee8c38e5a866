"""`refbus emergency`: disclosure without consent, on the word of two officers, reviewed by a third."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from refbus.core.consent.legal_basis import MOST_HOURS, Ground, Incapacity, Protects, ReviewResult
from refbus.core.vocabulary import DataCategory
from refbus_gateway.cli.content import content, content_options
from refbus_gateway.cli.courses import opened_texts
from refbus_gateway.cli.officers import officer_passphrase
from refbus_gateway.cli.session import Session, example, with_session, words

if TYPE_CHECKING:
    from refbus_gateway.actions.emergencies import OfficerWord

_FILE = click.Path(path_type=Path)


@click.group(name="emergency")
def group() -> None:
    """Disclose the least, without consent, to protect a life. NUMBER is a number of `refbus status` or `inbox list`."""


def _form() -> str:
    from refbus_gateway.forms.asked import needed_fields  # late: the help needs none of it
    from refbus_gateway.forms.case_template import event_template

    return event_template(needed_fields())


@group.command()
@click.argument("case")
@click.option("--to", required=True, help="The one organisation that is told.")
@click.option("--ground", required=True, type=click.Choice(list(Ground)), help="Why it cannot wait.")
@click.option("--protects", type=click.Choice(list(Protects)), default=Protects.PERSON, help="Whose life.")
@click.option("--incapacity", type=click.Choice(list(Incapacity)), help="Why the person cannot be asked.")
@click.option(
    "--category",
    "categories",
    metavar="CATEGORY",
    multiple=True,
    type=click.Choice(list(DataCategory)),
    help="Data that the helper needs at once; may be repeated.",
)
@content_options(_form)
@click.option("--hours", type=click.IntRange(1, MOST_HOURS), default=24, show_default=True, help="Until it ends.")
@click.option("--first", required=True, help="First officer: the beginning of the key id.")
@click.option("--second", required=True, help="Second officer.")
@click.option("--first-passphrase-file", type=_FILE, help="Passphrase of the first officer; else asked.")
@click.option("--second-passphrase-file", type=_FILE, help="Passphrase of the second officer; else asked.")
@click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it.")
@example(
    "refbus emergency invoke 3 --to uz-she1ter1 --ground MEDICAL_EMERGENCY --incapacity UNCONSCIOUS \\",
    "    --category IDENTITY --category HEALTH --first 3f9c --second a81d --file needed.json",
)
@with_session
def invoke(session: Session, /, case: str, *, file: Path | None, later: bool, **given: Any) -> None:
    """Disclose the least of a case to one organisation. CASE is the number of an own case, or its case file.

    Both officers type their passphrases. A third one reviews it in time: refbus emergency review. Tell the person as
    soon as it is safe: refbus case told.

    What is needed at once comes from --file FILE (--file - reads standard input); at a terminal it is asked for.
    """
    from refbus_gateway.actions import emergencies  # late: the help needs none of it
    from refbus_gateway.cli.case import case_name
    from refbus_gateway.cli.names import organisation_named
    from refbus_gateway.cli.show import sent_text
    from refbus_gateway.forms.asked import needed_fields, read_needed

    desk, actor, names = session.desk, session.actor, (given["first"], given["second"])
    recipient = organisation_named(given["to"])
    emergencies.check_decision(desk, actor, recipient, names)
    decision = emergencies.Decision(
        recipient=recipient,
        ground=Ground(given["ground"]),
        protects=Protects(given["protects"]),
        incapacity=None if given["incapacity"] is None else Incapacity(given["incapacity"]),
        categories=[DataCategory(name) for name in given["categories"]],
        hours=given["hours"],
        needed_now=read_needed(content(session, needed_fields(), {}, file)),
    )
    paths = given["first_passphrase_file"], given["second_passphrase_file"]
    typed = [_word(name, path) for name, path in zip(names, paths, strict=True)]
    made = emergencies.invoke(desk, actor, case_name(case), decision, typed, later=later)
    text = words().text(
        "Emergency %(emergency)s to %(to)s: a third officer must review it.", emergency=made.emergency, to=made.to
    )
    session.tell(made, [text, sent_text(made.delivery)])


@group.command()
@click.argument("number", type=int)
@click.option("--result", required=True, type=click.Choice(list(ReviewResult)), help="What the officer found.")
@click.option("--officer", required=True, help="An officer who did not decide: the beginning of the key id.")
@click.option("--officer-passphrase-file", type=_FILE, help="Passphrase of that officer; else asked.")
@click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it.")
@example("refbus emergency review 4 --result UPHELD --officer 77be")
@with_session
def review(
    session: Session, number: int, result: str, officer: str, officer_passphrase_file: Path | None, *, later: bool
) -> None:
    """Report what an independent officer found of an emergency disclosure. The recipient hears it too."""
    from refbus_gateway.actions import emergencies  # late: the help needs none of it
    from refbus_gateway.cli.show import sent_text

    desk, actor = session.desk, session.actor
    emergencies.check_review(desk, actor, number, officer)
    word = _word(officer, officer_passphrase_file)
    done = emergencies.review(desk, actor, number, ReviewResult(result), word, later=later)
    session.tell(done, [sent_text(done.delivery)])


@group.command()
@click.argument("number", type=int)
@example("refbus emergency show 4")
@with_session
def show(session: Session, number: int) -> None:
    """Open an emergency disclosure; what it told is shown until it ends."""
    from refbus_gateway.actions import referrals  # late: the help needs none of it

    opened = referrals.open_course(session.desk, session.actor, number, session.language)
    session.tell(opened, opened_texts(opened, session.language))


def _word(officer: str, path: Path | None) -> OfficerWord:
    from refbus_gateway.actions.emergencies import OfficerWord  # late: the help needs none of it

    return OfficerWord(
        officer, officer_passphrase(words().text("Passphrase of officer %(officer)s", officer=officer), path)
    )
