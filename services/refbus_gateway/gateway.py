"""A gateway at work: one organisation's keys, store, directory and clock, handed to everything else in this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from refbus.core.directory import CountryPolicy, Directory, Organisation
from refbus.core.ids import CountryCode, OrgId, gate_id
from refbus.errors import Code, UncheckableError
from refbus.trust.history import History
from refbus.trust.loader import TrustStore
from refbus_gateway import erasure
from refbus_gateway.home import Home
from refbus_gateway.keyring import Keyring
from refbus_gateway.observing import Observer
from refbus_gateway.store.session import Store, Transaction

_CLOCK_FLOOR: Final = "clock-floor"
CLOCK_SKEW_MS: Final = 600_000
"""Ten minutes: a larger difference to signed times is told to a person and holds what depends on it."""


class Gateway:
    """Everything that an action needs. Make one with `open_gateway`; close it when done."""

    def __init__(self, home: Home, keys: Keyring, store: Store, trust: TrustStore, clock: Callable[[], int]) -> None:
        identity = home.member.identity()
        self.home: Final = home
        self.keys: Final = keys
        self.store: Final = store
        self.trust: Final = trust
        self.me: Final[OrgId] = identity.org_id
        self.country: Final[CountryCode] = identity.country
        self.observer = Observer()
        self._clock = clock
        with store.read() as tx:
            self._floor_ms = tx.get_int(_CLOCK_FLOOR)

    @property
    def history(self) -> History:
        """All verified versions of the directory. Raises UncheckableError DIRECTORY_INVALID before the first one."""
        return self.trust.history

    @property
    def gate(self) -> OrgId:
        """The gate of this organisation's country."""
        return gate_id(self.country)

    @property
    def outbox_topic(self) -> str:
        """Where this organisation's envelopes go."""
        return f"{self.country}.outbox"

    @property
    def audit_topic(self) -> str:
        """Where this organisation's audit entries go."""
        return f"{self.country}.audit"

    @property
    def inbox_topic(self) -> str:
        """What this organisation alone reads."""
        return f"{self.country}.inbox.{self.me}"

    @property
    def directory_topic(self) -> str:
        """Where the directory's files arrive."""
        return f"{self.country}.directory"

    @property
    def proofs_topic(self) -> str:
        """Where the auditor of this country publishes proofs of what its log holds."""
        return f"{self.country}.proofs"

    def now_ms(self) -> int:
        """Return the time, UTC ms: this machine's, or the newest time that a gate signed, whichever is later."""
        return max(self._clock(), self._floor_ms)

    def local_ms(self) -> int:
        """Return what this machine's clock says, UTC ms."""
        return self._clock()

    def clock_behind_ms(self) -> int:
        """Return by how much this machine's clock is behind what a gate signed, 0 when it is not."""
        return max(0, self._floor_ms - self._clock())

    def learn_time(self, tx: Transaction, signed_ms: int) -> None:
        """Take note of a time that a gate signed."""
        if signed_ms > self._floor_ms:
            self._floor_ms = signed_ms
            tx.put_int(_CLOCK_FLOOR, signed_ms)

    def directory(self) -> Directory:
        """Return the newest directory. Raises UncheckableError: DIRECTORY_INVALID, DIRECTORY_EXPIRED."""
        return self.history.require_fresh(self.now_ms())

    def newest_directory(self) -> Directory | None:
        """Return the newest verified directory even if it has expired, None before the first one."""
        try:
            return self.history.latest
        except UncheckableError:
            return None

    def policy(self) -> CountryPolicy:
        """Return the rules of this organisation's country. Raises UncheckableError."""
        policy = self.directory().policies.get(self.country)
        if policy is None:
            raise UncheckableError(Code.DIRECTORY_INVALID, "no policy for this country")
        return policy

    def organisation(self, org: OrgId) -> Organisation:
        """Return a member. Raises UncheckableError ORGANISATION_UNKNOWN."""
        found = self.directory().find(org)
        if found is None:
            raise UncheckableError(Code.ORGANISATION_UNKNOWN, org)
        return found

    def load_directory(self) -> None:
        """Read the directory's verified versions again: another process of this home may have brought a newer one."""
        self.trust.load(self.now_ms())

    def close(self) -> None:
        """Release the store."""
        self.store.close()


def open_gateway(home: Home, passphrase: str, clock: Callable[[], int]) -> Gateway:
    """Open a home. `clock` gives UTC ms. Raises SetupError (HOME_NOT_FOUND, KEYFILE_*), StoreError.

    A home that has no verified directory yet opens too; whatever needs the directory says so when it is asked.
    """
    keys = Keyring.unlock(home, passphrase)
    store = Store(home.store_path, keys.store)
    erasure.again(home.erased, store, clock())
    gateway = Gateway(home, keys, store, home.member.trust_store(), clock)
    gateway.load_directory()
    return gateway
