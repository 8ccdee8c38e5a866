"""`refbus consent`: what a person agreed to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from refbus.output import put_json
from refbus_gateway.cli.consent_changes import add_changes, take_form
from refbus_gateway.cli.restored import add_confirm
from refbus_gateway.cli.session import Session, example, with_session

if TYPE_CHECKING:
    from refbus_gateway.consent.versions import Version
    from refbus_gateway.consent.withdrawals import Withdrawn
    from refbus_gateway.forms.consentfile import ConsentForm
    from refbus_gateway.store.session import Transaction


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
    from refbus_gateway.cases import casework  # late: only needed here
    from refbus_gateway.cli.case import resolve
    from refbus_gateway.forms.consent_template import form
    from refbus_gateway.rules import age_check  # late: only needed here

    with session.gateway.store.write() as tx:
        found = resolve(session, tx, case)
        file = casework.file_of(session.gateway, tx, found)
        age = age_check.age_in_case(session.gateway, tx, found)
    put_json(form(session.gateway, file, to, age), indent=2)


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
    from refbus_gateway.cases import casework  # late: the help needs none of it
    from refbus_gateway.cases.casework import MAX_CASE_FILE
    from refbus_gateway.cli.asking import ask_consent
    from refbus_gateway.cli.case import resolve
    from refbus_gateway.cli.content import read_content
    from refbus_gateway.cli.naming import organisation_named
    from refbus_gateway.consent import versions  # late: the help needs none of it
    from refbus_gateway.rules import age_check  # late: the help needs none of it

    gateway = session.gateway
    with gateway.store.write() as tx:
        found = resolve(session, tx, case)
        held = (
            (casework.file_of(gateway, tx, found), age_check.age_in_case(gateway, tx, found)) if file is None else None
        )
    if held is not None:
        content = ask_consent(gateway, held[0], to, held[1])
    else:
        content = read_content(file or Path(), MAX_CASE_FILE)

    def sign(tx: Transaction, form: ConsentForm) -> Version:
        return versions.grant(gateway, found, tx, form.organisation, form)

    take_form(session, found.id, content, sign, to=organisation_named(to) if to and file else None)


@group.command()
@click.argument("case")
@example("refbus consent show 3")
@with_session
def show(session: Session, case: str) -> None:
    """Show every version of every consent of a case, what it changed, and what it permits."""
    from refbus.core.consent.change import change_between, follows  # late: the help needs none of it
    from refbus_gateway.cli.case import resolve
    from refbus_gateway.cli.show import time_text
    from refbus_gateway.store import consents

    with session.gateway.store.write() as tx:
        kept = consents.of_case(tx, resolve(session, tx, case))
    value, lines = [], []
    records = [each.signed.record for each in kept]
    for record in records:
        before = next((each for each in records if follows(each, record)), None)
        change = change_between(before, record) if before else None
        rules = [
            {"effect": rule.effect, "purposes": rule.purposes, "actions": rule.actions, "data": rule.data_categories}
            for rule in record.provisions
        ]
        value.append(
            {
                "organisation": record.party,
                "collected_by": record.collected_by,
                "consent_id": record.consent_id.hex(),
                "version": record.version,
                "state": record.state,
                "change": change,
                "said_at_ms": record.event_time_ms,
                "valid_until_ms": record.valid_until_ms,
                "rules": rules,
            }
        )
        until = time_text(record.valid_until_ms)
        lines.append(f"{record.party}  version {record.version}  {change or record.state}  until {until}")
        lines += [f"    {rule['effect']} {' '.join(rule['data'])}" for rule in rules]
    session.tell(value, lines or ["No consent yet: refbus consent new"])


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
    from refbus_gateway.cases import casework
    from refbus_gateway.cli.case import resolve
    from refbus_gateway.cli.naming import organisation_named  # late: the help needs none of it
    from refbus_gateway.cli.syncing import SENT_TEXT, try_to_send
    from refbus_gateway.consent import withdrawals

    org = organisation_named(to) if to else None
    with session.gateway.store.write() as tx:
        found = resolve(session, tx, case)
    done = withdrawals.stop(session.gateway, found.id, org)
    with session.gateway.store.read() as tx:
        copies = casework.copies_of(tx, found)
    told = [each for each in done if each.notified]
    became = try_to_send(session, later=later) if told else "sent"
    value = [
        {
            "organisation": each.org,
            "version": each.version,
            "notified": each.notified,
            "not_told": each.code,
            "taken_back": each.taken_back,
        }
        for each in done
    ]
    lines = [f"{each.org}: withdrawn{_told_text(each)}." for each in done]
    lines += [f"Case {copy} has the same content: refbus consent withdraw {copy}" for copy in copies]
    session.tell(
        {"case": found.id, "withdrawn": value, "delivery": became, "same_content_as_cases": copies},
        [*lines, *([SENT_TEXT[became]] if told else [])],
    )


def _told_text(done: Withdrawn) -> str:
    if done.code is not None:
        return f" here, but not told yet ({done.code}): call them; it is tried again without end"
    return ", being told" if done.notified else ", had received nothing"


add_changes(group)
add_confirm(group)
