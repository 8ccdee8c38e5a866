"""The file of a key slot: whose it is, and the home secret sealed to that public key (docs/spec/key-slots.md).

What slots are for is in `refbus_gateway.home.slots`.
"""

from __future__ import annotations

import hmac
import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from refbus.core.ids import OrgId
from refbus.crypto.framing import lp, sha256
from refbus.crypto.kem import KemPrivate, KemPublic
from refbus.crypto.secretbox import hkdf_sha256
from refbus.crypto.stanza import Box, open_stanza, seal_stanza
from refbus.errors import Code, RefbusError, SetupError
from refbus.files import write_whole
from refbus.said import said
from refbus_gateway.home import keyfolder
from refbus_gateway.home.folder import Home, read_json_object

FORMAT: Final = "refbus-slot/1"
MOST_NAME: Final = 64
"""Most characters of a name to sign in with."""
PEOPLE: Final = "people"
"""The folder in `keys` that has the slots."""
_LIMIT: Final = 16_384
_MAC: Final = b"refbus/v1/home/slot\0"


@dataclass(frozen=True, slots=True)
class Slot:
    """The public part of a slot. `name`: SHA-256 of salt and name, which hides it from a glance and no more."""

    slot_id: str
    org: OrgId
    salt: bytes
    name: bytes
    public: bytes

    def head(self) -> dict[str, str]:
        """Return what the sealed home secret is bound to."""
        named = {"format": FORMAT, "id": self.slot_id, "org": self.org}
        return {**named, "name": self.name.hex(), "public": self.public.hex(), "salt": self.salt.hex()}

    def bound(self) -> bytes:
        """Return the SHA-256 of the head as JSON with sorted names and no blanks."""
        return sha256(_json(self.head()))


def plain_name(name: str) -> str:
    """Return a sign-in name as it is compared: NFKC, no case, single blanks. Raises SetupError USAGE."""
    plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    if not 0 < len(plain) <= MOST_NAME or not plain.isprintable():
        raise SetupError(
            Code.USAGE, said("a name to sign in with has 1 to %(most)s printable characters", most=MOST_NAME)
        )
    return plain


def unseal(private: KemPrivate, slot: Slot, sealed: bytes, mac: bytes) -> bytes:
    """Return the home secret by the private key of a slot. Raises SetupError KEYFILE_DAMAGED."""
    secret = open_stanza(Box.HOME, private, slot.bound(), sealed)
    if secret is None or not hmac.compare_digest(mac, _mac(secret, slot, sealed)):
        raise damaged(f"{slot.slot_id}.slot")
    return secret


def proven(home: Home, slot_id: str, secret: bytes) -> Slot:
    """Return a slot that somebody made who had the home secret. Raises SetupError KEYFILE_DAMAGED."""
    slot, sealed, mac = read(home, f"{slot_id}.slot")
    if not hmac.compare_digest(mac, _mac(secret, slot, sealed)):
        raise damaged(f"{slot_id}.slot")
    return slot


def folder_of(home: Home) -> Path:
    """Return where the slots of a home are."""
    return home.path / keyfolder.KEYS / PEOPLE


def hidden(salt: bytes, name: str) -> bytes:
    """Return what a slot has of a name to sign in with. Raises SetupError USAGE."""
    return sha256(lp(salt) + lp(plain_name(name).encode()))


def write(folder: Path, slot: Slot, secret: bytes) -> None:
    """Write a slot that the home secret is sealed to. Raises StoreError."""
    sealed = seal_stanza(Box.HOME, KemPublic.parse(slot.public), slot.bound(), secret)
    body = {**slot.head(), "mac": _mac(secret, slot, sealed).hex(), "sealed": sealed.hex()}
    whole = {**body, "sha256": sha256(_json(body)).hex()}
    write_whole(folder / f"{slot.slot_id}.slot", json.dumps(whole, indent=2).encode() + b"\n")


def _mac(secret: bytes, slot: Slot, sealed: bytes) -> bytes:
    """Return what shows that a slot was made by somebody who had the home secret."""
    return hmac.digest(hkdf_sha256(secret, _MAC, 32), lp(slot.bound()) + sealed, "sha256")


def read(home: Home, file_name: str) -> tuple[Slot, bytes, bytes]:
    """Return a slot, the sealed secret and its MAC. Raises SetupError KEYFILE_DAMAGED."""
    body: dict[str, Any] = dict(read_json_object(folder_of(home) / file_name, _LIMIT, Code.KEYFILE_DAMAGED))
    digest = body.pop("sha256", None)
    try:
        sound = digest == sha256(_json(body)).hex() and body["format"] == FORMAT
        parts = [bytes.fromhex(body[name]) for name in ("salt", "name", "public", "sealed", "mac")]
        slot = Slot(str(body["id"]), OrgId(str(body["org"])), *parts[:3])
    except (KeyError, TypeError, ValueError):
        raise damaged(file_name) from None
    if not sound or f"{slot.slot_id}.slot" != file_name or slot.org != home.member.identity().org_id:
        raise damaged(file_name)
    return slot, parts[3], parts[4]


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def damaged(name: str) -> RefbusError:
    """Return the error for a file of a slot that is not what was written."""
    return SetupError(Code.KEYFILE_DAMAGED, f"people/{name}")
