"""`refbus-ops directory backup`: a copy that counts only when the directory came back from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from refbus.clock import machine_ms
from refbus.errors import Code, SetupError
from refbus.files import copy_whole, flush_folder, make_folder, store_errors
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
    if target.exists():
        raise SetupError(Code.USAGE, f"{target.name} is there already: a backup takes a new folder")
    draft, scratch = (target.with_name(f".{target.name}.{state}") for state in ("writing", "restored"))
    try:
        for each in (draft, scratch):
            shutil.rmtree(each, ignore_errors=True)
            with store_errors(each.name):
                make_folder(each)
        files = _files(paths.out, (*_PUBLIC, *_KEYS) if keys else _PUBLIC)
        for path in files:
            copy_whole(path, draft / path.relative_to(paths.out))
        copy_whole(draft / paths.root.name, scratch / paths.root.name)
        found = recovery.restore(FederationPaths(scratch), [draft / paths.repository.name], machine_ms())
        with store_errors(target.name):
            draft.rename(target)
            flush_folder(target.parent)
    finally:
        for each in (draft, scratch):
            shutil.rmtree(each, ignore_errors=True)
    say(f"{target}: {len(files)} files; version {found.version} was restored from them")


def _files(out: Path, folders: tuple[str, ...]) -> list[Path]:
    """Return the files at the top of the federation's folder and in these folders of it."""
    found = [path for path in out.glob("*") if not path.name.startswith(".")]
    for folder in folders:
        found += (out / folder).rglob("*")
    return sorted(path for path in found if path.is_file() and not path.is_symlink())
