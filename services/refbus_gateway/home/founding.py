"""The first keys of a home that is whole or not there: made beside it, then let in, `org.json` last.

.begun           being made; a stop leaves it, and it is made anew
.begun.whole     made; whatever of it is not in its place yet is moved there (`settle`)
"""

from __future__ import annotations

import shutil
from typing import Final

from refbus.files import alone_in, flush_folder, make_folder, store_errors
from refbus.trust.member.enrolment import Profile
from refbus_gateway.home import key_changes
from refbus_gateway.home.folder import LEFT_OUT, Home, restored_beside

_DRAFT: Final = ".begun"
_WHOLE: Final = ".begun.whole"
_LAST: Final = "org.json"


def is_new(home: Home) -> bool:
    """Whether a first home may be made in this folder: it is missing or empty, and no restore into it was cut."""
    whole = home.path.resolve()
    if restored_beside(whole).exists():
        return False
    return not whole.exists() or (whole.is_dir() and {path.name for path in whole.iterdir()} <= LEFT_OUT | {_DRAFT})


def make_place(home: Home) -> None:
    """Make the folder of a home to come, for its owner alone; end the making of one that was cut. Raises StoreError."""
    with store_errors(home.path.name):
        make_folder(home.path)
    settle(home)


def found(home: Home, profile: Profile, passphrase: str, now_ms: int) -> bytes:
    """Make a home with first keys and return its enrolment request. Raises SetupError USAGE, StoreError."""
    make_place(home)
    draft = home.path / _DRAFT
    with alone_in(home.path):
        with store_errors(_DRAFT):
            shutil.rmtree(draft, ignore_errors=True)
        request = key_changes.init(Home(draft), profile, passphrase, now_ms)
        with store_errors(_DRAFT):
            draft.rename(home.path / _WHOLE)
            flush_folder(home.path)
    settle(home)
    return request


def settle(home: Home) -> None:
    """Move a home that was made to its place, if one is there. Raises StoreError."""
    made = home.path / _WHOLE
    if not made.is_dir():
        return
    with store_errors(_WHOLE):
        for path in sorted(made.iterdir(), key=lambda each: each.name == _LAST):
            path.rename(home.path / path.name)
            flush_folder(home.path)
        made.rmdir()
