"""`refbus orgs`: whom one can refer to, and how to call them."""

from __future__ import annotations

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
@click.option("--language", help="Language spoken: a code in any usual form, or its name, e.g. tg, tgk.")
@click.option("--for", "serves", help="Whom they must help: WOMEN, MEN, CHILDREN or ACCESSIBLE.")
@example("refbus orgs find --country uz --service Legal --language ru --for WOMEN")
@with_session
def find(session: Session, country: str | None, service: str | None, language: str | None, serves: str | None) -> None:
    """Find active organisations by country, service, language and whom they help."""
    from refbus_gateway.actions import organisations  # late: only needed here

    wanted = {"country": country, "service": service, "language": language, "serves": serves}
    found = organisations.find(session.desk, session.actor, **wanted)
    session.tell(found, [line for each in found for line in _lines(each)] or [words().text("None. Ask for less.")])


@group.command()
@click.argument("org_id")
@example("refbus orgs show uz-she1ter1")
@with_session
def show(session: Session, org_id: str) -> None:
    """Show one organisation."""
    from refbus_gateway.actions import organisations  # late: only needed here
    from refbus_gateway.cli.names import organisation_named
    from refbus_gateway.cli.profile import profile_lines

    found = organisations.show(session.desk, session.actor, organisation_named(org_id))
    facts = ("org_id", "country", "role", "status", "label", "services", "languages")
    shown = {name: getattr(found, name) for name in facts}
    lines = [f"{name}: {text if isinstance(text, str) else ', '.join(text)}" for name, text in shown.items()]
    session.tell(found, [*lines, *(profile_lines(found.profile) if found.profile else ())])


def _lines(each: Member) -> list[str]:
    """Return an organisation as the directory has it, and below it what it says of itself."""
    from refbus_gateway.words import contacts  # late: only needed here

    head = f"{each.org_id:12} {each.label}  [{', '.join(each.services)}]  {' '.join(each.languages)}"
    said = each.profile
    if said is None:
        return [head]
    told = (
        said.name(words().language),
        contacts.telephone(said.telephones[0]) if said.telephones else "",
        contacts.hours(words(), said.hours),
        contacts.capacity(words(), said.capacity, said.places),
        contacts.served(words(), said.serves),
    )
    below = "  ".join(text for text in told if text)
    return [head, f"{'':12} {below}"] if below else [head]
