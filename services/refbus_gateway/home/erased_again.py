"""Erasing again after a restore: a backup has the case keys of its day, and the list beside the store goes before it.

The list (refbus.database.erased) has one line for each case: its keyed hash and, so that only this home can name a
case, the hash of that under the home's key. Versions before wrote the keyed hash alone: such a line counts in the
list of the home itself, never in one that comes from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from refbus.database import erased as lists
from refbus.errors import StoreError
from refbus_gateway.home.folder import MANIFEST, Home
from refbus_gateway.store import cases, erasures
from refbus_gateway.store.session import Store
from refbus_gateway.store.vault import Vault

LIST: Final = "erased"
_NAME_BYTES: Final = 32
_MOST_FOREIGN: Final = 4_194_304
"""Bytes that are read of a list that comes from elsewhere: 32,500 cases."""
_MOST_BARE: Final = 65_536
_MOST_PLACES: Final = 32


@dataclass(frozen=True, slots=True)
class Listed:
    """What lists name. `proven`: whole names, which only this home can make; `bare`: hashes that anybody can write.

    `unread`: lists that could not be read, by place.
    """

    proven: frozenset[bytes] = frozenset()
    bare: frozenset[bytes] = frozenset()
    unread: tuple[str, ...] = ()

    def __or__(self, other: Listed) -> Listed:
        """Return what both name; of bare hashes no more than are worth a look."""
        room = max(0, _MOST_BARE - len(self.bare))
        bare = self.bare | frozenset(sorted(other.bare - self.bare)[:room])
        return Listed(self.proven | other.proven, bare, self.unread + other.unread)


def name_of(vault: Vault, case_hash: bytes) -> bytes:
    """Return the name under which a case stands in a list, 64 bytes."""
    return case_hash + vault.hash("erased", case_hash)


def own_list(path: Path, vault: Vault) -> Listed:
    """Return what the list of a home on this computer names; a bare hash in it counts. Raises StoreError."""
    bare = {bytes.fromhex(line) for line in lists.noted(path)}
    proven = _proven(vault, lists.noted(path, size=2 * _NAME_BYTES))
    return Listed(proven | {name_of(vault, case_hash) for case_hash in bare})


def foreign_lists(folder: Path, vault: Vault) -> Listed:
    """Return what the lists of a backup, and of the 32 last others in the same place by name, name.

    A list that cannot be read, and what is beyond 4 MiB of it, is left out.
    """
    found = Listed()
    for place in (folder, *_beside(folder)):
        try:
            found |= foreign_list(place / LIST, vault)
        except StoreError:  # of that medium, not of ours
            found |= Listed(unread=(place.name,))
    return found


def foreign_list(path: Path, vault: Vault) -> Listed:
    """Return what one list names; 4 MiB of it are read. Raises StoreError."""
    bare = lists.noted(path, most=_MOST_FOREIGN)
    return Listed(
        _proven(vault, lists.noted(path, size=2 * _NAME_BYTES, most=_MOST_FOREIGN)),
        frozenset(bytes.fromhex(line) for line in sorted(bare)[:_MOST_BARE]),
    )


def note(home: Home, names: Iterable[bytes]) -> None:
    """Write down, in the home and in every backup that is within reach, that these are erased. Raises StoreError."""
    names = list(names)
    lists.note(home.erased, names)
    for folder in places(home):
        if (folder / MANIFEST).is_file():
            with suppress(StoreError):  # a stick that is full or read-only: the home's own list has it
                lists.note(folder / LIST, names)


def places(home: Home) -> list[Path]:
    """Return where the last backups of a home were written, the newest first."""
    try:
        lines = home.backups.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [Path(line) for line in dict.fromkeys(reversed(lines)) if line][:_MOST_PLACES]


def again(home: Home, store: Store, now_ms: int) -> int:
    """Erase again whatever the home's list names and the store still has; return how many cases that were.

    A case whose erasure this store knows of is left to `erasures.settle`, which finishes it with word to the others.
    No case is opened for it. Bare hashes are written down once more as names, here and in the backups. Raises
    StoreError.
    """
    if not home.erased.is_file():
        return 0
    with store.read() as tx:
        wanted, live = own_list(home.erased, tx.vault).proven, cases.live_hashes(tx)
    _name_bare(home, wanted)
    hashes = {name[:_NAME_BYTES] for name in wanted}
    found = [number for number, case_hash in live.items() if case_hash in hashes]
    if found:
        with store.write() as tx:
            for number in found:
                erasures.destroy(tx, cases.without_key(tx, number), now_ms)
        store.scrub()
    return len(found)


def _name_bare(home: Home, wanted: frozenset[bytes]) -> None:
    """Add, never rewrite: another process of this home may add a line in the same moment."""
    known = lists.noted(home.erased, size=2 * _NAME_BYTES)
    missing = [name for name in sorted(wanted) if name.hex() not in known]
    if missing:
        note(home, missing)


def _proven(vault: Vault, lines: Iterable[str]) -> frozenset[bytes]:
    names = (bytes.fromhex(line) for line in lines)
    return frozenset(name for name in names if name == name_of(vault, name[:_NAME_BYTES]))


def _beside(folder: Path) -> list[Path]:
    try:
        others = [other for other in folder.resolve().parent.iterdir() if (other / MANIFEST).is_file()]
    except OSError:
        return []
    return sorted((other for other in others if other != folder.resolve()), reverse=True)[:_MOST_PLACES]
