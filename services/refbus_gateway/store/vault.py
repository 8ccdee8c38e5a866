"""How values are hidden at rest: keyed hashes for look-ups, one random key per case, wrapped under the store key."""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import Any, Final, TypeVar

from refbus.crypto.secretbox import StateKey
from refbus.errors import Code, RowError, UncheckableError, UntrustedError
from refbus.said import said

CASE_KEY_BYTES: Final = 32
_LENGTH_BYTES: Final = 4
_Member = TypeVar("_Member", bound=StrEnum)


def join(*parts: bytes) -> bytes:
    """Return the parts as one byte string, each after its length (u32, big-endian)."""
    whole = b""
    for part in parts:
        whole += len(part).to_bytes(_LENGTH_BYTES, "big") + part
    return whole


def split(data: bytes, count: int) -> tuple[bytes, ...]:
    """Return the `count` parts that `join` put together. Raises RowError for anything else."""
    parts: list[bytes] = []
    at = 0
    for _ in range(count):
        size = int.from_bytes(data[at : at + _LENGTH_BYTES], "big")
        at += _LENGTH_BYTES
        parts.append(data[at : at + size])
        at += size
    if at != len(data) or join(*parts) != data:
        raise RowError
    return tuple(parts)


def member_of(kind: type[_Member], kept: str) -> _Member:
    """Return the member that a column names. Raises RowError for what is none."""
    try:
        return kind(kept)
    except ValueError:
        raise RowError from None


def require_numbers(*kept: Any) -> None:
    """Let pass what stands in columns of numbers that may be empty. Raises RowError for anything else."""
    for each in kept:
        if each is not None and type(each) is not int:
            raise RowError


class RowKey(StateKey):
    """A key under which rows of this database are sealed: what it does not open was damaged here."""

    __slots__ = ()

    def open(self, context: bytes, sealed: bytes) -> bytes:
        """Return the plaintext. Raises RowError."""
        try:
            return super().open(context, sealed)
        except UntrustedError:
            raise RowError from None


class Vault:
    """The store key of a home at work. Hashes are 32 bytes; sealed values are opaque."""

    def __init__(self, key: StateKey) -> None:
        self._key = RowKey(key.secret)

    def hash(self, kind: str, *parts: bytes) -> bytes:
        """Return the keyed hash under which a row of `kind` is found. Without the store key it says nothing."""
        return self._key.lookup(f"refbus-gateway/{kind}".encode(), join(*parts))

    def seal(self, context: bytes, content: bytes) -> bytes:
        """Seal what outlives a case under the store key, bound to where it is kept."""
        return self._key.seal(b"refbus-gateway/kept/" + context, content)

    def open(self, context: bytes, sealed: bytes) -> bytes:
        """Open what `seal` made. Raises RowError."""
        return self._key.open(b"refbus-gateway/kept/" + context, sealed)

    def new_case_key(self, case_hash: bytes) -> tuple[StateKey, bytes]:
        """Return a new random case key, and its wrapped form for the row with this hash."""
        secret = secrets.token_bytes(CASE_KEY_BYTES)
        return RowKey(secret), self._key.seal(self._context(case_hash), secret)

    def case_key(self, case_hash: bytes, wrapped: bytes | None) -> StateKey:
        """Return the case key of a row. Raises UncheckableError KEY_DESTROYED when it was destroyed, RowError."""
        if wrapped is None:
            raise UncheckableError(Code.KEY_DESTROYED, said("the case was erased here"))
        return RowKey(self._key.open(self._context(case_hash), wrapped))

    @staticmethod
    def _context(case_hash: bytes) -> bytes:
        return b"refbus-gateway/case-key/" + case_hash
