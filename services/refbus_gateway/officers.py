"""The officers of an organisation: each has a key of one's own, under one's own passphrase; the organisation vouches.

`officers/officers.json` lists the public keys and roles, `officers/<key id>.key` holds one private key each, and
`officers/roll` is the list as the organisation's key signed it (docs/case-workers/emergency.md).
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Final

from refbus.core.ids import KeyId
from refbus.core.legal_basis import MOST_ROLL_DAYS, Officer, OfficerRoll
from refbus.crypto import keyfile
from refbus.crypto.signing import SigningPair
from refbus.envelope.legal_basis import sign_roll
from refbus.errors import Code, SetupError
from refbus.files import store_errors, write_whole
from refbus.wire.codelists import code_list
from refbus.wire.legal_basis import ROLES, SignedRoll, decode_signed_roll, encode_signed_roll
from refbus_gateway.gateway import Gateway
from refbus_gateway.home import Home, read_json_object, read_limited

_DAY_MS: Final = 86_400_000
ROLL_DAYS: Final = MOST_ROLL_DAYS - 10
_LIMIT: Final = 65_536
_LIST: Final = "officers.json"


@dataclass(frozen=True, slots=True)
class Listed:
    """An officer of the list, and whether the organisation's roll names that key now."""

    officer: Officer
    endorsed: bool


def add(gateway: Gateway, home: Home, role: str, passphrase: str, memory_kib: int = keyfile.MEMORY_KIB) -> Officer:
    """Make a key for an officer, and sign the roll anew with it. Raises SetupError USAGE for an unknown role."""
    require_role(role)
    pair = SigningPair(secrets.token_bytes(32), None)
    path = home.officers / f"{pair.kid.hex()}.key"
    keyfile.save(path, passphrase, _label(gateway), pair.secret, memory_kib=memory_kib)
    officer = Officer(pair.kid, pair.public_ed25519, role)
    _save(home, [*_officers(home), officer])
    renew(gateway, home)
    return officer


def require_role(role: str) -> None:
    """Raise SetupError USAGE unless an officer can have this role."""
    if role not in code_list(ROLES).codes:
        raise SetupError(Code.USAGE, f"the role is one of {', '.join(code_list(ROLES).codes)}")


def remove(gateway: Gateway, home: Home, name: str) -> Officer:
    """Take an officer off the list and the roll, and destroy the key. Raises SetupError USAGE."""
    gone = find(home, name)
    _save(home, [each for each in _officers(home) if each.kid != gone.kid])
    renew(gateway, home)
    (home.officers / f"{gone.kid.hex()}.key").unlink(missing_ok=True)
    return gone


def renew(gateway: Gateway, home: Home) -> SignedRoll:
    """Let the organisation vouch for its officers anew, for ninety days."""
    now_ms = gateway.now_ms()
    roll = OfficerRoll(gateway.me, now_ms, now_ms + ROLL_DAYS * _DAY_MS, tuple(_officers(home)))
    signed = sign_roll(roll, gateway.keys.signer(gateway.directory(), gateway.me, now_ms))
    write_whole(home.officers / "roll", encode_signed_roll(signed))
    return signed


def roll_of(home: Home) -> SignedRoll:
    """Return the roll. Raises SetupError USAGE while there is no officer, or nobody has vouched for those that are."""
    path = home.officers / "roll"
    if not path.is_file():
        known = "look at them, then: refbus officers renew" if _officers(home) else "refbus officers add"
        raise SetupError(Code.USAGE, f"the organisation vouches for no officers: {known}")
    return decode_signed_roll(read_limited(path, _LIMIT))


def listed(home: Home, now_ms: int) -> list[Listed]:
    """Return every officer."""
    known = _officers(home)
    roll = roll_of(home).roll if known and not is_unvouched(home) else None
    named = {each.kid for each in roll.officers} if roll and now_ms < roll.valid_until_ms else set()
    return [Listed(each, each.kid in named) for each in known]


def has_list(home: Home | None) -> bool:
    """Whether a home has a list of officers that is not empty."""
    path = None if home is None else home.officers / _LIST
    return path is not None and path.is_file() and path.stat().st_size > 0


def is_unvouched(home: Home) -> bool:
    """Whether there is a list of officers that nobody has vouched for, as after a restore."""
    return has_list(home) and not (home.officers / "roll").is_file()


def settle_restored(home: Home, *, own_list: bool) -> None:
    """Make of what a restore brought together one list, in the copy `home`: nobody who was removed comes back unseen.

    Keys of officers who are not in the list are destroyed again. Unless the list is the home's own, an emergency needs
    that a person looked at it first: the roll, under which the organisation vouches for them, goes. Raises StoreError.
    """
    with store_errors("officers"):
        if has_list(home):
            names = {each.kid.hex() for each in _officers(home)}
            for path in home.officers.glob("*.key"):
                if path.stem not in names:
                    path.unlink()
        if not own_list:
            (home.officers / "roll").unlink(missing_ok=True)


def unlock(gateway: Gateway, home: Home, name: str, passphrase: str) -> SigningPair:
    """Return the key of an officer, who types the passphrase. Raises SetupError USAGE, KEYFILE_*."""
    officer = find(home, name)
    label, secret = keyfile.load(home.officers / f"{officer.kid.hex()}.key", passphrase)
    if label != _label(gateway):
        raise SetupError(Code.KEYFILE_DAMAGED, "the key of another organisation's officer")
    return SigningPair.from_secret(secret)


def _label(gateway: Gateway) -> str:
    return f"officer {gateway.me}"


def find(home: Home, name: str) -> Officer:
    """Return the officer whose key id begins so. Raises SetupError USAGE when none does, or several do."""
    found = [each for each in _officers(home) if each.kid.hex().startswith(name.lower())]
    if len(found) != 1 or len(name) < 4:
        raise SetupError(Code.USAGE, "name an officer by the first letters of the key id: refbus officers list")
    return found[0]


def _officers(home: Home) -> list[Officer]:
    path = home.officers / _LIST
    if not has_list(home):
        if path.exists() or (home.officers / "roll").exists():  # a key alone is from a first `add` that was cut
            raise SetupError(Code.HOME_DAMAGED, f"officers/{_LIST} is missing or empty: restore it")
        return []
    rows = read_json_object(path, _LIMIT, Code.FILE_UNREADABLE)["officers"]
    return [Officer(KeyId(bytes.fromhex(row["kid"])), bytes.fromhex(row["ed25519"]), row["role"]) for row in rows]


def _save(home: Home, officers: list[Officer]) -> None:
    rows = [{"kid": each.kid.hex(), "ed25519": each.ed25519.hex(), "role": each.role} for each in officers]
    write_whole(home.officers / _LIST, json.dumps({"officers": rows}, indent=2).encode())
