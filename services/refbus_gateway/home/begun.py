"""The first keys of a home on their way in: made beside it, then moved, `org.json` last, so that there is one or none.

.begun           being made; a stop leaves it, and it is made anew
.begun.whole     made; whatever of it is not in its place yet is moved there (`settle`)

Versions before made them in their place, `org.json` first: what a stop left of that is no home (`is_unfinished`).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from refbus.files import alone_in, flush_folder, store_errors
from refbus_gateway.home import keyfolder

DRAFT: Final = ".begun"
WHOLE: Final = ".begun.whole"
REQUEST: Final = "enrolment-request.json"
ORG: Final = "org.json"
_USED: Final = (
    *(REQUEST, "root.json", "directory", "store.db", "store.made"),
    *("keys/store.key", "keys/people", *keyfolder.UNSETTLED),
)
"""What only a home with whole first keys has: the request is written behind them, the rest by working with it."""


def has_keys(home: Path) -> bool:
    """Whether there is a key file in a folder."""
    return any((home / keyfolder.KEYS).glob("*.key"))


def is_unfinished(home: Path) -> bool:
    """Whether the making of first keys was cut here: the folder says whose it is, and nobody can have worked with it.

    Such a folder proves no passphrase. Its keys were shown to nobody.
    """
    return (home / ORG).is_file() and not any(map(os.path.exists, map(home.joinpath, _USED)))


def settle(home: Path) -> None:
    """Move first keys that were made to their place, if there are some. Raises StoreError."""
    made = home / WHOLE
    if not made.is_dir():
        return
    with alone_in(home), store_errors(WHOLE):
        if not made.is_dir():  # another command was faster
            return
        order = (keyfolder.KEYS, REQUEST, ORG)  # whether keys that are there may go is judged before a request is
        for path in sorted(made.iterdir(), key=lambda each: order.index(each.name)):
            target = home / path.name
            if target.is_dir() and (is_unfinished(home) or not has_keys(home)):
                shutil.rmtree(target)
            path.rename(target)
            flush_folder(home)
        made.rmdir()
