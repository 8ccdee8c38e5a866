"""The home folder of one member: its private keys as key files, who it is, the pinned root and its directory.

    org.json                       {"country", "org_id", "role"}
    root.json                      the initial TUF root
    keys/signing-<kid>.key         key file "signing <org>": SigningPair.secret
    keys/kem-<kid>.key             key file "kem <org>": 32-byte seed, one file for each epoch
    keys/log.key                   key file "log <org>": LogSecret.secret, of an auditor
    directory/                     TrustStore

The passphrase of the key files is never here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, KeyId, OrgId, parse_country, parse_org_id
from refbus.core.vocabulary import member
from refbus.crypto import keyfile
from refbus.crypto.kem import KemPrivate
from refbus.crypto.signing import SigningPair
from refbus.each import each
from refbus.errors import Code, MalformedError, RefbusError, SetupError
from refbus.files import make_folder, make_private, store_errors, write_first, write_whole
from refbus.said import placed, reason_of, said
from refbus.tlog.custody import LogSecret
from refbus.trust.canonical import Fields, dumps, loads
from refbus.trust.reader.loader import TrustStore

Damaged = Callable[[str], object]
"""Hears the name of a key file that does not open although others do."""
_HEX = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the member of a home is."""

    org_id: OrgId
    country: CountryCode
    role: OrgRole


class Home:
    """The files of one member. Methods raise SetupError (HOME_NOT_FOUND, FILE_UNREADABLE, KEYFILE_*) and StoreError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = folder / "keys"

    @classmethod
    def create(cls, folder: Path, identity: Identity, root: bytes | None) -> Home:
        """Make a home. `root` may be None until the federation hands it over (`pin_root`). Keys come by `save_*`."""
        home = cls(folder)
        with store_errors():
            make_folder(home.keys)
            make_private(folder, 0o700)
            make_private(home.keys, 0o700)
        if root is not None:
            home.pin_root(root)
        named = {"org_id": identity.org_id, "country": identity.country, "role": identity.role.value}
        write_whole(folder / "org.json", dumps(named))
        return home

    def identity(self) -> Identity:
        """Return who lives here. Raises SetupError HOME_NOT_FOUND, HOME_DAMAGED."""
        try:
            content = (self.folder / "org.json").read_bytes()
        except OSError:
            raise SetupError(Code.HOME_NOT_FOUND, str(self.folder)) from None
        try:
            return _identity(content)
        except MalformedError as error:
            raise SetupError(Code.HOME_DAMAGED, placed("org.json", error.code)) from None

    def pin_root(self, root: bytes) -> None:
        """Pin the federation's initial root, for good.

        Raises SetupError DIRECTORY_INVALID when another one is pinned, or the file is none.
        """
        from refbus.trust.reader.client import is_initial_root  # late: it loads TUF

        if not is_initial_root(root):
            raise SetupError(Code.DIRECTORY_INVALID, said("no root of a federation"))
        path = self.folder / "root.json"
        if not write_first(path, root) and self._root() != root:
            raise SetupError(Code.DIRECTORY_INVALID, said("this home is pinned to another root of the federation"))

    def save_signing(self, pair: SigningPair, passphrase: str, *, memory_kib: int = keyfile.MEMORY_KIB) -> Path:
        """Write a signing pair as a key file; returns its path."""
        return self._save(self._path("signing", pair.kid), pair.secret, passphrase, memory_kib)

    def save_kem(self, private: KemPrivate, passphrase: str, *, memory_kib: int = keyfile.MEMORY_KIB) -> Path:
        """Write a KEM epoch's private key as a key file; returns its path."""
        return self._save(self._path("kem", private.kid), private.seed, passphrase, memory_kib)

    def has_log_secret(self) -> bool:
        """Whether the secret of an auditor's log and witness is here."""
        return self._log.exists()

    def save_log_secret(self, secret: LogSecret, passphrase: str, *, memory_kib: int = keyfile.MEMORY_KIB) -> Path:
        """Write the secret of an auditor's log and witness; returns its path.

        Raises SetupError KEYFILE_UNSAFE when there is one already: with it every proof of the log would lose its key.
        """
        keyfile.create(self._log, passphrase, self._label(self._log), secret.secret, memory_kib=memory_kib)
        return self._log

    def signing_pairs(self, passphrase: str, damaged: Damaged | None = None) -> dict[KeyId, SigningPair]:
        """Return the signing pairs of this home. `damaged` hears of files that do not open while others do."""
        pairs = [SigningPair.from_secret(secret) for secret in self._secrets("signing-*.key", passphrase, damaged)]
        return {pair.kid: pair for pair in pairs}

    def kem_keys(self, passphrase: str, damaged: Damaged | None = None) -> dict[KeyId, KemPrivate]:
        """Return the KEM private keys of this home, one for each epoch that is not destroyed. `damaged` as above."""
        keys = [KemPrivate(secret) for secret in self._secrets("kem-*.key", passphrase, damaged)]
        return {key.kid: key for key in keys}

    def log_secret(self, passphrase: str) -> LogSecret:
        """Return the secret of this auditor's log and witness. Raises SetupError KEY_UNKNOWN when there is none."""
        for secret in self._secrets(self._log.name, passphrase):
            return LogSecret(secret)
        raise SetupError(Code.KEY_UNKNOWN, said("no %(name)s in this home", name=self._log.name))

    def held(self) -> frozenset[KeyId]:
        """Return the ids of all private keys of this home, by the names of their files; nothing is opened."""
        names = (
            path.stem.rpartition("-")[2] for kind in ("signing", "kem") for path in self.keys.glob(f"{kind}-*.key")
        )
        return frozenset(KeyId(bytes.fromhex(name)) for name in names if _HEX.fullmatch(name))

    def destroy(self, kid: KeyId) -> bool:
        """Delete the key file of `kid`.

        Returns whether there was one. On most disks the old blocks stay until reused.
        """
        found = [path for kind in ("signing", "kem") if (path := self._path(kind, kid)).exists()]
        with store_errors():
            for path in found:
                path.unlink()
        return bool(found)

    def trust_store(self) -> TrustStore:
        """Return the directory store of this home, pinned to its root; not loaded yet."""
        return TrustStore.create(self.folder / "directory", self._root())

    @property
    def is_pinned(self) -> bool:
        """Whether this home was ever given the federation's initial root; a home whose root went missing was."""
        return (self.folder / "root.json").exists() or (self.folder / "directory" / "root.json").exists()

    def unpinned_store(self) -> TrustStore:
        """Return the directory store of a home without a root: it believes nothing until `pin_root`."""
        return TrustStore(self.folder / "directory")

    def _root(self) -> bytes:
        try:
            return (self.folder / "root.json").read_bytes()
        except OSError as error:
            raise SetupError(Code.FILE_UNREADABLE, placed("root.json", reason_of(error))) from None

    def _path(self, kind: str, kid: KeyId) -> Path:
        return self.keys / f"{kind}-{kid.hex()}.key"

    @property
    def _log(self) -> Path:
        return self.keys / "log.key"

    def _label(self, path: Path) -> str:
        return f"{path.stem.split('-', 1)[0]} {self.identity().org_id}"

    def _save(self, path: Path, secret: bytes, passphrase: str, memory_kib: int) -> Path:
        keyfile.save(path, passphrase, self._label(path), secret, memory_kib=memory_kib, own_salt=False)
        return path

    def _secrets(self, pattern: str, passphrase: str, damaged: Damaged | None = None) -> list[bytes]:
        """Return what the key files hold. Where one of them opens, the passphrase is right, and others are damaged.

        Raises SetupError KEYFILE_* for an unsafe file, when none opens, and, without `damaged`, for any that does not.
        """
        errors: list[tuple[Path, RefbusError]] = []
        found = each(
            sorted(self.keys.glob(pattern)),
            lambda path: self._secret(path, passphrase),
            lambda path, error: errors.append((path, error)),
        )
        for path, error in errors:
            if damaged is None or not found or error.code is Code.KEYFILE_UNSAFE:
                raise error
            damaged(path.name)
        return found

    def _secret(self, path: Path, passphrase: str) -> bytes:
        label, secret = keyfile.load(path, passphrase)
        if label != self._label(path):
            raise SetupError(Code.KEYFILE_DAMAGED, said("%(file)s belongs to another organisation", file=path.name))
        return secret


@lru_cache(maxsize=64)
def _identity(content: bytes) -> Identity:
    """Read the content of an org.json, once while its bytes are the same. Raises MalformedError."""
    fields = Fields(loads(content), "org.json")
    org_id, country = parse_org_id(fields.text("org_id")), parse_country(fields.text("country"))
    role = member(OrgRole, fields.text("role"))
    fields.done()
    return Identity(org_id, country, role)
