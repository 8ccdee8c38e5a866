"""A real development federation in a folder, made once for all tests and copied for each: TUF, key files, homes."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from refbus.core.directory import MEMBER_ROLES, Directory, OrgRole
from refbus.core.ids import CountryCode, KeyId, OrgId
from refbus.core.units import DAY_MS
from refbus.crypto.kem import KemPrivate
from refbus.crypto.signing import SigningPair
from refbus.node.statekey import make_state_key
from refbus.resources import data_dir
from refbus.trust.homes import Home
from refbus.trust.layout import list_files
from refbus.trust.publisher.ceremony import (
    DEVELOPMENT_KIB,
    FederationPaths,
    Passphrases,
    create_development_federation,
    publish_for_development,
)
from refbus.trust.publisher.description import read_description
from refbus.trust.publisher.repository import Publication, Repository
from refbus.trust.reader.loader import TrustStore
from refbus_gate.home import state_key_file
from refbus_gateway.home.folder import Home as GatewayHome
from refbus_gateway.home.keyring import make_store_key
from support.directories import NOW_MS
from support.moulds import mould

PASSPHRASE = "fictional passphrase of tests"
KZ, KG, TM, UZ = (CountryCode(code) for code in ("kz", "kg", "tm", "uz"))
AGENCY = OrgId("kz-agency01")
SHELTER = OrgId("uz-she1ter1")


@dataclass(frozen=True, slots=True)
class Lab:
    """One federation's folder and what tests do with it."""

    paths: FederationPaths

    @property
    def passphrases(self) -> Passphrases:
        """The passphrases of all key files."""
        return Passphrases.same(PASSPHRASE)

    def publication(self, now_ms: int = NOW_MS) -> Publication:
        """Return an empty change."""
        return Publication(Repository(self.paths.repository), now_ms)

    def publish(self, publication: Publication) -> None:
        """Sign with every key of the folder and publish."""
        publish_for_development(self.paths, publication, self.passphrases)

    def republish(self, now_ms: int) -> None:
        """Publish a fresh timestamp."""
        self.publish(self.publication(now_ms))

    def files(self) -> list[tuple[str, bytes]]:
        """Return what is published, in publishing order."""
        return list_files(self.paths.repository)

    def store(self, folder: Path) -> TrustStore:
        """Return a reader's store, pinned to this federation."""
        return TrustStore.create(folder, self.paths.root.read_bytes())

    def home(self, org_id: OrgId) -> Home:
        """Return a member's home."""
        return Home(self.paths.home(org_id))

    def pair(self, org_id: OrgId) -> SigningPair:
        """Return a member's first signing pair."""
        return next(iter(self.home(org_id).signing_pairs(PASSPHRASE).values()))

    def kems(self, org_id: OrgId) -> dict[KeyId, KemPrivate]:
        """Return a member's KEM private keys."""
        return self.home(org_id).kem_keys(PASSPHRASE)


def lab(folder: Path) -> Lab:
    """Return a fresh copy of the federation of keys/development.toml, published at NOW_MS."""
    mould(template().paths.out).pour(folder / "federation")
    return Lab(FederationPaths(folder / "federation"))


def read(store: TrustStore, files: Iterable[tuple[str, bytes]], now_ms: int = NOW_MS) -> Directory:
    """Load `files` into `store` and return what is in force."""
    store.refresh_from(files, now_ms)
    return store.history.latest


def later(days: float) -> int:
    """Return the moment that many days after NOW_MS."""
    return NOW_MS + int(days * DAY_MS)


@lru_cache(maxsize=1)
def template() -> Lab:
    """Return the federation that all others are copies of; nobody changes it."""
    folder = Path(tempfile.mkdtemp(prefix="refbus-test-federation-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    description = read_description(data_dir("keys") / "development.toml")
    paths = create_development_federation(folder / "made", description, Passphrases.same(PASSPHRASE), NOW_MS)
    for home in map(Home, paths.homes().values()):  # as at a first start, but quick to open like all keys here
        if home.identity().role in MEMBER_ROLES:
            make_store_key(GatewayHome(home.folder), PASSPHRASE, memory_kib=DEVELOPMENT_KIB)
        if home.identity().role is OrgRole.GATE:
            make_state_key(*state_key_file(home), PASSPHRASE, memory_kib=DEVELOPMENT_KIB)
    return Lab(paths)
