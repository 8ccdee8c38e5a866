"""`refbus backup` and `refbus restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from refbus.output import say
from refbus_gateway.cli.session import Session, example, with_session

if TYPE_CHECKING:
    from refbus_gateway.home.folder import Config
    from refbus_gateway.home.restore import Restored


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@example("refbus backup /media/usb/refbus-2026-09-21")
@with_session
def backup(session: Session, folder: Path) -> None:
    """Copy keys, directory and store into one new folder, while everything may be running.

    Key files stay encrypted and the store stays sealed. Keep the passphrase somewhere else.
    """
    from refbus_gateway.home import backups  # late: nothing else here needs it

    count = backups.back_up(session.gateway, folder)
    session.tell({"files": count, "folder": str(folder)}, [f"{count} files in {folder}."])


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--unproven", is_flag=True, help="Take a backup of an older version, which does not prove who wrote it.")
@click.option("--use-settings", is_flag=True, help="Use broker and commands of the backup without a question.")
@example("refbus --home ~/refbus restore /media/usb/refbus-2026-09-21")
@with_session
def restore(session: Session, folder: Path, *, unproven: bool, use_settings: bool) -> None:
    """Bring a backup back. What the home still has and is sound stays, so it never gets older by this.

    Stop `refbus run` first. It may be given again if it was cut. The home as it is now is kept beside it; what was
    erased stays erased. Where the store of the backup is used, nothing is sent before `refbus sync` has read everything
    and `refbus home confirm-restored` was given.
    """
    from refbus_gateway.home.restore import restore as bring_back  # late: nothing else here needs it

    done = bring_back(folder, session.home, session.passphrase(), session.clock, unproven=unproven)
    used = done.settings is not None and (use_settings or _asked(session, done.settings))
    if used and done.settings is not None:
        from refbus_gateway.home.folder import Home

        Home(done.path).save_config(done.settings)
    value = {
        "org_id": done.backup.org_id,
        "home": str(done.path),
        "before": str(done.before) if done.before else None,
        "proven": done.backup.proven,
        "kept_store": done.kept_store,
        "settings": "used" if used else "asked" if done.settings is not None else "kept",
    }
    session.tell(value, _lines(done, used=used))


def _asked(session: Session, settings: Config) -> bool:
    """Show what the backup would run and whom it would talk to, and ask; scripts are not asked and get no."""
    if session.as_json:
        return False
    command = " ".join(settings.notify_command) or "none"
    say(f"The backup's broker is {settings.bootstrap or 'none'}, TLS folder {settings.tls or 'none'},", err=True)
    say(f"the command that is run on news: {command}", err=True)
    try:
        return click.confirm("Use them on this computer?", default=False, err=True)
    except click.Abort:  # nobody is there to ask
        return False


def _lines(done: Restored, *, used: bool) -> list[str]:
    lines = [f"Restored {done.backup.org_id}."]
    if done.before is not None:
        lines.append(f"The home as it was is {done.before}: destroy it when you no longer need it.")
    if done.kept_store:
        lines.append(
            "Its store was sound and has all that the backup has: it was kept, and nothing in it is forgotten."
        )
    if not done.backup.proven:
        lines.append("Nothing proves who wrote this backup: look at cases and keys before you rely on them.")
    if done.settings is not None and not used:
        lines.append("Its settings are not used: refbus home connect, and refbus home notify.")
    return [*lines, "Now run `refbus sync`: what came since is read again."]
