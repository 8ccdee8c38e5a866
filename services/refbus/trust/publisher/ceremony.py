"""A federation's folder, and making one for development in a single step (keys/README.md tells the real ceremony).

<out>/root.json  repository/  staged/  anchors/  delegations/  online/  homes/<org>/  gates/<cc>/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, OrgId
from refbus.crypto.kem import KemPrivate
from refbus.crypto.signing import SigningPair
from refbus.errors import Code, SetupError
from refbus.files import write_whole
from refbus.tlog.custody import LogSecret
from refbus.tlog.keys import VerifierKey
from refbus.tlog.shards import shards_from
from refbus.trust.homes import Home, Identity
from refbus.trust.member.audit_keys import SHARDS_LISTED, keys_of
from refbus.trust.member.enrolment import Profile, answer_challenge, check_answer, make_challenge, make_request
from refbus.trust.member.rotation import EPOCH_MS
from refbus.trust.publisher import changes
from refbus.trust.publisher.custody import create_key, load_signer
from refbus.trust.publisher.description import Description
from refbus.trust.publisher.repository import Publication, Repository

DEVELOPMENT_KIB = 64
"""Argon2 memory of development key files: quick, and no protection worth the name."""
DEVELOPMENT_LOG = "audit.refbus.example"
"""Behind the country's code and a dot: the name of its log."""


@dataclass(frozen=True, slots=True)
class Passphrases:
    """One passphrase for each kind of custody."""

    anchors: str = field(repr=False)
    delegations: str = field(repr=False)
    online: str = field(repr=False)
    members: str = field(repr=False)

    @classmethod
    def same(cls, passphrase: str) -> Passphrases:
        """Return the same passphrase for all, for development."""
        return cls(passphrase, passphrase, passphrase, passphrase)


@dataclass(frozen=True, slots=True)
class FederationPaths:
    """Where everything of a federation's folder is."""

    out: Path

    @property
    def root(self) -> Path:
        """The initial root, which readers pin."""
        return self.out / "root.json"

    @property
    def repository(self) -> Path:
        """What is published."""
        return self.out / "repository"

    @property
    def staged(self) -> Path:
        """The change that waits for signatures."""
        return self.out / "staged"

    def anchor(self, country: CountryCode) -> Path:
        """Return the key file of a national anchor."""
        return self.out / "anchors" / f"{country}.key"

    def delegation(self, country: CountryCode) -> Path:
        """Return the key file of a country's delegation."""
        return self.out / "delegations" / f"{country}.key"

    def online(self, role: str) -> Path:
        """Return the key file of `snapshot` or `timestamp`."""
        return self.out / "online" / f"{role}.key"

    def gate(self, country: CountryCode) -> Path:
        """Return the home of a country's gate."""
        return self.out / "gates" / country

    def home(self, org_id: OrgId) -> Path:
        """Return the home of an organisation, or of a gate by its id."""
        is_gate = org_id.endswith("-gate")
        return self.gate(CountryCode(org_id[:2])) if is_gate else self.out / "homes" / org_id

    def homes(self) -> dict[OrgId, Path]:
        """Return the homes of all members in this folder, gates too."""
        found = [path.parent for path in sorted(self.out.glob("*/*/org.json"))]
        return {Home(path).identity().org_id: path for path in found}


@dataclass(frozen=True, slots=True)
class _MemberKeys:
    """The first private keys of a member; the log secret is for auditors."""

    pair: SigningPair = field(default_factory=SigningPair.generate)
    kem: KemPrivate = field(default_factory=KemPrivate.generate)
    log: LogSecret = field(default_factory=LogSecret.generate)

    def audit(self, profile: Profile, now_ms: int) -> list[VerifierKey]:
        """Return the audit keys of an auditor, of nobody else."""
        if profile.role is not OrgRole.AUDITOR:
            return []
        return keys_of(self.log, f"{profile.country}.{DEVELOPMENT_LOG}", shards_from(now_ms, SHARDS_LISTED))

    def save(self, home: Home, passphrase: str) -> None:
        """Write the keys into the member's home."""
        home.save_signing(self.pair, passphrase, memory_kib=DEVELOPMENT_KIB)
        home.save_kem(self.kem, passphrase, memory_kib=DEVELOPMENT_KIB)
        if home.identity().role is OrgRole.AUDITOR:
            home.save_log_secret(self.log, passphrase, memory_kib=DEVELOPMENT_KIB)


def create_development_federation(
    out_dir: Path, description: Description, passphrases: Passphrases, now_ms: int, epoch_ms: int = EPOCH_MS
) -> FederationPaths:
    """Make a whole federation in `out_dir`: anchors, countries, members with keys and homes, first publication.

    Every key is on one machine, so this is for development and tests. Each member goes through the same enrolment as a
    real one. `epoch_ms` is the term of the first KEM keys. Raises SetupError USAGE when the folder holds a federation
    already, MalformedError, StoreError.
    """
    paths = FederationPaths(out_dir)
    if paths.root.exists():
        raise SetupError(Code.USAGE, "this folder holds a federation already; choose an empty one")
    signers = _create_signers(paths, description, passphrases)
    publication = Publication(Repository(paths.repository), now_ms)
    publication.begin(_first_root(description, signers))
    for country, policy in description.policies.items():
        changes.add_country(publication, country, policy, signers[paths.delegation(country)].public_key)
    keys = {profile: _MemberKeys() for profile in description.members}
    for profile, held in keys.items():
        audit = held.audit(profile, now_ms)
        request = make_request(profile, held.pair, held.kem, now_ms, epoch_ms, audit=audit)
        challenge, pending = make_challenge(request)
        changes.enrol(publication, check_answer(pending, answer_challenge(challenge, request, held.kem), request))
    sign_with(publication, signers.values())
    publication.publish(signers[paths.online(Snapshot.type)], signers[paths.online(Timestamp.type)])
    root = Repository(paths.repository).initial_root()
    for profile, held in keys.items():
        home = Home.create(paths.home(profile.org_id), Identity(profile.org_id, profile.country, profile.role), root)
        held.save(home, passphrases.members)
    write_whole(paths.root, root)
    return paths


def sign_with(publication: Publication, signers: Iterable[CryptoSigner]) -> None:
    """Sign with every key that may."""
    for signer in signers:
        publication.sign(signer)


def all_signers(paths: FederationPaths, passphrases: Passphrases) -> dict[Path, CryptoSigner]:
    """Return the signer of every ceremony key in a development folder. Raises SetupError KEYFILE_*."""
    kinds = {"anchors": passphrases.anchors, "delegations": passphrases.delegations, "online": passphrases.online}
    return {
        path: load_signer(path, passphrase)
        for kind, passphrase in kinds.items()
        for path in sorted((paths.out / kind).glob("*.key"))
    }


def publish_for_development(paths: FederationPaths, publication: Publication, passphrases: Passphrases) -> None:
    """Sign a change with all keys of a development folder and publish it. Raises as `Publication.publish`."""
    signers = all_signers(paths, passphrases)
    sign_with(publication, signers.values())
    publication.publish(signers[paths.online(Snapshot.type)], signers[paths.online(Timestamp.type)])


def _create_signers(
    paths: FederationPaths, description: Description, passphrases: Passphrases
) -> dict[Path, CryptoSigner]:
    files = {paths.online(role): passphrases.online for role in (Snapshot.type, Timestamp.type)}
    for country in description.policies:
        files[paths.anchor(country)] = passphrases.anchors
        files[paths.delegation(country)] = passphrases.delegations
    return {path: create_key(path, passphrase, memory_kib=DEVELOPMENT_KIB) for path, passphrase in files.items()}


def _first_root(description: Description, signers: Mapping[Path, CryptoSigner]) -> Root:
    root = Root(consistent_snapshot=True)
    for path, signer in signers.items():
        if path.parent.name == "anchors":
            root.add_key(signer.public_key, Root.type)
            root.add_key(signer.public_key, Targets.type)
        elif path.parent.name == "online":
            root.add_key(signer.public_key, path.stem)
    for role in (Root.type, Targets.type):
        root.roles[role].threshold = description.threshold
    return root
