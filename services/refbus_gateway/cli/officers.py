"""`refbus officers`: who may decide about an emergency; each officer has a key under a passphrase of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from refbus_gateway.cli.session import Session, example, with_session, words
from refbus_gateway.words.catalogue import mark

_NOT_ENDORSED: Final = mark("not endorsed: refbus officers renew")


@click.group(name="officers")
def group() -> None:
    """Keep the officers who may decide about an emergency disclosure, and review one."""


@group.command()
@click.option("--role", required=True, help="A code of refbus.WorkerRole, such as DUTY_OFFICER; never a name.")
@click.option("--key-passphrase-file", type=click.Path(path_type=Path), help="The officer's passphrase; else asked.")
@example("refbus officers add --role DUTY_OFFICER")
@with_session
def add(session: Session, role: str, key_passphrase_file: Path | None) -> None:
    """Make a key for an officer. The officer types a passphrase of one's own; the organisation signs its roll anew."""
    from refbus_gateway.actions import officers  # late: the help needs none of it

    officers.require_role(session.desk, session.actor, role)
    passphrase = officer_passphrase(words().text("The officer's own passphrase"), key_passphrase_file, confirm=True)
    made = officers.add(session.desk, session.actor, role, passphrase)
    session.tell(made, [words().text("Officer %(officer)s: %(role)s.", officer=made.officer, role=made.role)])


@group.command(name="list")
@example("refbus officers list")
@with_session
def list_(session: Session) -> None:
    """List the officers, and whether the organisation vouches for each now."""
    from refbus_gateway.actions import officers  # late: the help needs none of it

    found = officers.listed(session.desk, session.actor, session.clock())
    texts = [f"{each.officer}  {each.role:24} {'' if each.endorsed else words().text(_NOT_ENDORSED)}" for each in found]
    session.tell(found, texts or [words().text("No officer yet: refbus officers add --role DUTY_OFFICER")])


@group.command()
@example("refbus officers renew")
@with_session
def renew(session: Session) -> None:
    """Let the organisation vouch for its officers anew, for ninety days."""
    from refbus_gateway.actions import officers  # late: the help needs none of it
    from refbus_gateway.cli.show import time_text

    done = officers.renew(session.desk, session.actor)
    session.tell(done, [words().text("Valid until %(date)s.", date=time_text(done.valid_until_ms))])


@group.command()
@click.argument("officer")
@example("refbus officers remove 3f9c")
@with_session
def remove(session: Session, officer: str) -> None:
    """Take an officer off the roll and destroy the key. OFFICER is the beginning of the key id."""
    from refbus_gateway.actions import officers  # late: the help needs none of it

    session.tell(officers.remove(session.desk, session.actor, officer), [words().text("Removed.")])


def officer_passphrase(prompt: str, path: Path | None, *, confirm: bool = False) -> str:
    """Return an officer's passphrase: from a file, else typed."""
    from refbus.settings import read_secret_file  # late: the help needs none of it

    if path is not None:
        return read_secret_file(path).decode("utf-8", "surrogateescape")
    typed: str = click.prompt(prompt, hide_input=True, err=True, confirmation_prompt=confirm)
    return typed
