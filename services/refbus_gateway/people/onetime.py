"""One-time codes from a telephone at sign-in (TOTP, RFC 6238: SHA-1, 30 s, six digits), and spare ones on paper."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from refbus_gateway.people.users import Person

STEP_S: Final = 30
SPARE: Final = 8
"""How many spare codes there are."""
_DIGITS: Final = 6
_SECRET_BYTES: Final = 20
_SPARE_BYTES: Final = 10


@dataclass(frozen=True, slots=True)
class Begun:
    """What a person writes down once: the secret for the telephone (base32), its address for a QR code, spare codes."""

    secret: str
    address: str
    spare: tuple[str, ...]


def begin(person: Person, label: str) -> tuple[Person, Begun]:
    """Begin one-time codes for somebody; return the person as kept, and what is shown until `confirm`."""
    secret = secrets.token_bytes(_SECRET_BYTES)
    spare = tuple(base64.b32encode(secrets.token_bytes(_SPARE_BYTES)).decode().lower() for _ in range(SPARE))
    return replace(person, pending=(secret.hex(), *spare)), _begun(person, label, secret, spare)


def waiting(person: Person, label: str) -> Begun | None:
    """Return what was begun and waits for a first code, None where nothing does."""
    if not person.pending:
        return None
    secret, *spare = person.pending
    return _begun(person, label, bytes.fromhex(secret), tuple(spare))


def confirm(person: Person, code: str, now_ms: int) -> Person | None:
    """Return the person with what was begun in use, after a first code from the telephone; None for a wrong one."""
    secret, *spare = person.pending
    hashed = tuple(_hashed(each) for each in spare)
    made = replace(person, secret=secret, step=0, spare=hashed, pending=())
    used = use(made, code, now_ms)
    return used if used is not None and used.spare == hashed else None


def end(person: Person) -> Person:
    """Take the one-time codes away, and what was begun."""
    return replace(person, secret="", step=0, spare=(), pending=())


def use(person: Person, code: str, now_ms: int) -> Person | None:
    """Return the person after a code was used that is right now (one step early or late), None for any other.

    No code is taken twice.
    """
    typed = "".join(code.split()).lower()
    now = now_ms // 1000 // STEP_S
    secret = bytes.fromhex(person.secret)
    for step in (now - 1, now, now + 1):
        if step > person.step and hmac.compare_digest(
            _totp(secret).generate(step * STEP_S), typed.encode(errors="replace")
        ):
            return replace(person, step=step)
    if _hashed(typed) in person.spare:
        return replace(person, spare=tuple(each for each in person.spare if each != _hashed(typed)))
    return None


def _begun(person: Person, label: str, secret: bytes, spare: tuple[str, ...]) -> Begun:
    return Begun(base64.b32encode(secret).decode(), _totp(secret).get_provisioning_uri(person.name, label), spare)


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, _DIGITS, SHA1(), STEP_S)  # noqa: S303 - what telephones know (RFC 6238)


def _hashed(code: str) -> str:
    return hashlib.sha256(code.encode(errors="replace")).hexdigest()
