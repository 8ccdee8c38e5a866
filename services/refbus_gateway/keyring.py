"""The private keys of this organisation while a command runs: signing pairs, KEM epochs, the store key."""

from __future__ import annotations

from dataclasses import dataclass, field

from refbus.core.directory import Directory, KemKey, SigningKey
from refbus.core.ids import KeyId, OrgId
from refbus.crypto import keyfile
from refbus.crypto.kem import KemPrivate
from refbus.crypto.secretbox import StateKey
from refbus.crypto.signing import SigningPair
from refbus.errors import Code, SetupError, UncheckableError
from refbus_gateway.home import Home


@dataclass(frozen=True, slots=True)
class Keyring:
    """All private keys of a home, unlocked."""

    signing: dict[KeyId, SigningPair] = field(repr=False)
    kem: dict[KeyId, KemPrivate] = field(repr=False)
    store: StateKey = field(repr=False)

    @classmethod
    def unlock(cls, home: Home, passphrase: str) -> Keyring:
        """Open the key files of a home. Raises SetupError KEYFILE_*; makes the store key when there is none yet."""
        home.require()
        signing = home.member.signing_pairs(passphrase)
        return cls(signing, home.member.kem_keys(passphrase), _store_key(home, passphrase))

    def signer(self, directory: Directory, me: OrgId, now_ms: int) -> SigningPair:
        """Return the pair to sign with now. Raises UncheckableError KEY_UNKNOWN when the directory has none of ours."""
        own = directory.find(me)
        usable: list[SigningKey] = [key for key in own.signing_keys if key.usable_at(now_ms)] if own else []
        ours = [key for key in usable if key.kid in self.signing]
        if not ours:
            raise UncheckableError(Code.KEY_UNKNOWN, "no signing key of this home is in the directory and in force")
        return self.signing[max(ours, key=lambda key: key.not_before_ms).kid]

    def openers(self) -> tuple[KemPrivate, ...]:
        """Return every key that may open something sealed to this organisation."""
        return tuple(self.kem.values())

    def published_epoch(self, directory: Directory, me: OrgId, now_ms: int) -> KemKey | None:
        """Return the KEM key under which others seal to this organisation now."""
        own = directory.find(me)
        return own.current_kem_key(now_ms) if own else None


def store_label(org: OrgId) -> str:
    """Return the label of a store key file."""
    return f"store {org}"


def _store_key(home: Home, passphrase: str) -> StateKey:
    org = home.member.identity().org_id
    if not home.store_key.is_file():
        if home.store_path.is_file():
            raise SetupError(Code.FILE_UNREADABLE, "keys/store.key is missing and store.db is sealed under it")
        fresh = StateKey.generate()
        keyfile.save(home.store_key, passphrase, store_label(org), fresh.secret)
        return fresh
    label, secret = keyfile.load(home.store_key, passphrase)
    if label != store_label(org):
        raise SetupError(Code.KEYFILE_DAMAGED, "keys/store.key belongs to another organisation")
    return StateKey(secret)
