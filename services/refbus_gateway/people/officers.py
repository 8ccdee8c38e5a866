"""The officers of an organisation: each has a key of one's own, under one's own passphrase; the organisation vouches.

Their files are in `home.officer_list`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from refbus.core.consent.legal_basis import MOST_ROLL_DAYS, Officer, OfficerRoll
from refbus.core.units import DAY_MS
from refbus.crypto import keyfile
from refbus.crypto.signing import SigningPair
from refbus.envelope.legal_basis import sign_roll
from refbus.errors import Code, SetupError
from refbus.files import alone_in, read_limited, write_whole
from refbus.said import said
from refbus.wire.codelists import code_list
from refbus.wire.legal_basis import ROLES, SignedRoll, decode_signed_roll, encode_signed_roll
from refbus_gateway.home import officer_list
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import Gateway

ROLL_DAYS: Final = MOST_ROLL_DAYS - 10


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
    with alone_in(home.officers):
        officer_list.save(home, [*officer_list.read(home), officer])
        _renew(gateway, home)
    return officer


def require_role(role: str) -> None:
    """Raise SetupError USAGE unless an officer can have this role."""
    if role not in code_list(ROLES).codes:
        raise SetupError(Code.USAGE, said("the role is one of %(codes)s", codes=", ".join(code_list(ROLES).codes)))


def remove(gateway: Gateway, home: Home, name: str) -> Officer:
    """Take an officer off the list and the roll, and destroy the key. Raises SetupError USAGE."""
    with alone_in(home.officers):
        gone = find(home, name)
        officer_list.save(home, [each for each in officer_list.read(home) if each.kid != gone.kid])
        _renew(gateway, home)
    (home.officers / f"{gone.kid.hex()}.key").unlink(missing_ok=True)
    return gone


def renew(gateway: Gateway, home: Home) -> SignedRoll:
    """Let the organisation vouch for its officers anew, for ninety days."""
    with alone_in(home.officers):
        return _renew(gateway, home)


def _renew(gateway: Gateway, home: Home) -> SignedRoll:
    now_ms = gateway.now_ms()
    roll = OfficerRoll(gateway.me, now_ms, now_ms + ROLL_DAYS * DAY_MS, tuple(officer_list.read(home)))
    signed = sign_roll(roll, gateway.keys.signer(gateway.directory(), gateway.me, now_ms))
    write_whole(home.officers / "roll", encode_signed_roll(signed))
    return signed


def roll_of(home: Home) -> SignedRoll:
    """Return the roll. Raises SetupError USAGE while there is no officer, or nobody has vouched for those that are."""
    path = home.officers / "roll"
    if not path.is_file():
        known = said("look at them, then: refbus officers renew") if officer_list.read(home) else "refbus officers add"
        raise SetupError(Code.USAGE, said("the organisation vouches for no officers: %(known)s", known=known))
    return decode_signed_roll(read_limited(path, officer_list.LIMIT))


def listed(home: Home, now_ms: int) -> list[Listed]:
    """Return every officer."""
    known = officer_list.read(home)
    roll = roll_of(home).roll if known and not officer_list.is_unvouched(home) else None
    named = {each.kid for each in roll.officers} if roll and now_ms < roll.valid_until_ms else set()
    return [Listed(each, each.kid in named) for each in known]


def unlock(gateway: Gateway, home: Home, name: str, passphrase: str) -> SigningPair:
    """Return the key of an officer, who types the passphrase. Raises SetupError USAGE, KEYFILE_*."""
    officer = find(home, name)
    label, secret = keyfile.load(home.officers / f"{officer.kid.hex()}.key", passphrase)
    if label != _label(gateway):
        raise SetupError(Code.KEYFILE_DAMAGED, said("the key of another organisation's officer"))
    return SigningPair.from_secret(secret)


def _label(gateway: Gateway) -> str:
    return f"officer {gateway.me}"


def find(home: Home, name: str) -> Officer:
    """Return the officer whose key id begins so. Raises SetupError USAGE when none does, or several do."""
    found = [each for each in officer_list.read(home) if each.kid.hex().startswith(name.lower())]
    if len(found) != 1 or len(name) < 4:
        raise SetupError(Code.USAGE, said("name an officer by the first letters of the key id: refbus officers list"))
    return found[0]
