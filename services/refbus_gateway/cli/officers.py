"""`refbus officers`: who may decide about an emergency; each officer has a key under a passphrase of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from refbus_gateway.cli.prompts import ask_secret
from refbus_gateway.cli.session import Session, example, with_session, words
from refbus_gateway.words.catalogue import mark

if TYPE_CHECKING:
    from refbus_gateway.actions.people import Second

_FILE: Final = click.Path(path_type=Path)
SECOND: Final = click.option("--second", help="Another person who agrees, by the name to sign in with.")
SECOND_FILE: Final = click.option("--second-passphrase-file", type=_FILE, help="Passphrase of that person; else asked.")
_NOT_ENDORSED: Final = mark("not endorsed: refbus officers renew")


@click.group(name="officers")
def group() -> None:
    """Keep the officers who may decide about an emergency disclosure, and review one."""


@group.command()
@click.option("--role", required=True, help="A code of refbus.WorkerRole, such as DUTY_OFFICER; never a name.")
@click.option("--key-passphrase-file", type=_FILE, help="The officer's passphrase; else asked.")
@SECOND
@SECOND_FILE
@example("refbus officers add --role DUTY_OFFICER")
@with_session
def add(session: Session, /, role: str, key_passphrase_file: Path | None, **given: Path | str | None) -> None:
    """Make a key for an officer. The officer types a passphrase of one's own; the organisation signs its roll anew."""
    from refbus_gateway.actions import officers  # late: the help needs none of it

    officers.require_role(session.desk, session.actor, role)
    passphrase = officer_passphrase(words().text("The officer's own passphrase"), key_passphrase_file, confirm=True)
    made = officers.add(session.desk, session.actor, role, passphrase, second_of(given))
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
    return ask_secret(words(), prompt, confirm=confirm)


def second_of(given: Mapping[str, Path | str | None]) -> Second | None:
    """Return the person who agrees, if one was named."""
    from refbus_gateway.actions.people import Second  # late: the help needs none of it

    name, path = given["second"], given["second_passphrase_file"]
    if not isinstance(name, str):
        return None
    prompt = words().text("Passphrase of %(name)s", name=name)
    return Second(name, officer_passphrase(prompt, path if isinstance(path, Path) else None))
