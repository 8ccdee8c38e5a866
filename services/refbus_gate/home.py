"""The home of a gate: keys and directory as every member has them, and what only a node has.

keys/state.key         key file "state <gate>": the key that the node store is sealed under; made at the first start
store/node.db          the node store
store/audit-keys.db    one audit key per case; back it up apart from node.db
node.db.made, audit-keys.db.made
                       which databases those are: empty or other ones in their place are damage, and no first start
erased                 cases whose audit key was destroyed, as keyed hashes with the hash of that under the state key;
                       an older copy of the keys loses them again
profiles/<org>         the newest profile of an organisation, as it was handed on
statistics/<year>.json the one edition of a year's counts
replay/, replays.jsonl orders of two persons to decide a stopped record again, and what became of them
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from refbus.core.directory import Directory
from refbus.core.ids import KeyId
from refbus.crypto.kem import KemPrivate
from refbus.crypto.secretbox import StateKey
from refbus.crypto.signing import SigningPair
from refbus.database import erased
from refbus.database.address import Server
from refbus.database.opening import Place, place_of
from refbus.errors import Code, SetupError
from refbus.node.statekey import state_key
from refbus.node.store.audit_keys import AuditKeys
from refbus.node.store.node import NodeStore
from refbus.trust.homes import Home
from refbus.trust.reader.loader import TrustStore
from refbus_gate.names import GateKeys

if TYPE_CHECKING:
    from refbus.database.lead import Lead

STORE = "node.db"
AUDIT_KEYS = "audit-keys.db"
SERVICE = "gate"
"""What leads and stands by on a database server, where the stores have schemas of their own."""
_SCHEMAS = {STORE: "refbus_gate", AUDIT_KEYS: "refbus_gate_keys"}
_NAME_BYTES = 32
_ACCEPT = "are they of this gate, from before lines had a proof? Then: python -m refbus_gate accept-erased"

_log = logging.getLogger("refbus.gate.home")


@dataclass(frozen=True, slots=True)
class GateHome:
    """Everything that one gate owns on disk, opened. Close it to give the databases up."""

    home: Home
    store: NodeStore
    audit_keys: AuditKeys
    trust: TrustStore
    pairs: dict[KeyId, SigningPair] = field(repr=False)
    kems: dict[KeyId, KemPrivate] = field(repr=False)
    lead: Lead | None = None

    @classmethod
    def open(cls, folder: Path, passphrase: str, lead: Lead | None = None) -> GateHome:
        """Open keys, stores and directory; with `lead` the stores are on its server, and it is given up at the end.

        Raises SetupError (KEYFILE_*, HOME_*), StoreError.
        """
        home = Home(folder)
        pairs, kems = home.signing_pairs(passphrase, _tell_damaged), home.kem_keys(passphrase, _tell_damaged)
        state = state_key_of(home, passphrase)
        store = NodeStore.open(place(folder, STORE, lead), state, mark=mark_of(folder, STORE))
        try:
            audit_keys = AuditKeys(place(folder, AUDIT_KEYS, lead), state, mark=mark_of(folder, AUDIT_KEYS))
        except BaseException:
            store.close()
            raise
        opened = cls(home, store, audit_keys, home.trust_store(), pairs, kems, lead)
        audit_keys.destroy(name[:_NAME_BYTES] for name in opened._proven())
        unproven = opened.unproven()
        if unproven:
            _log.critical(
                "%d lines of `erased` name cases without proof and count for nothing: %s", len(unproven), _ACCEPT
            )
        return opened

    @property
    def erased(self) -> Path:
        """The list of cases whose audit key was destroyed."""
        return self.home.folder / "erased"

    def forget_cases(self, names: Sequence[bytes]) -> None:
        """Destroy the audit keys of cases (32-byte names) for good: what was sealed about them opens no more."""
        erased.note(self.erased, map(self._name, names))
        self.audit_keys.destroy(names)

    def unproven(self) -> frozenset[bytes]:
        """Return the cases that the list names without the hash that only this gate can make. Raises StoreError."""
        proven = {name[:_NAME_BYTES] for name in self._proven()}
        return frozenset(bytes.fromhex(line) for line in erased.noted(self.erased)) - proven

    def accept_erased(self) -> int:
        """Believe the lines without proof, at the word of the operator: destroy the keys. Return how many lines."""
        names = sorted(self.unproven())
        self.forget_cases(names)
        return len(names)

    def _name(self, case: bytes) -> bytes:
        """Return the name under which a case stands in the list, 64 bytes."""
        return case + self.store.name("erased", case)

    def _proven(self) -> frozenset[bytes]:
        """Return the names in the list that this gate wrote. Raises StoreError."""
        names = (bytes.fromhex(line) for line in erased.noted(self.erased, size=2 * _NAME_BYTES))
        return frozenset(name for name in names if name == self._name(name[:_NAME_BYTES]))

    def gate_keys(self, directory: Directory, now_ms: int) -> GateKeys:
        """Return the keys to work with: the signing pair that is current in the directory, every epoch's KEM key.

        Raises SetupError KEY_UNKNOWN when this home does not have them.
        """
        identity = self.home.identity()
        member = directory.find(identity.org_id)
        current = None if member is None else member.current_signing_key(now_ms)
        if member is None or current is None or current.kid not in self.pairs:
            raise SetupError(Code.KEY_UNKNOWN, "the directory has no signing key for this gate that is kept here")
        epochs = sorted(member.kem_keys, key=lambda key: key.not_before_ms, reverse=True)
        kems = [self.kems[epoch.kid] for epoch in epochs if epoch.kid in self.kems]
        if not kems:
            raise SetupError(Code.KEY_UNKNOWN, "the directory has no KEM key for this gate that is kept here")
        return GateKeys(identity.country, self.pairs[current.kid], kems)

    def has_new_keys(self, directory: Directory, used: GateKeys, now_ms: int) -> bool:
        """Return whether the directory names keys whose files are here by now and which are not `used`."""
        member = directory.find(used.org)
        current = None if member is None else member.current_signing_key(now_ms)
        if member is None or current is None:
            return False
        loaded = {key.kid for key in used.kems}
        signing = current.kid != used.pair.kid and self._has(f"signing-{current.kid.hex()}")
        return signing or any(key.kid not in loaded and self._has(f"kem-{key.kid.hex()}") for key in member.kem_keys)

    def _has(self, name: str) -> bool:
        return (self.home.keys / f"{name}.key").exists()

    def close(self) -> None:
        """Close the databases."""
        self.store.close()
        self.audit_keys.close()
        if self.lead is not None:
            self.lead.close()


def place(folder: Path, database: str, owner: Lead | Server | None) -> Place:
    """Return where a database of a gate is; only whoever has the lead may write one on a server."""
    return place_of(owner, _SCHEMAS[database], folder / "store" / database)


def mark_of(folder: Path, database: str) -> Path:
    """Return the file of a gate's home that says which database of this name it has."""
    return folder / f"{database}.made"


def state_key_of(home: Home, passphrase: str) -> StateKey:
    """Return the key that the databases of a gate are sealed under. Raises SetupError KEYFILE_*, HOME_*."""
    return state_key(*state_key_file(home), passphrase, mark_of(home.folder, STORE))


def state_key_file(home: Home) -> tuple[Path, str]:
    """Return where the key is, and its label."""
    return home.keys / "state.key", f"state {home.identity().org_id}"


def _tell_damaged(name: str) -> None:
    _log.error("a key file does not open, the others are used: %s", name)
