"""Key files: one secret under a passphrase, readable by its owner alone, written whole or not at all.

    refbus-key/v1
    label: signing kz-4f7k2m9q
    argon2id: t=3 m=65536 p=4 salt=8f1c...
    sealed: <hex of nonce || AES-256-GCM-SIV>
    sha256: <hex over all lines above>

The key comes from Argon2id (RFC 9106, its second recommended setting); the three lines above `sealed` are bound to it.
The last line finds damage before the passphrase is tried, so a wrong passphrase and a damaged file are told apart by
what anyone who holds the file could compute anyway.
"""

from __future__ import annotations

import os
import re
import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from refbus.crypto.framing import sha256
from refbus.errors import Code, MalformedError, RefbusError, SetupError
from refbus.files import is_private, write_first, write_whole
from refbus.said import placed, reason_of, said

MEMORY_KIB: Final = 65_536
_ITERATIONS: Final = 3
_LANES: Final = 4
_MEMORY_LIMITS: Final = range(64, 1_048_577)
_DERIVING: Final = Lock()
"""One derivation of a process at a time: OpenSSL has one set of threads for the lanes, and a second one that wants them
fails with MemoryError, whatever memory there is. It also bounds the memory to 64 MiB however many people sign in."""
_KEPT: Final[ContextVar[dict[tuple[bytes, int, bytes], AESGCMSIV] | None]] = ContextVar("derived", default=None)
_MAX_FILE: Final = 65_536
_NONCE_SIZE: Final = 12
_LABEL: Final = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")
_FILE: Final = re.compile(
    r"refbus-key/v1\nlabel: (?P<label>[\x20-\x7e]{1,200})\n"
    r"argon2id: t=3 m=(?P<memory>[1-9][0-9]{0,6}) p=4 salt=(?P<salt>[0-9a-f]{32})\n"
    r"sealed: (?P<sealed>([0-9a-f]{2})+)\n"
    r"sha256: (?P<sha256>[0-9a-f]{64})\n"
)


@dataclass(frozen=True, slots=True)
class _Head:
    label: str
    memory_kib: int
    salt: bytes

    def encode(self) -> str:
        costs = f"t={_ITERATIONS} m={self.memory_kib} p={_LANES}"
        return f"refbus-key/v1\nlabel: {self.label}\nargon2id: {costs} salt={self.salt.hex()}\n"

    def aead(self, passphrase: str) -> AESGCMSIV:
        # The same words typed on another keyboard or system are the same passphrase.
        words = unicodedata.normalize("NFKC", passphrase).encode("utf-8", "surrogatepass")
        kept = _KEPT.get()
        found = None if kept is None else kept.get((self.salt, self.memory_kib, words))
        if found is None:
            found = self._derive(words)
            if kept is not None:
                kept[self.salt, self.memory_kib, words] = found
        return found

    def _derive(self, words: bytes) -> AESGCMSIV:
        stretch = Argon2id(salt=self.salt, length=32, iterations=_ITERATIONS, lanes=_LANES, memory_cost=self.memory_kib)
        with _DERIVING:
            return AESGCMSIV(stretch.derive(words))


@contextmanager
def derived_once() -> Iterator[None]:
    """Within this block a passphrase is derived once for all key files with one salt; after it nothing of it is kept.

    The files of a home have one salt: they are opened together, so who guesses the passphrase of one has all. Each has
    a random nonce of its own, and its first lines are bound to it. Files that several people open never share a salt.
    """
    before = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(before)


def save(
    path: Path, passphrase: str, label: str, secret: bytes, *, memory_kib: int = MEMORY_KIB, own_salt: bool = True
) -> None:
    """Write `secret` to `path` (mode 0600), replacing what was there in one step, flushed to the disk.

    `own_salt`: False for a file that is opened with the others of its folder under one passphrase (`derived_once`).
    `label` (printable ASCII, in the clear) says what the secret is. Raises MalformedError on an unusable label,
    StoreError STORE_FULL or STORE_FAILED when the disk does not take it; then the old file is untouched.
    """
    write_whole(path, _encode(path, passphrase, label, secret, memory_kib, own_salt=own_salt))


def create(path: Path, passphrase: str, label: str, secret: bytes, *, memory_kib: int = MEMORY_KIB) -> None:
    """Write `secret` to the new key file `path`. Raises SetupError KEYFILE_UNSAFE when there is one; else as `save`."""
    if path.exists() or not write_first(path, _encode(path, passphrase, label, secret, memory_kib, own_salt=True)):
        raise SetupError(Code.KEYFILE_UNSAFE, said("%(file)s is already there", file=path.name))


def found_or_made(
    path: Path, passphrase: str, label: str, fresh: bytes, *, memory_kib: int = MEMORY_KIB, own_salt: bool = True
) -> bytes:
    """Return the secret in a key file, which becomes `fresh` when there is none: of two at once both get the first's.

    Raises SetupError KEYFILE_DAMAGED when the file has another label; else as `load` and `save`.
    """
    if not path.exists() and write_first(path, _encode(path, passphrase, label, fresh, memory_kib, own_salt=own_salt)):
        return fresh
    found, secret = load(path, passphrase)
    if found != label:
        raise SetupError(Code.KEYFILE_DAMAGED, said("%(file)s belongs to another organisation", file=path.name))
    return secret


def load(path: Path, passphrase: str) -> tuple[str, bytes]:
    """Return (label, secret).

    Raises SetupError: FILE_UNREADABLE, KEYFILE_UNSAFE when group or others may read or write it, KEYFILE_DAMAGED,
    KEYFILE_WRONG_PASSPHRASE.
    """
    head, sealed = _parse(path)
    for words in dict.fromkeys((passphrase, _typed(passphrase))):
        try:
            secret = head.aead(words).decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], head.encode().encode())
        except (InvalidTag, ValueError):
            continue
        return head.label, secret
    raise SetupError(Code.KEYFILE_WRONG_PASSPHRASE)


def _parse(path: Path) -> tuple[_Head, bytes]:
    text = _read(path).decode("ascii", "replace")
    parsed = _FILE.fullmatch(text)
    if parsed is None or sha256(text[: parsed.end("sealed") + 1].encode()).hex() != parsed["sha256"]:
        raise _damaged(path)
    head = _Head(parsed["label"], int(parsed["memory"]), bytes.fromhex(parsed["salt"]))
    if head.memory_kib not in _MEMORY_LIMITS:
        raise _damaged(path)
    return head, bytes.fromhex(parsed["sealed"])


def _salt_beside(path: Path, memory_kib: int) -> bytes:
    """Return the salt of another key file in the folder of `path`; a new one without any."""
    for other in sorted(path.parent.glob("*.key")):
        with suppress(RefbusError):
            head, _ = _parse(other)
            if head.memory_kib == memory_kib:
                return head.salt
    return secrets.token_bytes(16)


def _encode(path: Path, passphrase: str, label: str, secret: bytes, memory_kib: int, *, own_salt: bool) -> bytes:
    if not _LABEL.fullmatch(label) or len(label) > 200:
        raise MalformedError(Code.MALFORMED, said("key file label"))
    head = _Head(label, memory_kib, secrets.token_bytes(16) if own_salt else _salt_beside(path, memory_kib))
    nonce = secrets.token_bytes(_NONCE_SIZE)
    sealed = nonce + head.aead(_typed(passphrase)).encrypt(nonce, secret, head.encode().encode())
    body = f"{head.encode()}sealed: {sealed.hex()}\n"
    return f"{body}sha256: {sha256(body.encode()).hex()}\n".encode()


def _typed(passphrase: str) -> str:
    """Return a passphrase without what an editor put around it: a byte order mark before, blanks behind.

    Nobody types them. A key that was saved with them still opens with them.
    """
    return passphrase.removeprefix("\ufeff").rstrip() or passphrase


def _damaged(path: Path) -> RefbusError:
    return SetupError(Code.KEYFILE_DAMAGED, path.name)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if not is_private(os.fstat(file.fileno()).st_mode):
                raise SetupError(Code.KEYFILE_UNSAFE)
            data = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise SetupError(Code.FILE_UNREADABLE, placed(path.name, reason_of(error))) from None
    if len(data) > _MAX_FILE:
        raise _damaged(path)
    return data
