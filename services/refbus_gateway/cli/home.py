"""`refbus home`: the folder of this organisation."""

from __future__ import annotations

from pathlib import Path

import click

from refbus.errors import Code, SetupError
from refbus_gateway.cli.restored import add_confirm_restored
from refbus_gateway.cli.session import Session, example, with_session


@click.group(name="home")
def group() -> None:
    """Make a home folder, connect it to the broker, show it."""


@group.command()
@example("refbus home show")
@with_session
def show(session: Session) -> None:
    """Show whose home this is and how it is connected."""
    session.home.require()
    identity, config = session.home.member.identity(), session.home.config()
    value = {
        "home": str(session.home.path),
        "org_id": identity.org_id,
        "country": identity.country,
        "role": identity.role,
        "bootstrap": config.bootstrap,
        "tls": config.tls,
        "notify_command": list(config.notify_command),
        "has_keys": session.home.store_key.is_file(),
    }
    session.tell(value, [f"{name}: {text}" for name, text in value.items()])


@group.command()
@click.option("--bootstrap", required=True, help="Broker of this country, HOST:PORT, more with commas.")
@click.option(
    "--tls", type=click.Path(path_type=Path, exists=True), help="Folder with ca.pem, certificate.pem, key.pem."
)
@example("refbus home connect --bootstrap broker.example:9093 --tls /etc/refbus/tls")
@with_session
def connect(session: Session, bootstrap: str, tls: Path | None) -> None:
    """Say where the broker of this country is. The environment (REFBUS_BOOTSTRAP_KZ) goes before it."""
    from dataclasses import replace  # late: only needed here

    from refbus_gateway.sync.broker import KafkaBus

    session.home.require()
    KafkaBus(bootstrap, tls).check()
    config = replace(session.home.config(), bootstrap=bootstrap, tls=str(tls.resolve()) if tls else "")
    session.home.save_config(config)
    session.tell({"bootstrap": bootstrap}, ["Kept. Try it with `refbus sync`."])


@group.command()
@click.option("--every", type=click.IntRange(10, 86_400), default=300, show_default=True, help="Seconds between pings.")
@click.argument("command", nargs=-1)
@example(
    'refbus home notify -- notify-send "Referral Bus"', "refbus home notify                     # no pings any more"
)
@with_session
def notify(session: Session, every: int, command: tuple[str, ...]) -> None:
    """Run a command when something new has arrived. It is given a count and no word about any case."""
    from dataclasses import replace  # late: only needed here

    session.home.require()
    session.home.save_config(replace(session.home.config(), notify_command=command, notify_interval_s=every))
    session.tell({"notify_command": list(command)}, ["Kept. `refbus run` uses it from its next start."])


@group.command()
@click.argument("root", type=click.Path(path_type=Path))
@example("refbus home trust root.json")
@with_session
def trust(session: Session, root: Path) -> None:
    """Pin the federation's initial root, from a file whose SHA-256 you compared by telephone."""
    from refbus_gateway.home.folder import read_limited  # late: only needed here

    session.home.require()
    session.home.member.pin_root(read_limited(root, 524_288))
    session.tell({"pinned": True}, ["Pinned. The directory comes with `refbus sync`, or from `refbus home directory`."])


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
    from refbus.trust.layout import list_files  # late: only needed here
    from refbus_gateway.directory import door

    if not folder.is_dir():
        raise SetupError(Code.FILE_UNREADABLE, folder.name)
    gateway = session.gateway
    files = list_files(folder)
    if unlogged:
        door.take_unlogged(gateway, files)
    else:
        door.take_proven(gateway, files, _proofs(folder, [path for path, _ in files]))
    latest = gateway.history.latest
    session.tell(
        {"version": latest.version, "organisations": len(latest.organisations)},
        [f"Directory version {latest.version} is in force: {len(latest.organisations)} members."],
    )


def _proofs(folder: Path, paths: list[str]) -> dict[str, bytes]:
    from refbus_gateway.home.folder import read_limited  # late: only needed here

    beside = {path: folder / f"{path}.tlog-proof" for path in paths}
    return {path: read_limited(file, 65_536) for path, file in beside.items() if file.is_file()}


add_confirm_restored(group)
