"""A federation in memory, with the private keys of all its members: quick, always the same, no TUF and no files.

    fed = federation(("kz", "uz"))
    fed.directory.find(agency("kz")), fed.pairs[agency("kz")], fed.kems[gate("uz")], fed.history.at(1)
    later = fed.changed(ngo("uz"), status=OrgStatus.SUSPENDED)

`later` is one version on; the version before stays in its history.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from refbus.core.directory import (
    Clock,
    CountryPolicy,
    Directory,
    KemKey,
    Notice,
    Organisation,
    OrgRole,
    OrgStatus,
    SigningKey,
)
from refbus.core.ids import CountryCode, OrgId, gate_id
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import DataCategory, Priority, Residency
from refbus.crypto.kem import KemPrivate
from refbus.crypto.signing import SigningPair
from refbus.tlog.custody import LogSecret
from refbus.tlog.shards import shards_from
from refbus.trust.member.audit_keys import SHARDS_LISTED, keys_of

DAY_MS = 24 * HOUR_MS
NOW_MS = 1_790_000_000_000
"""The moment at which tests happen unless they say otherwise (21 September 2026, UTC)."""
NOTICE_ID = "notice-1"
NOTICE_SHA256 = hashlib.sha256(b"fictional consent notice").digest()


def agency(country: str) -> OrgId:
    """Return the id of the country's referral agency."""
    return OrgId(f"{country}-agency01")


def ngo(country: str) -> OrgId:
    """Return the id of the country's shelter."""
    return OrgId(f"{country}-she1ter1")


def second_ngo(country: str) -> OrgId:
    """Return the id of the country's second NGO, legal aid."""
    return OrgId(f"{country}-1ega1a1d")


def gate(country: str) -> OrgId:
    """Return the id of the country's gate."""
    return gate_id(CountryCode(country))


def auditor(country: str) -> OrgId:
    """Return the id of the country's auditor."""
    return OrgId(f"{country}-checker1")


def inspector(country: str) -> OrgId:
    """Return the id of the country's inspector."""
    return OrgId(f"{country}-0mbvds01")


_MEMBERS = (
    (agency, OrgRole.NATIONAL_AGENCY, "Fictional referral agency", ("Legal", "SocialCare")),
    (ngo, OrgRole.NGO, "Fictional shelter", ("Health", "SocialCare")),
    (second_ngo, OrgRole.NGO, "Fictional legal aid", ("Legal",)),
    (gate, OrgRole.GATE, "Gate", ()),
    (auditor, OrgRole.AUDITOR, "Auditor", ()),
    (inspector, OrgRole.INSPECTOR, "Inspector", ()),
)


@lru_cache(maxsize=256)
def signing_pair(name: str, *, mldsa: bool = True) -> SigningPair:
    """Return the signing pair that belongs to `name`, always the same one."""
    return SigningPair(_seed("ed", name), _seed("mldsa", name) if mldsa else None)


@lru_cache(maxsize=256)
def kem_private(name: str) -> KemPrivate:
    """Return the KEM key that belongs to `name`, always the same one."""
    return KemPrivate(_seed("kem", name))


@lru_cache(maxsize=64)
def log_secret(name: str) -> LogSecret:
    """Return the log secret that belongs to `name`, always the same one."""
    return LogSecret(_seed("log", name))


def log_name_of(country: str) -> str:
    """Return the name of the country's log."""
    return f"{country}.audit.refbus.example"


@lru_cache(maxsize=64)
def audit_keys_of(country: str, now_ms: int = NOW_MS) -> tuple[str, ...]:
    """Return what the country's auditor lists: its log's keys for this half-year and the next three, its witness."""
    shards = shards_from(now_ms, SHARDS_LISTED)
    return tuple(sorted(key.vkey for key in keys_of(log_secret(auditor(country)), log_name_of(country), shards)))


def signing_key(pair: SigningPair, now_ms: int = NOW_MS) -> SigningKey:
    """Return the directory's view of `pair`, valid from a month ago for two years."""
    window = now_ms - 30 * DAY_MS, now_ms + 700 * DAY_MS
    return SigningKey(pair.kid, pair.public_ed25519, pair.public_mldsa65, *window)


def kem_key(private: KemPrivate, now_ms: int = NOW_MS) -> KemKey:
    """Return the directory's view of `private`, valid from a week ago for two months."""
    return KemKey(private.kid, private.public, now_ms - 7 * DAY_MS, now_ms + 60 * DAY_MS)


def policy(country: str, **changes: Any) -> CountryPolicy:
    """Return a plain policy: everything may cross with consent, except photos and biometrics out of uz."""
    residency = dict.fromkeys(DataCategory, Residency.CROSS_BORDER_WITH_CONSENT)
    if country == "uz":
        residency[DataCategory.PHOTO_BIOMETRIC] = Residency.LOCAL_ONLY
    plain = CountryPolicy(
        country=CountryCode(country),
        version=1,
        max_message_life_hours=720,
        message_life_hours=168,
        directory_grace_hours=72,
        clock_skew_s=600,
        consent_max_days=365,
        majority_age=18,
        residency=residency,
        clocks={
            Priority.EMERGENCY: Clock(900, 3_600),
            Priority.URGENT: Clock(3_600, 86_400),
            Priority.ROUTINE: Clock(86_400, 259_200),
        },
        notices={NOTICE_ID: Notice(NOTICE_ID, NOTICE_SHA256, ("en", "kk", "ru", "uz"))},
        stamps=2,
    )
    return dataclasses.replace(plain, **changes)


@dataclass(frozen=True, slots=True)
class FixedHistory:
    """A DirectoryHistory of the given versions, oldest first."""

    versions: tuple[Directory, ...]

    @property
    def latest(self) -> Directory:
        """The newest version."""
        return self.versions[-1]

    def at(self, version: int) -> Directory | None:
        """Return that version or None."""
        return next((directory for directory in self.versions if directory.version == version), None)


@dataclass(frozen=True, slots=True)
class Federation:
    """The newest directory, its history, and every member's private keys."""

    directory: Directory
    history: FixedHistory
    pairs: Mapping[OrgId, SigningPair]
    kems: Mapping[OrgId, KemPrivate]

    def with_audit_keys(self, *, quorum: int = 0) -> Federation:
        """Return the federation one version later, where every auditor lists its keys of log and witness.

        Their private halves: `log_secret(auditor(country))`. Each country demands `quorum` witnesses.
        """
        members, policies = dict(self.directory.organisations), dict(self.directory.policies)
        for country, rules in self.directory.policies.items():
            keys = audit_keys_of(country, self.directory.published_at_ms)
            members[auditor(country)] = dataclasses.replace(members[auditor(country)], audit_keys=keys)
            policies[country] = dataclasses.replace(rules, audit_quorum=quorum)
        return self.next_version(organisations=members, policies=policies)

    def changed(self, org_id: OrgId, *, at_ms: int | None = None, **changes: Any) -> Federation:
        """Return the federation one version later, with fields of one organisation replaced."""
        member = dataclasses.replace(self.directory.organisations[org_id], **changes)
        return self.next_version(organisations={**self.directory.organisations, org_id: member}, at_ms=at_ms)

    def with_policy(self, country: str, **changes: Any) -> Federation:
        """Return the federation one version later, with fields of one country's policy replaced."""
        code = CountryCode(country)
        replaced = dataclasses.replace(self.directory.policies[code], **changes)
        return self.next_version(policies={**self.directory.policies, code: replaced})

    def next_version(self, *, at_ms: int | None = None, **changes: Any) -> Federation:
        """Return the federation one version later; the version before becomes superseded at `at_ms`."""
        at_ms = self.directory.published_at_ms if at_ms is None else at_ms
        newer = dataclasses.replace(
            self.directory, version=self.directory.version + 1, published_at_ms=at_ms, **changes
        )
        older = dataclasses.replace(self.directory, superseded_at_ms=at_ms)
        return dataclasses.replace(
            self, directory=newer, history=FixedHistory((*self.history.versions[:-1], older, newer))
        )


def federation(countries: tuple[str, ...] = ("kz", "uz"), *, now_ms: int = NOW_MS, mldsa: bool = True) -> Federation:
    """Return version 1 of a federation: per country an agency, two NGOs, a gate, an auditor and an inspector."""
    organisations: dict[OrgId, Organisation] = {}
    pairs: dict[OrgId, SigningPair] = {}
    kems: dict[OrgId, KemPrivate] = {}
    for country in countries:
        for name, role, label, services in _MEMBERS:
            org_id = name(country)
            pairs[org_id] = signing_pair(org_id, mldsa=mldsa)
            kems[org_id] = kem_private(org_id)
            organisations[org_id] = Organisation(
                org_id=org_id,
                country=CountryCode(country),
                role=role,
                status=OrgStatus.ACTIVE,
                label=f"{label}, {country}",
                services=services,
                languages=("en", "ru"),
                signing_keys=(signing_key(pairs[org_id], now_ms),),
                kem_keys=(kem_key(kems[org_id], now_ms),),
            )
    directory = Directory(
        version=1,
        published_at_ms=now_ms - HOUR_MS,
        expires_at_ms=now_ms + 7 * DAY_MS,
        organisations=organisations,
        policies={CountryCode(country): policy(country) for country in countries},
    )
    return Federation(directory, FixedHistory((directory,)), pairs, kems)


def _seed(kind: str, name: str) -> bytes:
    return hashlib.sha256(f"test {kind} {name}".encode()).digest()
