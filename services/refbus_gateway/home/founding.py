"""The first keys of a home that is whole or not there (`refbus_gateway.home.begun`)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from refbus.errors import Code, SetupError
from refbus.files import TEMPORARY, alone_in, flush_folder, flush_tree, make_folder, store_errors
from refbus.said import said
from refbus.trust.member.enrolment import Profile
from refbus_gateway.home import begun, key_changes, keyfolder
from refbus_gateway.home.folder import LEFT_OUT, Home, restored_beside

_EMPTY: Final = LEFT_OUT | {begun.DRAFT}


def is_new(home: Home) -> bool:
    """Whether a first home may be made in this folder: it is missing or empty, and no restore into it was cut.

    What the making of first keys left when it was cut is as good as empty.
    """
    whole = home.path.resolve()
    if restored_beside(whole).exists():
        return False
    if not whole.exists():
        return True
    if not whole.is_dir():
        return False
    names = {path.name for path in whole.iterdir() if not path.name.startswith(TEMPORARY)} - _EMPTY
    return not names or (names <= {begun.ORG, keyfolder.KEYS} and _is_cut(whole))


def _is_cut(whole: Path) -> bool:
    """Whether all that is here was left by a making of first keys that was cut."""
    empty = not (whole / begun.ORG).exists() and (whole / keyfolder.KEYS).is_dir() and not begun.has_keys(whole)
    return empty or begun.is_unfinished(whole)


def make_place(home: Home) -> None:
    """Make the folder of a home to come, for its owner alone; end the making of one that was cut. Raises StoreError."""
    with store_errors(home.path.name):
        make_folder(home.path)
    begun.settle(home.path)


def found(home: Home, profile: Profile, passphrase: str, now_ms: int) -> bytes:
    """Make a home with first keys and return its enrolment request.

    Raises SetupError USAGE when the folder is a home already, StoreError.
    """
    make_place(home)
    draft = home.path / begun.DRAFT
    with alone_in(home.path):
        unfinished = begun.is_unfinished(home.path)
        if not unfinished and ((home.path / begun.ORG).exists() or begun.has_keys(home.path)):
            raise SetupError(Code.USAGE, said("this home has keys already: refbus keys rotate makes new ones"))
        with store_errors(begun.DRAFT):
            shutil.rmtree(draft, ignore_errors=True)
        request = key_changes.init(Home(draft), profile, passphrase, now_ms)
        with store_errors(begun.DRAFT):
            flush_tree(draft)
            draft.rename(home.path / begun.WHOLE)
            flush_folder(home.path)
    begun.settle(home.path)
    return request
