"""A gateway at work: one organisation's keys, store, directory and clock, handed to everything else in this package."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import IO, Final

from refbus.clock import Clock, Standing
from refbus.core.directory import CountryPolicy, Directory, Organisation
from refbus.core.ids import CountryCode, OrgId, gate_id
from refbus.core.times import show_time
from refbus.envelope.consent import EvidenceCache
from refbus.errors import Code, SetupError, UncheckableError
from refbus.said import named, placed, said
from refbus.trust.reader.history import History
from refbus.trust.reader.loader import TrustStore
from refbus_gateway.home import erased_again
from refbus_gateway.home.counts import Observer
from refbus_gateway.home.folder import Home
from refbus_gateway.home.keyring import Keyring
from refbus_gateway.home.pace import Pace
from refbus_gateway.store import alarms, generation
from refbus_gateway.store.session import Store

_VERIFIED: Final = "directory-at-rest"  # another name than before the root was kept: such a home is verified once more
_ROOT: Final = "directory-root"
_KEYS_AGAIN_MS: Final = 60_000
"""After so long key files that did not open are tried again."""


class Gateway:
    """Everything that an action needs. Make one with `open_gateway`; close it when done."""

    def __init__(self, home: Home, keys: Keyring, store: Store, trust: TrustStore, clock: Clock) -> None:
        identity = home.member.identity()
        self.home: Final = home
        self.keys = keys
        self.store: Final = store
        self.trust: Final = trust
        self.me: Final[OrgId] = identity.org_id
        self.country: Final[CountryCode] = identity.country
        self.observer = Observer()
        self.pace = Pace()
        self.evidence: Final = EvidenceCache()
        self.clock: Final = clock
        self.generation: Final = generation.of(store)
        self.nicknames: dict[int, tuple[bytes, str]] = {}
        """File numbers and names in own cases as last opened, beside what they were sealed in: for the search alone.

        A search that began before they were forgotten keeps none: it compares the dictionary itself.
        """
        self.origins: dict[bytes, int | None] = {}
        """The first of the cases with the same content, by the keyed hash of a case; None for a received one."""
        self.reread_keys: Callable[[], Keyring] | None = None
        """Opens the key files again, where whoever opened the home goes on knowing what they are sealed under."""
        self._key_files = frozenset({*keys.signing, *keys.kem})
        self._keys_tried_ms = clock.steady_ms()
        self._held: list[IO[bytes]] = []
        self.jumps: list[Standing] = []
        """Jumps of the clock that no alarm tells of yet."""
        clock.directory = trust.newest
        clock.told = self._clock_moved

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
    def profiles_topic(self) -> str:
        """Where this organisation says how it can be called."""
        return f"{self.country}.profiles"

    @property
    def proofs_topic(self) -> str:
        """Where the auditor of this country publishes proofs of what its log holds."""
        return f"{self.country}.proofs"

    def now_ms(self) -> int:
        """Return the time that counts, UTC ms (`refbus.clock`)."""
        return self.clock.now_ms()

    def steady_ms(self) -> int:
        """Return the monotonic clock, ms: for how long something takes or waits."""
        return self.clock.steady_ms()

    def directory(self) -> Directory:
        """Return the newest directory. Raises UncheckableError: DIRECTORY_INVALID, DIRECTORY_EXPIRED.

        It must be fresh by this machine's clock too: while it is unclear which is right, a yes takes both.
        """
        return self.history.require_fresh(self.clock.latest_ms())

    def view(self) -> Directory:
        """Return the newest verified directory even if it has expired: a no needs no fresh one.

        Raises UncheckableError DIRECTORY_INVALID before the first one.
        """
        return self.history.latest

    def newest_directory(self) -> Directory | None:
        """Return the newest verified directory even if it has expired, None before the first one."""
        return self.trust.newest()

    def local_time(self, time_ms: int) -> str:
        """Return a time (ms UTC) for people to read: by the clocks of this country, with the zone."""
        return show_time(time_ms, self.utc_offset_min())

    def utc_offset_min(self) -> int:
        """Return how many minutes this country's clocks are ahead of UTC; 0 before the first directory."""
        policy = self.known_rules()
        return policy.utc_offset_min if policy else 0

    def policy(self) -> CountryPolicy:
        """Return the rules of this organisation's country. Raises UncheckableError."""
        policy = self.directory().policies.get(self.country)
        if policy is None:
            raise UncheckableError(Code.DIRECTORY_INVALID, said("no policy for this country"))
        return policy

    def known_rules(self) -> CountryPolicy | None:
        """Return the rules of this country in the newest directory, fresh or not; None before there are any."""
        directory = self.newest_directory()
        return directory.policies.get(self.country) if directory else None

    def rules(self) -> CountryPolicy:
        """Return the rules of this organisation's country in the newest directory, fresh or not. Raises as `view`."""
        policy = self.view().policies.get(self.country)
        if policy is None:
            raise UncheckableError(Code.DIRECTORY_INVALID, said("no policy for this country"))
        return policy

    def organisation(self, org: OrgId) -> Organisation:
        """Return a member. Raises UncheckableError ORGANISATION_UNKNOWN."""
        found = self.directory().find(org)
        if found is None:
            raise UncheckableError(Code.ORGANISATION_UNKNOWN, org)
        return found

    def resume_directory(self) -> None:
        """Read the directory's verified versions; verify what arrived, unless all is as a process of this home left it.

        What is believed without a look at signatures has its keyed hash in the store, which nobody makes who has only
        the files of the home. So whatever was changed here while nobody worked is verified at the next opening. The
        root, by which it is verified, has one too: with another one nothing goes on. Raises SetupError HOME_DAMAGED.
        """
        if not self.home.member.is_pinned:
            return
        with self.store.read() as tx:
            kept, vault = tx.get(_VERIFIED), tx.vault
        if self.trust.resume(self.now_ms(), lambda found: kept == vault.hash(_VERIFIED, found), self._require_ours):
            return
        found = self.trust.fingerprint()
        if found is not None:
            with self.store.write() as tx:
                tx.put(_VERIFIED, vault.hash(_VERIFIED, found))
                tx.put(_ROOT, vault.hash(_ROOT, self.trust.root()))

    def load_directory(self) -> None:
        """Read the directory's verified versions again: another process of this home may have brought a newer one.

        Before the root of the federation is pinned there are none.
        """
        if self.home.member.is_pinned:
            self.trust.load(self.now_ms())

    def catch_up(self) -> None:
        """Take over a newer directory that another process of this home has verified. Raises StoreError."""
        self.trust.catch_up(self.clock.now_ms)

    def catch_up_keys(self) -> None:
        """Take over what another process of this home did with its keys: made new ones, destroyed old ones.

        Key files that do not open now are tried again after a minute; a key at work stays while its file is there.
        Raises SetupError KEYFILE_*, StoreError.
        """
        files, steady_ms = self.home.member.held(), self.steady_ms()
        if self.reread_keys is None or files == self._key_files or steady_ms < self._keys_tried_ms:
            return
        self._keys_tried_ms = steady_ms + _KEYS_AGAIN_MS
        found = self.reread_keys()
        signing = {kid: pair for kid, pair in self.keys.signing.items() if kid in files} | found.signing
        kem = {kid: key for kid, key in self.keys.kem.items() if kid in files} | found.kem
        self.keys = replace(self.keys, signing=signing, kem=kem)
        self._key_files, self._keys_tried_ms = files, steady_ms

    def _require_ours(self, root: bytes) -> None:
        """Raise SetupError HOME_DAMAGED for a root of the federation that is not the one by which this home began."""
        with self.store.read() as tx:
            pinned, here = tx.get(_ROOT), tx.vault.hash(_ROOT, root)
        if pinned not in {None, here}:
            other = said("this home is pinned to another root of the federation")
            raise SetupError(Code.HOME_DAMAGED, placed("root.json", other))

    def _clock_moved(self, standing: Standing) -> None:
        if Code.CLOCK_JUMPED in standing.codes:
            self.jumps.append(standing)

    def close_with(self, lock: IO[bytes]) -> None:
        """Let go of this lock of the home when everything else is released."""
        self._held.append(lock)

    def forget(self) -> None:
        """Drop what a search has opened."""
        self.nicknames = {}

    def close(self) -> None:
        """Release the store, then the home."""
        self.forget()
        self.store.close()
        while self._held:
            self._held.pop().close()


def open_gateway(home: Home, passphrase: str, clock: Clock | Callable[[], int]) -> Gateway:
    """Open a home. Raises SetupError (HOME_NOT_FOUND, KEYFILE_*), StoreError.

    A `clock` that only gives UTC ms is believed as it is.
    A home that has no verified directory yet, or no pinned root, opens too; what needs one says so when asked.
    """
    home.require()
    with ExitStack() as stack:
        lock = stack.enter_context(home.hold())
        keys = Keyring.unlock(home, passphrase)
        store = stack.enter_context(closing(Store(home.store_path, keys.store, mark=home.store_made)))
        judged = clock if isinstance(clock, Clock) else Clock.of(clock)
        erased_again.again(home, store, judged.now_ms())
        member = home.member
        trust = member.trust_store() if member.is_pinned else member.unpinned_store()
        gateway = Gateway(home, keys, store, trust, judged)
        gateway.resume_directory()
        gateway.close_with(lock)
        _tell_damaged(gateway)
        stack.pop_all()
        return gateway


def _tell_damaged(gateway: Gateway) -> None:
    """Tell a person of key files that do not open: what can be done without them is done."""
    if gateway.keys.damaged:
        with gateway.store.write() as tx:
            for name in gateway.keys.damaged:
                alarms.raise_alarm(tx, Code.KEYFILE_DAMAGED, named(name), gateway.now_ms())
