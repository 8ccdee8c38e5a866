"""`refbus-ops directory backup`: a copy that counts only when the directory came back from it."""

from __future__ import annotations

from pathlib import Path

import click

from refbus.clock import machine_ms
from refbus.files import copy_whole
from refbus.node.homebackup import new_backup
from refbus.output import say
from refbus.trust.publisher import recovery
from refbus.trust.publisher.ceremony import FederationPaths

_PUBLIC = ("repository", "staged")
_KEYS = ("anchors", "delegations", "online")


@click.command()
@click.argument("target", type=click.Path(path_type=Path, file_okay=False))
@click.option("--keys", is_flag=True, help="The key files that are here too, encrypted as they are; keep that apart.")
@click.pass_obj
def backup(paths: FederationPaths, target: Path, keys: bool) -> None:
    """Copy the federation's folder to the new folder TARGET: root, what is published and staged, and with --keys keys.

    Before it gets its name the directory is restored from it elsewhere and verified from the root. To bring it back:
    `refbus-ops directory restore --seen GATE-HOME/directory --from TARGET/repository`. Homes of members have backups
    of their own.
    """
    with new_backup(target) as (draft, scratch):
        files = _files(paths.out, (*_PUBLIC, *_KEYS) if keys else _PUBLIC)
        for path in files:
            copy_whole(path, draft / path.relative_to(paths.out))
        copy_whole(draft / paths.root.name, scratch / paths.root.name)
        found = recovery.restore(FederationPaths(scratch), [draft / paths.repository.name], machine_ms())
    say(f"{target}: {len(files)} files; version {found.version} was restored from them")


def _files(out: Path, folders: tuple[str, ...]) -> list[Path]:
    """Return the files at the top of the federation's folder and in these folders of it."""
    found = [path for path in out.glob("*") if not path.name.startswith(".")]
    for folder in folders:
        found += (out / folder).rglob("*")
    return sorted(path for path in found if path.is_file() and not path.is_symlink())
