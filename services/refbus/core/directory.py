"""The directory as decisions see it: who exists, with which keys, under which national policy. Plain values.

How it is fetched and verified (TUF, endorsements, key checks) is `refbus.trust`; a `Directory` comes only from there.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, Protocol, TypeVar

from refbus.core.ids import CountryCode, KeyId, OrgId
from refbus.core.units import DAY_S, HOUR_S
from refbus.core.vocabulary import DataCategory, Priority, Residency

_T = TypeVar("_T")
_MISSING: Final = object()


class OrgStatus(StrEnum):
    """Whether an organisation may send and receive."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    REMOVED = "REMOVED"


class OrgRole(StrEnum):
    """What an organisation is in the national referral mechanism."""

    NATIONAL_AGENCY = "NATIONAL_AGENCY"
    NGO = "NGO"
    EMBASSY = "EMBASSY"
    GATE = "GATE"
    AUDITOR = "AUDITOR"
    INSPECTOR = "INSPECTOR"
    POLICE = "POLICE"
    PROSECUTOR = "PROSECUTOR"
    HEALTH_SERVICE = "HEALTH_SERVICE"
    INTERNATIONAL_ORGANISATION = "INTERNATIONAL_ORGANISATION"


MEMBER_ROLES = frozenset(OrgRole) - {OrgRole.GATE, OrgRole.AUDITOR, OrgRole.INSPECTOR}
"""Who may send and receive events about people."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A pair of public signing keys under one id. Validity is half-open, milliseconds UTC."""

    kid: KeyId
    ed25519: bytes  # 32 bytes
    mldsa65: bytes | None  # 1952 bytes; when present its signature is mandatory
    not_before_ms: int
    not_after_ms: int
    compromised_since_ms: int | None = None  # revoked: refuse all new use; what was logged before stays evidence

    def usable_at(self, now_ms: int) -> bool:
        """Whether new signatures of this key are accepted at `now_ms`."""
        return self.compromised_since_ms is None and self.not_before_ms <= now_ms < self.not_after_ms


@dataclass(frozen=True, slots=True)
class KemKey:
    """One epoch's public X-Wing key (1216 bytes: ML-KEM-768 1184, X25519 32). Validity half-open, milliseconds UTC."""

    kid: KeyId
    public: bytes
    not_before_ms: int
    not_after_ms: int
    revoked: bool = False

    def usable_at(self, now_ms: int) -> bool:
        """Whether a sender may seal to this key at `now_ms`."""
        return not self.revoked and self.not_before_ms <= now_ms < self.not_after_ms


@dataclass(frozen=True, slots=True)
class Organisation:
    """A member: agency, NGO, or a country's gate, auditor or inspector."""

    org_id: OrgId
    country: CountryCode
    role: OrgRole
    status: OrgStatus
    label: str  # a plain role name, e.g. "Shelter and legal aid, south"; never a person
    services: tuple[str, ...]  # HTCDS spl_Type codes
    languages: tuple[str, ...]  # ISO 639
    signing_keys: tuple[SigningKey, ...]
    kem_keys: tuple[KemKey, ...]
    echoes: bool = False  # answers by itself, for practice: nobody works there, and no real case may go there
    audit_keys: tuple[str, ...] = ()  # of an auditor: the keys of its log's shards and its witness keys, as vkeys

    def signing_key(self, kid: KeyId) -> SigningKey | None:
        """Return the signing key with this id, usable or not."""
        return next((key for key in self.signing_keys if key.kid == kid), None)

    def kem_key(self, kid: KeyId) -> KemKey | None:
        """Return the KEM key with this id, usable or not."""
        return next((key for key in self.kem_keys if key.kid == kid), None)

    def current_kem_key(self, now_ms: int) -> KemKey | None:
        """Return the newest KEM key that a sender may use at `now_ms`."""
        usable = [key for key in self.kem_keys if key.usable_at(now_ms)]
        return max(usable, key=lambda key: key.not_before_ms, default=None)

    def current_signing_key(self, now_ms: int) -> SigningKey | None:
        """Return the newest signing key usable at `now_ms`."""
        usable = [key for key in self.signing_keys if key.usable_at(now_ms)]
        return max(usable, key=lambda key: key.not_before_ms, default=None)


class Brief(NamedTuple):
    """What is asked of every member at once, so that nobody reads all their files for it; as an index has it on disk.

    Ids of keys are in hexadecimal, with a space between two.
    """

    role: str  # of OrgRole
    echoes: bool
    keys: str  # of its signing and KEM keys
    over: str  # those among them that are revoked or compromised

    @classmethod
    def of(cls, member: Organisation) -> Brief:
        """Return what stands of a member in an index."""
        signing = [(key.kid.hex(), key.compromised_since_ms is not None) for key in member.signing_keys]
        keys = [*signing, *((key.kid.hex(), key.revoked) for key in member.kem_keys)]
        over = " ".join(kid for kid, is_over in keys if is_over)
        return cls(member.role.value, member.echoes, " ".join(kid for kid, _ in keys), over)


class Indexed(Mapping[OrgId, Organisation]):
    """Members of whom each is read when it is asked for; what is asked of all stands in an index."""

    @abstractmethod
    def briefs(self) -> Mapping[OrgId, Brief]:
        """Return the index. Nobody is read for it."""
        ...


@dataclass(frozen=True, slots=True)
class Clock:
    """How long each step may take, in seconds; `step_s` is the pause between two steps of an escalation."""

    deliver_s: int
    decide_s: int
    expire_s: int = 14 * DAY_S
    step_s: int = HOUR_S


@dataclass(frozen=True, slots=True)
class Pace:
    """What is waited for beyond a referral's own clocks, and when a reminder comes before the end."""

    reminder_percent: int = 50
    transfer_decide_s: int = 3 * DAY_S
    withdrawal_ack_s: int = 3 * DAY_S
    monitoring_months: tuple[int, ...] = (1, 3, 6, 12)
    monitoring_grace_days: int = 14
    consent_warning_days: int = 30  # before a consent ends, or majority, an office is told to ask again


@dataclass(frozen=True, slots=True)
class Notice:
    """A consent notice text that the country recognises."""

    notice_id: str
    sha256: bytes
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CountryPolicy:
    """A country's signed rules. Law is data here, with its source and date in the file that is signed."""

    country: CountryCode
    version: int
    max_message_life_hours: int
    message_life_hours: int  # what gateways use by default
    directory_grace_hours: int
    clock_skew_s: int
    consent_max_days: int
    majority_age: int
    residency: Mapping[DataCategory, Residency]
    clocks: Mapping[Priority, Clock]
    notices: Mapping[str, Notice]
    emergency_disclosure: bool = False
    assent_age: int = 7  # from this age on a child is asked; below it NOT_REQUIRED is accepted
    notify_subject: bool = False  # the person must be told of each disclosure (e.g. kg, Decree 759 of 21 Nov 2017)
    focal_point: OrgId | None = None  # hears of what an organisation of the country leaves undone
    pace: Pace = field(default_factory=Pace)
    emergency_max_hours: int = 72  # an emergency disclosure ends after so long; never more than 72
    emergency_review_hours: int = 72  # a third officer reviews it within
    utc_offset_min: int = 0  # how far the country's day is ahead of UTC, minutes; 0 where the policy does not say it
    stamps: int = 1  # newest version of stamps that all its gates and gateways read; 1 where the policy does not say it
    certificate_waiver: bool = False  # a worker may let a person travel without the medical certificate asked for
    travel_papers: Mapping[CountryCode, frozenset[str]] = field(default_factory=dict)  # on the way to each country
    audit_quorum: int = 0  # how many other countries' witnesses must cosign this country's log; 0: none is demanded


@dataclass(frozen=True, slots=True)
class Directory:
    """One verified version of the directory (the TUF snapshot version)."""

    version: int
    published_at_ms: int
    expires_at_ms: int
    organisations: Mapping[OrgId, Organisation]
    policies: Mapping[CountryCode, CountryPolicy]
    superseded_at_ms: int | None = field(default=None)  # when a newer version was loaded here; None for the newest
    _made: dict[tuple[str, ...], object] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, name: tuple[str, ...], make: Callable[[Directory], _T]) -> _T:
        """Return what `make` makes of this version; it is made once and then found again under `name`.

        For what follows from the directory alone and is not changed by anyone. What `make` raises is not remembered.
        """
        found = self._made.get(name, _MISSING)
        if found is _MISSING:
            found = self._made[name] = make(self)
        return found  # type: ignore[return-value]

    def find(self, org_id: OrgId) -> Organisation | None:
        """Return the organisation, whatever its status, or None."""
        return self.organisations.get(org_id)

    def briefs(self) -> Mapping[OrgId, Brief]:
        """Return what is asked of every member at once; of a large directory nobody is read for it."""
        if isinstance(self.organisations, Indexed):
            return self.organisations.briefs()
        return {org_id: Brief.of(member) for org_id, member in self.organisations.items()}

    def members_of(self, country: CountryCode, *roles: OrgRole) -> Iterator[Organisation]:
        """Return the organisations of a country, whatever their status; with `roles` only those. Nobody else is read.

        Each is read when it is its turn.
        """
        here = f"{country}-"  # an id begins with its country, or the member does not count
        there = [org_id for org_id in self.organisations if org_id.startswith(here)]
        briefs = self.briefs() if roles else {}
        found = [org_id for org_id in there if briefs[org_id].role in roles] if roles else there
        return map(self.organisations.__getitem__, found)

    def revoked_keys(self) -> set[KeyId]:
        """Return the ids of all keys that are revoked or compromised."""
        over = " ".join(brief.over for brief in self.briefs().values() if brief.over)
        return {KeyId(bytes.fromhex(kid)) for kid in over.split()}

    def holder_of(self, kid: KeyId) -> Organisation | None:
        """Return the organisation that lists a signing or KEM key, or None."""
        wanted = kid.hex()
        found = (org_id for org_id, brief in self.briefs().items() if wanted in brief.keys.split())
        return next(map(self.organisations.__getitem__, found), None)

    def countries(self) -> tuple[CountryCode, ...]:
        """Return the member countries, sorted."""
        return tuple(sorted(self.policies))


class DirectoryHistory(Protocol):
    """The versions of the directory that this node or gateway has verified."""

    @property
    def latest(self) -> Directory:
        """The newest verified version."""
        ...

    def at(self, version: int) -> Directory | None:
        """Return that version, or None when it was never verified here or is past the grace period."""
        ...
