"""`refbus backup` and `refbus restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from refbus.output import say
from refbus_gateway.cli.prompts import ask_yes
from refbus_gateway.cli.session import Session, example, with_session, words

if TYPE_CHECKING:
    from refbus_gateway.actions.home import BackupSettings, HomeRestored


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@example("refbus backup /media/usb/refbus-2026-09-21")
@with_session
def backup(session: Session, folder: Path) -> None:
    """Copy keys, directory and store into one new folder, while everything may be running.

    Key files stay encrypted and the store stays sealed. Keep the passphrase somewhere else.
    """
    from refbus_gateway.actions import home  # late: nothing else here needs it

    done = home.back_up(session.desk, session.actor, folder)
    session.tell(done, [words().text("%(files)s files in %(folder)s.", files=done.files, folder=done.folder)])


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
    from refbus_gateway.actions import home  # late: nothing else here needs it

    def use(settings: BackupSettings) -> bool:
        return use_settings or asked_about_settings(session, settings)

    place, entry = session.home_path, home.Entry(session.passphrase(), session.name)
    done = home.restore(place, session.founder, folder, entry, clock=session.clock, use=use, unproven=unproven)
    session.tell(done, lines_of_restore(done))


def asked_about_settings(session: Session, settings: BackupSettings) -> bool:
    """Show what the backup would run and whom it would talk to, and ask; scripts are not asked and get no."""
    if session.as_json:
        return False
    command = " ".join(settings.notify_command) or words().text("none")
    say(
        words().text(
            "The backup's broker is %(bootstrap)s, TLS folder %(tls)s,",
            bootstrap=settings.bootstrap or words().text("none"),
            tls=settings.tls or words().text("none"),
        ),
        err=True,
    )
    say(words().text("the command that is run on news: %(command)s", command=command), err=True)
    try:
        return ask_yes(words(), words().text("Use them on this computer?"), default=False)
    except click.Abort:  # nobody is there to ask
        return False


def lines_of_restore(done: HomeRestored) -> list[str]:
    """Return what is told after a restore."""
    lines = [words().text("Restored %(org_id)s.", org_id=done.org_id)]
    if done.before is not None:
        lines.append(
            words().text("The home as it was is %(before)s: destroy it when you no longer need it.", before=done.before)
        )
    if done.kept_store:
        lines.append(
            words().text(
                "Its store was sound and has all that the backup has: it was kept, and nothing in it is forgotten."
            )
        )
    if not done.proven:
        lines.append(
            words().text("Nothing proves who wrote this backup: look at cases and keys before you rely on them.")
        )
    if done.settings == "asked":
        lines.append(words().text("Its settings are not used: refbus home connect, and refbus home notify."))
    return [*lines, words().text("Now run `refbus sync`: what came since is read again.")]
