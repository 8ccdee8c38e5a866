"""`refbus consent`: what a person agreed to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from refbus.output import put_json, say
from refbus_gateway.cli.consent_changes import add_changes, read_form, take_form
from refbus_gateway.cli.restored import add_confirm
from refbus_gateway.cli.session import Session, example, with_session, words
from refbus_gateway.words.catalogue import mark

if TYPE_CHECKING:
    from refbus_gateway.actions.cases import CaseName
    from refbus_gateway.actions.consent import OrganisationWithdrawn, VersionShown


@click.group(name="consent")
def group() -> None:
    """Take down what a person agreed to, show it, withdraw it."""


@group.command()
@click.argument("case")
@click.option("--to", help="Organisation; else the one that the case file names.")
@example("refbus consent new case.json --to uz-she1ter1 > consent.json")
@with_session
def new(session: Session, case: str, to: str | None) -> None:
    """Print a consent form to fill in for a case. It asks for what the case holds; only the person can say yes."""
    from refbus_gateway.actions import consent  # late: only needed here
    from refbus_gateway.cli.case import case_name

    put_json(consent.new_form(session.desk, session.actor, case_name(case), to), indent=2)


@group.command()
@click.argument("case")
@click.option(
    "--file", type=click.Path(path_type=Path), help="Filled-in form, - for standard input; without it the command asks."
)
@click.option("--to", help="Organisation, when the command asks; else the one that the case file names.")
@example("refbus consent grant case.json --file consent.json", "refbus consent grant 3 --to uz-she1ter1")
@with_session
def grant(session: Session, case: str, file: Path | None, to: str | None) -> None:
    """Take down what the person said about one organisation, and sign it. A later answer is a new version.

    A no counts with a form that cannot be taken as it is: state REFUSED and the organisation are enough.
    """
    from refbus_gateway.cli.case import case_name  # late: the help needs none of it
    from refbus_gateway.cli.names import organisation_named

    name = case_name(case)
    if file is None:
        _ask(session, name, to)
    else:
        take_form(session, name, read_form(file), to=organisation_named(to) if to else None, later=True)


def _ask(session: Session, case: CaseName, to: str | None) -> None:
    from refbus_gateway.actions import consent  # late: the help needs none of it
    from refbus_gateway.cli.consent_questions import Kept, ask_consent

    asked = consent.questions(session.desk, session.actor, case)
    kept = Kept(session, asked.case)
    try:
        form = ask_consent(session, asked, to, kept)
    except click.Abort:
        if kept.given and kept.keeps:
            told = words().text(
                "What was answered is kept: refbus consent grant %(case)s goes on with it.", case=asked.case
            )
            say(told, err=True)
        raise
    take_form(session, asked.case, form, later=True)
    kept.drop()


@group.command()
@click.argument("case")
@example("refbus consent show 3")
@with_session
def show(session: Session, case: str) -> None:
    """Show every version of every consent of a case, what it changed, and what it permits."""
    from refbus_gateway.actions import consent  # late: the help needs none of it
    from refbus_gateway.cli.case import case_name

    found = consent.shown(session.desk, session.actor, case_name(case))
    lines = [line for each in found for line in _version_lines(each)]
    session.tell(found, lines or [words().text("No consent yet: refbus consent new")])


def _version_lines(each: VersionShown) -> list[str]:
    from refbus_gateway.cli.show import time_text  # late: the help needs none of it

    until = time_text(each.valid_until_ms)
    head = words().text(
        "%(organisation)s  version %(version)s  %(change)s  until %(until)s",
        organisation=each.organisation,
        version=each.version,
        change=each.change or each.state,
        until=until,
    )
    return [head, *(f"    {rule.effect} {' '.join(rule.data or rule.purposes)}" for rule in each.rules)]


@group.command()
@click.argument("case")
@click.option("--to", help="Only towards this organisation; else towards all.")
@click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it.")
@example("refbus consent withdraw 3")
@with_session
def withdraw(session: Session, case: str, to: str | None, *, later: bool) -> None:
    """Record that the person withdrew. Nothing goes out from now on, and everyone who received something is told.

    It counts here at once, whatever fails: no line, an old directory, an organisation without a key. Whoever cannot be
    told now is told as soon as it can be done; `refbus status` says whom to call.
    """
    from refbus_gateway.actions import consent  # late: the help needs none of it
    from refbus_gateway.cli.case import case_name
    from refbus_gateway.cli.names import organisation_named
    from refbus_gateway.cli.show import sent_text

    org = organisation_named(to) if to else None
    done = consent.withdraw(session.desk, session.actor, case_name(case), org, later=later)
    lines = [_told_text(each) for each in done.withdrawn]
    copies = done.same_content_as_cases
    lines += [
        words().text("Case %(copy)s has the same content: refbus consent withdraw %(copy)s", copy=copy)
        for copy in copies
    ]
    told = any(each.notified for each in done.withdrawn)
    session.tell(done, [*lines, *([sent_text(done.delivery)] if told else [])])


_BEING_TOLD: Final = mark("%(org)s: withdrawn, being told.")
_HAD_NOTHING: Final = mark("%(org)s: withdrawn, had received nothing.")


def _told_text(done: OrganisationWithdrawn) -> str:
    if done.not_told is not None:
        return words().text(
            "%(org)s: withdrawn here, but not told yet (%(code)s): call them; it is tried again without end.",
            org=done.organisation,
            code=done.not_told,
        )
    text = _BEING_TOLD if done.notified else _HAD_NOTHING
    return words().text(text, org=done.organisation)


add_changes(group)
add_confirm(group)
