"""`refbus orgs`: whom one can refer to."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from refbus_gateway.cli.session import Session, example, with_session, words

if TYPE_CHECKING:
    from refbus_gateway.actions.organisations import Member


@click.group(name="orgs")
def group() -> None:
    """Find organisations that one can refer to."""


@group.command()
@click.option("--country", help="Country code, e.g. uz.")
@click.option("--service", help="Service needed, code of htcds.spl_Type, e.g. Legal.")
@click.option("--language", help="Language spoken, ISO 639, e.g. uz.")
@example("refbus orgs find --country uz --service Legal --language ru")
@with_session
def find(session: Session, country: str | None, service: str | None, language: str | None) -> None:
    """Find active organisations by country, service and language."""
    from refbus_gateway.actions import organisations  # late: only needed here

    found = organisations.find(session.desk, session.actor, country=country, service=service, language=language)
    session.tell(found, [_text(each) for each in found] or [words().text("None. Ask for less.")])


@group.command()
@click.argument("org_id")
@example("refbus orgs show uz-she1ter1")
@with_session
def show(session: Session, org_id: str) -> None:
    """Show one organisation."""
    from refbus_gateway.actions import organisations  # late: only needed here
    from refbus_gateway.cli.names import organisation_named

    found = organisations.show(session.desk, session.actor, organisation_named(org_id))
    shown = {**asdict(found), "services": list(found.services), "languages": list(found.languages)}
    session.tell(found, [f"{name}: {text}" for name, text in shown.items()])


def _text(each: Member) -> str:
    return f"{each.org_id:12} {each.label}  [{', '.join(each.services)}]  {' '.join(each.languages)}"
