"""`refbus home`: the folder of this organisation."""

from __future__ import annotations

from pathlib import Path

import click

from refbus.core.units import DAY_S
from refbus_gateway.cli.restored import add_confirm_restored
from refbus_gateway.cli.session import Session, example, with_session, words


@click.group(name="home")
def group() -> None:
    """Make a home folder, connect it to the broker, show it."""


@group.command()
@example("refbus home show")
@with_session
def show(session: Session) -> None:
    """Show whose home this is and how it is connected."""
    from refbus_gateway.actions import home  # late: the help needs none of it
    from refbus_gateway.actions.shape import json_of

    found = home.show(session.desk, session.actor)
    session.tell(found, [f"{name}: {text}" for name, text in json_of(found).items()])


@group.command()
@click.option("--bootstrap", required=True, help="Broker of this country, HOST:PORT, more with commas.")
@click.option(
    "--tls", type=click.Path(path_type=Path, exists=True), help="Folder with ca.pem, certificate.pem, key.pem."
)
@example("refbus home connect --bootstrap broker.example:9093 --tls /etc/refbus/tls")
@with_session
def connect(session: Session, bootstrap: str, tls: Path | None) -> None:
    """Say where the broker of this country is. The environment (REFBUS_BOOTSTRAP_KZ) goes before it."""
    from refbus_gateway.actions import home  # late: the help needs none of it

    session.tell(
        home.connect(session.desk, session.actor, bootstrap, tls), [words().text("Kept. Try it with `refbus sync`.")]
    )


@group.command()
@click.option("--every", type=click.IntRange(10, DAY_S), default=300, show_default=True, help="Seconds between pings.")
@click.argument("command", nargs=-1)
@example('refbus home notify -- notify-send "Referral Bus"', "refbus home notify")
@with_session
def notify(session: Session, every: int, command: tuple[str, ...]) -> None:
    """Run a command when something new has arrived. It is given a count and no word about any case."""
    from refbus_gateway.actions import home  # late: the help needs none of it

    kept = home.notify(session.desk, session.actor, command, every)
    session.tell(kept, [words().text("Kept. `refbus run` uses it from its next start.")])


@group.command()
@click.argument("root", type=click.Path(path_type=Path))
@example("refbus home trust root.json")
@with_session
def trust(session: Session, root: Path) -> None:
    """Pin the federation's initial root, from a file whose SHA-256 you compared by telephone."""
    from refbus.files import read_limited  # late: only needed here
    from refbus_gateway.actions import home

    desk, actor = session.desk, session.actor
    pinned = home.trust(desk, actor, read_limited(root, 524_288))
    session.tell(
        pinned, [words().text("Pinned. The directory comes with `refbus sync`, or from `refbus home directory`.")]
    )


@group.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--unlogged",
    is_flag=True,
    help="Take it on its signatures alone. Only when you compared it with the ceremony yourself: whoever holds the "
    "directory's keys could have made it for this office alone, and no log would show it.",
)
@example("refbus home directory /media/usb/repository")
@with_session
def directory(session: Session, folder: Path, *, unlogged: bool) -> None:
    """Take the directory from a folder (metadata/ and targets/), for a place without a line.

    Where the country demands its audit log, each metadata file needs its proof beside it (NAME.json.tlog-proof).
    """
    from refbus_gateway.actions import home  # late: only needed here

    taken = home.take_directory(session.desk, session.actor, folder, unlogged=unlogged)
    session.tell(
        taken,
        [
            words().text(
                "Directory version %(version)s is in force: %(organisations)s members.",
                version=taken.version,
                organisations=taken.organisations,
            )
        ],
    )


add_confirm_restored(group)
