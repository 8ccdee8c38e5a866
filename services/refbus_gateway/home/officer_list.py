"""The files of an organisation's officers in its home: the list, and the roll under which the organisation vouches.

`officers/officers.json` lists the public keys and roles, `officers/<key id>.key` holds one private key each, and
`officers/roll` is the list as the organisation's key signed it (docs/case-workers/emergency.md).
"""

from __future__ import annotations

import json
from typing import Final

from refbus.core.consent.legal_basis import Officer
from refbus.core.ids import KeyId
from refbus.errors import Code, SetupError
from refbus.files import store_errors, write_whole
from refbus.said import said
from refbus_gateway.home.folder import Home, read_json_object

LIMIT: Final = 65_536
"""Most bytes of the list and of the roll."""
_LIST: Final = "officers.json"
_ROLL: Final = "roll"


def has_list(home: Home | None) -> bool:
    """Whether a home has a list of officers that is not empty."""
    path = None if home is None else home.officers / _LIST
    return path is not None and path.is_file() and path.stat().st_size > 0


def is_unvouched(home: Home) -> bool:
    """Whether there is a list of officers that nobody has vouched for, as after a restore."""
    return has_list(home) and not is_vouched(home)


def is_vouched(home: Home | None) -> bool:
    """Whether a home has a list of officers of its own, and the roll with which somebody vouched for it."""
    return home is not None and has_list(home) and (home.officers / _ROLL).is_file()


def settle_restored(home: Home, *, vouched: bool) -> None:
    """Make of what a restore brought together one list, in the copy `home`: nobody who was removed comes back unseen.

    Keys of officers who are not in the list are destroyed again. Unless list and roll are the home's own (`vouched`),
    an emergency needs that a person looked at the list first: the roll goes. A roll never comes back from a backup, not
    even where an earlier restore brought the list. Raises StoreError.
    """
    with store_errors("officers"):
        if has_list(home):
            names = {each.kid.hex() for each in read(home)}
            for path in home.officers.glob("*.key"):
                if path.stem not in names:
                    path.unlink()
        if not vouched:
            (home.officers / _ROLL).unlink(missing_ok=True)


def read(home: Home) -> list[Officer]:
    """Return the officers of a home. Raises SetupError HOME_DAMAGED when the list is gone, FILE_UNREADABLE."""
    path = home.officers / _LIST
    if not has_list(home):
        if path.exists() or (home.officers / _ROLL).exists():  # a key alone is from a first `add` that was cut
            raise SetupError(
                Code.HOME_DAMAGED, said("%(file)s is missing or empty: restore it", file=f"officers/{_LIST}")
            )
        return []
    try:
        rows = read_json_object(path, LIMIT, Code.FILE_UNREADABLE)["officers"]
        return [Officer(KeyId(bytes.fromhex(row["kid"])), bytes.fromhex(row["ed25519"]), row["role"]) for row in rows]
    except (KeyError, TypeError, ValueError):
        raise SetupError(Code.FILE_UNREADABLE, f"officers/{_LIST}") from None


def save(home: Home, officers: list[Officer]) -> None:
    """Write the list of a home. Raises StoreError."""
    rows = [{"kid": each.kid.hex(), "ed25519": each.ed25519.hex(), "role": each.role} for each in officers]
    write_whole(home.officers / _LIST, json.dumps({"officers": rows}, indent=2).encode())
