"""`refbus profile`: what this organisation says of itself, so that others can choose and call it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from refbus.output import put_json
from refbus_gateway.cli.session import Session, example, with_session, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from refbus.core.profile import LocalText
    from refbus_gateway.actions.profiles import ProfileSaved, ProfileShown


@click.group(name="profile")
def group() -> None:
    """Say how others can call this organisation: telephone, hours, area, room, languages. No person's name."""


@group.command()
@example("refbus profile show")
@with_session
def show(session: Session) -> None:
    """Show the own profile as others see it, and whether the gate has handed it on."""
    from refbus_gateway.actions import profiles  # late: the help needs none of it

    found = profiles.show(session.desk, session.actor)
    if found.profile is None:
        session.tell(found, [words().text("No profile yet: refbus profile file > profile.json")])
        return
    handed = words().text("Others have this version.") if found.handed_on else words().text("It is on its way.")
    session.tell(found, [*profile_lines(found.profile), handed])


@group.command(name="file")
@example("refbus profile file > profile.json")
@with_session
def file_(session: Session) -> None:
    """Print the own profile, or an empty one, to be edited and put back with `refbus profile save`."""
    from refbus_gateway.actions import profiles  # late: the help needs none of it

    put_json(profiles.show(session.desk, session.actor).file, indent=2)


@group.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--later", is_flag=True, help="Keep it and send it with the next `refbus sync` or `refbus run`.")
@example("refbus profile file > profile.json", "refbus profile save profile.json")
@with_session
def save(session: Session, file: Path, *, later: bool) -> None:
    """Sign an edited profile and send it to all members. FILE may be - for standard input.

    No person's name; an area, and no street where somebody may sleep.
    """
    from refbus_gateway.actions import profiles  # late: the help needs none of it
    from refbus_gateway.cli.case import case_content

    _tell(session, profiles.save(session.desk, session.actor, case_content(file), later=later))


@group.command()
@click.argument("room", type=click.Choice(["NONE", "FEW", "FREE"], case_sensitive=False))
@click.option("--places", type=click.IntRange(0, 10_000), help="How many places are free.")
@click.option("--later", is_flag=True, help="Keep it and send it with the next `refbus sync` or `refbus run`.")
@example("refbus profile capacity FEW --places 2")
@with_session
def capacity(session: Session, room: str, places: int | None, *, later: bool) -> None:
    """Say how much room there is today."""
    from refbus.core.profile import Capacity  # late: the help needs none of it
    from refbus_gateway.actions import profiles

    _tell(session, profiles.set_capacity(session.desk, session.actor, Capacity(room.upper()), places, later=later))


def profile_lines(profile: ProfileShown) -> list[str]:
    """Return what an organisation says of itself, a line for each thing that is stated."""
    from refbus_gateway.cli.show import time_text  # late: the help needs none of it
    from refbus_gateway.words import contacts

    room = contacts.capacity(words(), profile.capacity, profile.places)
    stated = (
        (words().text("Name"), _texts(profile.names)),
        (words().text("Telephone"), ", ".join(map(contacts.telephone, profile.telephones))),
        (words().text("Hours, their clocks"), contacts.hours(words(), profile.hours)),
        (words().text("Area"), _texts(profile.area)),
        (words().text("Address"), _texts(profile.address)),
        (words().text("Room"), f"{room} ({time_text(profile.capacity_at_ms)})" if room else ""),
        (words().text("For whom"), contacts.served(words(), profile.serves)),
        (
            words().text("Languages"),
            words().listed(contacts.language_name(words(), each) for each in profile.languages),
        ),
        (words().text("Where to take consent back"), _texts(profile.withdrawal)),
        (words().text("As of"), time_text(profile.changed_at_ms)),
    )
    lines = [f"{name}: {text}" for name, text in stated if text]
    return [*lines, words().text("This is old: ask them whether it still holds.")] if profile.old else lines


def _texts(texts: Iterable[LocalText]) -> str:
    return "; ".join(f"{each.text} [{each.language}]" for each in texts)


def _tell(session: Session, saved: ProfileSaved) -> None:
    from refbus_gateway.cli.show import sent_text  # late: the help needs none of it

    session.tell(
        saved, [words().text("Signed as version %(version)s.", version=saved.version), sent_text(saved.delivery)]
    )
