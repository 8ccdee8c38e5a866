"""A backup of a node's home while it works: a folder that is kept only after it was restored elsewhere from it.

Key files stay encrypted under their passphrase, stores sealed as they are. The folder is written beside its place and
takes its name when a restore of it, into a scratch home, has succeeded: what has the name of a backup is one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from refbus.errors import Code, SetupError
from refbus.files import copy_whole, flush_folder, make_folder, store_errors
from refbus.node.homecopy import files_of

_DRAFT = ".{}.writing"
_SCRATCH = ".{}.restored"


def back_up(
    home: Path,
    target: Path,
    folders: Sequence[str],
    databases: Mapping[str, Callable[[Path], None]],
    restored: Callable[[Path, Path], object],
) -> int:
    """Write a backup of `home` into the new folder `target`; return how many files it has.

    `folders` are those of the home beside its keys; `databases` maps the names of copies to what writes them;
    `restored` restores a backup into a home that is
    empty, and raises when that does not work. Raises SetupError USAGE when `target` is there; StoreError.
    """
    with new_backup(target) as (draft, scratch):
        for each in (draft, scratch):
            with store_errors(each.name):
                make_folder(each / "store")
        files = files_of(home, folders)
        for path in files:
            copy_whole(path, draft / path.relative_to(home))
        for name, copy in databases.items():
            copy(draft / name)
        restored(scratch, draft)
    return len(files) + len(databases)


@contextmanager
def new_backup(target: Path) -> Iterator[tuple[Path, Path]]:
    """Give a folder for a backup and an empty one to restore it into; without an error the first becomes `target`.

    Raises SetupError USAGE when `target` is there; StoreError.
    """
    if target.exists():
        raise SetupError(Code.USAGE, f"{target.name} is there already: a backup takes a new folder")
    draft, scratch = (target.with_name(form.format(target.name)) for form in (_DRAFT, _SCRATCH))
    try:
        for each in (draft, scratch):
            shutil.rmtree(each, ignore_errors=True)
            with store_errors(each.name):
                make_folder(each)
        yield draft, scratch
        with store_errors(target.name):
            draft.rename(target)
            flush_folder(target.parent)
    finally:
        for each in (draft, scratch):
            shutil.rmtree(each, ignore_errors=True)
