"""`refbus backup` and `refbus restore`."""

from __future__ import annotations

from pathlib import Path

import click

from refbus_gateway.cli.session import Session, example, with_session


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@example("refbus backup /media/usb/refbus-2026-09-21")
@with_session
def backup(session: Session, folder: Path) -> None:
    """Copy keys, directory and store into one new folder, while everything may be running.

    Key files stay encrypted and the store stays sealed. Keep the passphrase somewhere else.
    """
    from refbus_gateway import backups  # late: nothing else here needs it

    count = backups.back_up(session.gateway, folder)
    session.tell({"files": count, "folder": str(folder)}, [f"{count} files in {folder}."])


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@example("refbus --home ~/refbus restore /media/usb/refbus-2026-09-21")
@with_session
def restore(session: Session, folder: Path) -> None:
    """Bring a backup back. The home as it is now is kept beside it; what was erased is erased again."""
    from refbus_gateway import backups  # late: nothing else here needs it

    org_id = backups.restore(folder, session.home)
    session.gateway.load_directory()
    session.tell({"org_id": org_id}, [f"Restored {org_id}. Run `refbus sync`: what came since is read again."])
