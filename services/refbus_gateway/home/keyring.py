"""The private keys of this organisation while a command runs: signing pairs, KEM epochs, the store key."""

from __future__ import annotations

from dataclasses import dataclass, field

from refbus.core.directory import Directory, SigningKey
from refbus.core.ids import KeyId, OrgId
from refbus.crypto import keyfile
from refbus.crypto.kem import KemPrivate
from refbus.crypto.secretbox import StateKey
from refbus.crypto.signing import SigningPair
from refbus.errors import Code, SetupError, UncheckableError
from refbus.said import said
from refbus_gateway.home import keyfolder
from refbus_gateway.home.folder import Home


@dataclass(frozen=True, slots=True)
class Keyring:
    """All private keys of a home, unlocked. `damaged`: names of key files that did not open while others did."""

    signing: dict[KeyId, SigningPair] = field(repr=False)
    kem: dict[KeyId, KemPrivate] = field(repr=False)
    store: StateKey = field(repr=False)
    damaged: tuple[str, ...] = ()

    @classmethod
    def unlock(cls, home: Home, passphrase: str) -> Keyring:
        """Open the key files of a home with what they are sealed under: its passphrase, or what `slots.sign_in` gives.

        Raises SetupError KEYFILE_*; makes the store key when there is none yet. Whoever asks has seen that the home is
        whole (`Home.require`).
        """
        damaged: list[str] = []
        with keyfolder.held(home.path), keyfile.derived_once():
            signing = home.member.signing_pairs(passphrase, damaged.append)
            kem = home.member.kem_keys(passphrase, damaged.append)
            if not (signing or kem or home.store_key.is_file()):  # nothing that would refuse a wrong passphrase
                raise SetupError(Code.FILE_UNREADABLE, said("there is no key file in keys/"))
            damaged += [kind for kind, found in (("signing-*.key", signing), ("kem-*.key", kem)) if not found]
            return cls(signing, kem, _store_key(home, passphrase), tuple(damaged))

    def signer(self, directory: Directory, me: OrgId, now_ms: int) -> SigningPair:
        """Return the pair to sign with now. Raises UncheckableError KEY_UNKNOWN when the directory has none of ours."""
        return self.signing[self._signing_key(directory, me, now_ms).kid]

    def nearest_ms(self, directory: Directory, me: OrgId, now_ms: int) -> int:
        """Return `now_ms`, or the nearest time at which the key is in force that signs by this clock."""
        key = self._signing_key(directory, me, now_ms)
        return max(key.not_before_ms, min(key.not_after_ms - 1, now_ms))

    def _signing_key(self, directory: Directory, me: OrgId, now_ms: int) -> SigningKey:
        own = directory.find(me)
        listed: list[SigningKey] = [key for key in own.signing_keys if key.kid in self.signing] if own else []
        # By a clock outside the time of the directory no key may be in force; when it was published one was.
        within = directory.published_at_ms <= now_ms < directory.expires_at_ms
        moments_ms = (now_ms,) if within else (now_ms, directory.published_at_ms)
        ours = next((found for at in moments_ms if (found := [key for key in listed if key.usable_at(at)])), [])
        if not ours:
            raise UncheckableError(
                Code.KEY_UNKNOWN, said("no signing key of this home is in the directory and in force")
            )
        return max(ours, key=lambda key: key.not_before_ms)

    def openers(self) -> tuple[KemPrivate, ...]:
        """Return every key that may open something sealed to this organisation."""
        return tuple(self.kem.values())


def check_passphrase(home: Home, passphrase: str) -> None:
    """Open the key of the store, or of a home without one the signing keys, and let go. Raises SetupError KEYFILE_*."""
    if home.store_key.is_file():
        keyfile.load(home.store_key, passphrase)
    else:
        home.member.signing_pairs(passphrase)


def store_label(org: OrgId) -> str:
    """Return the label of a store key file."""
    return f"store {org}"


def make_store_key(home: Home, passphrase: str, *, memory_kib: int = keyfile.MEMORY_KIB) -> StateKey:
    """Make the key of the store that a home will have, and write its key file; return the one that is there, if any."""
    label, fresh = store_label(home.member.identity().org_id), StateKey.generate().secret
    return StateKey(
        keyfile.found_or_made(home.store_key, passphrase, label, fresh, memory_kib=memory_kib, own_salt=False)
    )


def _store_key(home: Home, passphrase: str) -> StateKey:
    # In this order: whoever makes both makes the key first.
    if home.store_path.is_file() and not home.store_key.is_file():
        raise SetupError(Code.FILE_UNREADABLE, said("keys/store.key is missing and store.db is sealed under it"))
    return make_store_key(home, passphrase)
