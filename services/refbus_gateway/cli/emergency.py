"""`refbus emergency`: disclosure without consent, on the word of two officers, reviewed by a third."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from refbus.core.consent.legal_basis import MOST_HOURS, Ground, Incapacity, Protects, ReviewResult
from refbus.core.vocabulary import DataCategory
from refbus_gateway.cli.content import content, content_options
from refbus_gateway.cli.officers import officer_passphrase
from refbus_gateway.cli.opened import opened_texts, opened_value
from refbus_gateway.cli.session import Session, example, with_session

_FILE = click.Path(path_type=Path)


@click.group(name="emergency")
def group() -> None:
    """Disclose the least, without consent, to protect a life. NUMBER is a number of `refbus status` or `inbox list`."""


def _form() -> str:
    from refbus_gateway.courses.emergencies import needed_fields
    from refbus_gateway.forms.case_template import event_template  # late: the help needs none of it

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
    from refbus_gateway.cli.case import resolve
    from refbus_gateway.cli.naming import organisation_named  # late: the help needs none of it
    from refbus_gateway.cli.syncing import SENT_TEXT, try_to_send
    from refbus_gateway.courses import emergencies
    from refbus_gateway.people import officers

    gateway, home = session.gateway, session.home
    recipient = organisation_named(given["to"])
    for which in ("first", "second"):
        officers.find(home, given[which])  # before anybody types a passphrase
    needed_now = emergencies.read_needed(content(session, emergencies.needed_fields(), {}, file))
    pairs = tuple(
        officers.unlock(gateway, home, name, officer_passphrase(f"Passphrase of officer {name}", path))
        for name, path in ((given[which], given[f"{which}_passphrase_file"]) for which in ("first", "second"))
    )
    decision = emergencies.Decision(
        recipient=recipient,
        ground=Ground(given["ground"]),
        protects=Protects(given["protects"]),
        incapacity=None if given["incapacity"] is None else Incapacity(given["incapacity"]),
        categories=[DataCategory(name) for name in given["categories"]],
        hours=given["hours"],
        needed_now=needed_now,
    )
    with gateway.store.write() as tx:
        found = resolve(session, tx, case)
        made = emergencies.invoke(gateway, tx, found, decision, (officers.roll_of(home), pairs))
    became = try_to_send(session, later=later)
    value = {"case": found.id, "emergency": made.id, "to": made.org, "delivery": became}
    session.tell(value, [f"Emergency {made.id} to {made.org}: a third officer must review it.", SENT_TEXT[became]])


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
    from refbus_gateway.cli.syncing import SENT_TEXT, try_to_send
    from refbus_gateway.courses import emergencies  # late: the help needs none of it
    from refbus_gateway.people import officers  # late: the help needs none of it
    from refbus_gateway.store import referrals

    gateway = session.gateway
    officers.find(session.home, officer)
    with gateway.store.read() as tx:
        referrals.get(tx, number)  # before anybody types a passphrase
    passphrase = officer_passphrase(f"Passphrase of officer {officer}", officer_passphrase_file)
    pair = officers.unlock(gateway, session.home, officer, passphrase)
    with gateway.store.write() as tx:
        emergencies.review(gateway, tx, number, ReviewResult(result), pair)
    became = try_to_send(session, later=later)
    session.tell({"emergency": number, "result": result, "delivery": became}, [SENT_TEXT[became]])


@group.command()
@click.argument("number", type=int)
@example("refbus emergency show 4")
@with_session
def show(session: Session, number: int) -> None:
    """Open an emergency disclosure; what it told is shown until it ends."""
    from refbus_gateway.cli.syncing import synchronised, try_to_send
    from refbus_gateway.courses import opening  # late: the help needs none of it

    synchronised(session)
    with session.gateway.store.write() as tx:
        opened = opening.open_referral(session.gateway, tx, number, session.language)
    try_to_send(session)
    session.tell(opened_value(opened), opened_texts(opened, session.language))
