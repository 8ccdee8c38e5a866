"""Honest events in any number: a federation on disk, and a member that seals without a gateway in between."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from demo.hostile import HostileMember, Plot
from demo.plan import organisations
from demo.world import PASSPHRASE
from refbus.clock import machine_ms
from refbus.core.directory import Directory, DirectoryHistory, OrgRole, SigningKey
from refbus.core.ids import CountryCode, OrgId, gate_id
from refbus.core.vocabulary import DataCategory
from refbus.crypto.kem import KemPrivate
from refbus.crypto.signing import SigningPair
from refbus.resources import data_dir
from refbus.trust.homes import Home
from refbus.trust.layout import list_files
from refbus.trust.publisher.ceremony import FederationPaths, Passphrases, create_development_federation
from refbus.trust.publisher.description import read_description

EVENTS_PER_CONSENT = 4
"""How many events ride on one consent record: a request and what follows it. A gate verifies the record once."""
ORIGIN, DESTINATION = CountryCode("kz"), CountryCode("uz")


@dataclass(frozen=True, slots=True)
class Federation:
    """Keys, homes and the verified directory of a federation. One agency sends, one organisation abroad receives."""

    paths: FederationPaths
    history: DirectoryHistory

    @classmethod
    def create(cls, folder: Path, at_ms: int | None = None) -> Federation:
        """Make the development federation in `folder`, without any broker, at `at_ms` (UTC; None: now)."""
        at_ms = machine_ms() if at_ms is None else at_ms
        description = read_description(data_dir("keys") / "development.toml")
        return cls.of(create_development_federation(folder, description, Passphrases.same(PASSPHRASE), at_ms), at_ms)

    @classmethod
    def of(cls, paths: FederationPaths, at_ms: int | None = None) -> Federation:
        """Read the directory of a federation that exists, as it is at `at_ms` (UTC; None: now)."""
        at_ms = machine_ms() if at_ms is None else at_ms
        store = Home(paths.gate(ORIGIN)).trust_store()
        store.load(at_ms)
        store.refresh_from(list_files(paths.repository), at_ms)
        return cls(paths, store.history)

    @property
    def directory(self) -> Directory:
        """The newest version."""
        return self.history.latest

    @property
    def sender(self) -> OrgId:
        """The agency whose events are measured."""
        return organisations(self.directory, ORIGIN, OrgRole.NATIONAL_AGENCY)[0]

    @property
    def recipient(self) -> OrgId:
        """The organisation abroad that they are for."""
        return organisations(self.directory, DESTINATION, OrgRole.NGO)[0]

    @property
    def neighbour(self) -> OrgId:
        """An organisation of the sender's own country."""
        return organisations(self.directory, ORIGIN, OrgRole.NGO)[0]

    def member(self, org: OrgId) -> Member:
        """Return a member with its private keys."""
        country = CountryCode(org[:2])
        home = Home(self.paths.gate(country) if org == gate_id(country) else self.paths.home(org))
        standing = self.directory.organisations[org]
        signing, sealing = standing.current_signing_key(machine_ms()), standing.current_kem_key(machine_ms())
        if signing is None or sealing is None:
            raise LookupError(f"{org} has no current keys")
        pair, kem = home.signing_pairs(PASSPHRASE)[signing.kid], home.kem_keys(PASSPHRASE)[sealing.kid]
        return Member(org, pair, kem, signing)


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation or gate with its current private keys, and its signing key as the directory states it."""

    org: OrgId
    pair: SigningPair
    kem: KemPrivate
    signing_key: SigningKey


class Sealer:
    """Seals honest referral requests to one organisation, `EVENTS_PER_CONSENT` about each fictional person."""

    def __init__(self, federation: Federation, recipient: OrgId) -> None:
        sender = federation.member(federation.sender)
        self._member = HostileMember(sender.org, sender.pair, federation.directory)
        self._recipient = recipient
        self._plot = Plot(recipient)
        self._made = 0

    def next(self) -> bytes:
        """Return the next envelope."""
        if self._made % EVENTS_PER_CONSENT == 0:
            consent = self._member.consent(self._recipient, [DataCategory.SERVICE_NEEDS], machine_ms())
            self._plot = Plot(self._recipient, consent=consent)
        else:
            self._plot = Plot(self._recipient, consent=self._plot.consent, case_handle=self._plot.case_handle)
        self._made += 1
        return self._member.seal(self._plot, machine_ms())

    def many(self, count: int) -> list[bytes]:
        """Return the next `count` envelopes."""
        return [self.next() for _ in range(count)]
