"""`refbus orgs`: whom one can refer to."""

from __future__ import annotations

import click

from refbus.core.directory import Organisation, OrgStatus
from refbus_gateway.cli.session import Session, example, with_session


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
    now_ms = session.gateway.now_ms()
    found = [
        each
        for each in session.gateway.directory().organisations.values()
        if each.services
        and each.status is OrgStatus.ACTIVE
        and each.current_kem_key(now_ms)
        and country in {None, each.country}
        and (service is None or service in each.services)
        and (language is None or language in each.languages)
    ]
    found.sort(key=lambda each: (each.country, each.label))
    session.tell([_plain(each) for each in found], [_text(each) for each in found] or ["None. Ask for less."])


@group.command()
@click.argument("org_id")
@example("refbus orgs show uz-she1ter1")
@with_session
def show(session: Session, org_id: str) -> None:
    """Show one organisation."""
    from refbus_gateway.cli.naming import organisation_named  # late: only needed here

    each = session.gateway.organisation(organisation_named(org_id))
    session.tell(_plain(each), [f"{name}: {text}" for name, text in _plain(each).items()])


def _plain(each: Organisation) -> dict[str, object]:
    return {
        "org_id": each.org_id,
        "country": each.country,
        "role": each.role,
        "status": each.status,
        "label": each.label,
        "services": list(each.services),
        "languages": list(each.languages),
    }


def _text(each: Organisation) -> str:
    return f"{each.org_id:12} {each.label}  [{', '.join(each.services)}]  {' '.join(each.languages)}"
