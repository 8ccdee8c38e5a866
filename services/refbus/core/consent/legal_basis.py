"""Emergency disclosure: what may be told without consent, on whose word, for how long. Pure; every reason is reported.

Two officers of an organisation, each with an own key, sign one record; the organisation vouches for their keys; a
third officer reviews it. It is not consent and turns no refused consent into a permit: these rules alone decide,
at the sender, at both gates and at the recipient. Off unless the discloser's country allows it.
How it is used: docs/case-workers/emergency.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from refbus.core.consent.denials import Denials, denies
from refbus.core.directory import CountryPolicy
from refbus.core.ids import CaseHandle, KeyId, OrgId, ReferralId, SubjectRef
from refbus.core.message import RoutingBlock
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code

SCHEMA_VERSION = 1
"""The only record version that decisions understand."""
MOST_HOURS = 72
"""No country's policy lets an emergency disclosure run longer (domain.md 2.4)."""
MOST_ROLL_DAYS = 100
"""An organisation vouches for its officers anew after so long, so that one who left is not on a roll for ever."""
BASIS_EVENTS = frozenset({EventType.EMERGENCY_INVOKED, EventType.EMERGENCY_REVIEWED})
"""The events that carry a legal basis record; in any other it is refused."""


class Ground(StrEnum):
    """Why it cannot wait (domain.md 2.4)."""

    IMMINENT_RISK_TO_LIFE = "IMMINENT_RISK_TO_LIFE"
    MEDICAL_EMERGENCY = "MEDICAL_EMERGENCY"
    CHILD_IN_DANGER = "CHILD_IN_DANGER"
    MISSING_PERSON = "MISSING_PERSON"


class Protects(StrEnum):
    """Whose life or integrity it protects (Primero, legitimate basis 3)."""

    PERSON = "PERSON"
    ANOTHER = "ANOTHER"


class Incapacity(StrEnum):
    """Why the person, or who may speak for the person, cannot consent (GDPR 49(1)(f))."""

    UNCONSCIOUS = "UNCONSCIOUS"
    MEDICALLY_UNABLE = "MEDICALLY_UNABLE"
    MISSING = "MISSING"
    CHILD_WITHOUT_GUARDIAN = "CHILD_WITHOUT_GUARDIAN"
    GUARDIAN_SUSPECTED = "GUARDIAN_SUSPECTED"


class ReviewResult(StrEnum):
    """What an officer who did not decide found (domain.md 4.3)."""

    UPHELD = "UPHELD"
    NOT_UPHELD = "NOT_UPHELD"


_ALWAYS = frozenset(
    {DataCategory.IDENTITY, DataCategory.CONTACT, DataCategory.LOCATION_SAFE, DataCategory.SERVICE_NEEDS}
)
MOST_CATEGORIES: Mapping[Ground, frozenset[DataCategory]] = {
    Ground.IMMINENT_RISK_TO_LIFE: _ALWAYS | {DataCategory.HEALTH, DataCategory.TRAFFICKING_EXPERIENCE},
    Ground.MEDICAL_EMERGENCY: _ALWAYS | {DataCategory.HEALTH, DataCategory.SEXUAL_HEALTH},
    Ground.CHILD_IN_DANGER: _ALWAYS | {DataCategory.HEALTH, DataCategory.FAMILY, DataCategory.TRAFFICKING_EXPERIENCE},
    Ground.MISSING_PERSON: _ALWAYS | {DataCategory.HEALTH, DataCategory.TRAFFICKING_EXPERIENCE},
}
"""The most that each ground can need. The record names fewer where fewer are enough."""


@dataclass(frozen=True, slots=True)
class LegalBasisRecord:
    """What the officers signed. Times in ms UTC, intervals half-open; `case_handle` and `subject_ref` 32 bytes."""

    schema_version: int
    basis_id: bytes  # 16 bytes
    referral_id: ReferralId
    case_handle: CaseHandle
    subject_ref: SubjectRef
    organisation: OrgId
    recipient: OrgId
    ground: Ground
    protects: Protects
    incapacity: Incapacity | None
    data_categories: tuple[DataCategory, ...]
    invoked_at_ms: int
    valid_until_ms: int
    review_by_ms: int


@dataclass(frozen=True, slots=True)
class Officer:
    """An officer as the organisation vouches for one: key id (16 bytes), Ed25519 key (32 bytes), role; never a name."""

    kid: KeyId
    ed25519: bytes
    role: str


@dataclass(frozen=True, slots=True)
class OfficerRoll:
    """The officers of an organisation, by key id. Times in ms UTC; the end is exclusive."""

    organisation: OrgId
    issued_at_ms: int
    valid_until_ms: int
    officers: tuple[Officer, ...]

    def find(self, kid: KeyId) -> Officer | None:
        """Return the officer with this key id, or None."""
        return next((each for each in self.officers if each.kid == kid), None)


@dataclass(frozen=True, slots=True)
class Review:
    """What the reviewing officer found, and when (ms UTC)."""

    kid: KeyId
    result: ReviewResult
    at_ms: int


@dataclass(frozen=True, slots=True)
class BasisClaim:
    """A record together with what checking its signatures showed.

    `roll_ok`: the organisation's key signed the roll and was in force then. `signed_by` are the officers on the roll
    whose signatures hold; `signatures_ok` is False when any signature in it does not. `record_sha256` 32 bytes.
    """

    record: LegalBasisRecord
    record_sha256: bytes
    roll: OfficerRoll
    roll_ok: bool
    signed_by: tuple[KeyId, ...]
    signatures_ok: bool
    review: Review | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a claim is weighed with: the rules of the discloser's country, what the person has refused, the time."""

    policy: CountryPolicy | None
    denials: Denials
    now_ms: int


def invocation_problems(claim: BasisClaim, block: RoutingBlock, at: Circumstances) -> tuple[Code, ...]:
    """Return why the event `block` may not disclose on this ground, sorted; empty when it may."""
    return tuple(sorted(set(chain.from_iterable(rule(claim, block, at) for rule in INVOCATION_RULES))))


def review_problems(claim: BasisClaim, block: RoutingBlock, at: Circumstances) -> tuple[Code, ...]:
    """Return why the event `block` is not the review that it says it is, sorted. A late review counts as well."""
    return tuple(sorted(set(chain.from_iterable(rule(claim, block, at) for rule in REVIEW_RULES))))


def _allowed(_claim: BasisClaim, _block: RoutingBlock, at: Circumstances) -> Iterator[Code]:
    """Off by default: the country of the discloser must have said yes."""
    if at.policy is None or not at.policy.emergency_disclosure:
        yield Code.EMERGENCY_OFF


def _understood(claim: BasisClaim, _block: RoutingBlock, _at: Circumstances) -> Iterator[Code]:
    if claim.record.schema_version != SCHEMA_VERSION:
        yield Code.UNKNOWN_VALUE


def _about_this(claim: BasisClaim, block: RoutingBlock, _at: Circumstances) -> Iterator[Code]:
    """Hold the record to this course, this case and these two organisations."""
    record = claim.record
    said = (record.organisation, record.recipient, record.referral_id, record.case_handle)
    if said != (block.sender, block.recipient, block.referral_id, block.case_handle):
        yield Code.DECLARATION_MISMATCH
    if record.invoked_at_ms > block.occurred_at_ms:
        yield Code.DECLARATION_MISMATCH


def _two_officers(claim: BasisClaim, _block: RoutingBlock, _at: Circumstances) -> Iterator[Code]:
    """Demand two different people. One who holds two keys is a matter for the organisation's roll."""
    if not claim.signatures_ok:
        yield Code.OFFICER_SIGNATURE_INVALID
    if len(set(claim.signed_by)) < 2:
        yield Code.OFFICERS_MISSING


def _endorsed(claim: BasisClaim, _block: RoutingBlock, _at: Circumstances) -> Iterator[Code]:
    """Demand that the organisation vouches for its officers' keys, at the time when they signed."""
    roll, record, review = claim.roll, claim.record, claim.review
    times = (record.invoked_at_ms, *((review.at_ms,) if review else ()))
    end_ms = min(roll.valid_until_ms, roll.issued_at_ms + MOST_ROLL_DAYS * 24 * HOUR_MS)
    current = all(at_ms < end_ms for at_ms in times)
    if not claim.roll_ok or roll.organisation != record.organisation or not current:
        yield Code.OFFICER_NOT_ENDORSED


def _minimum(claim: BasisClaim, block: RoutingBlock, _at: Circumstances) -> Iterator[Code]:
    """Disclose no more than the officers named, and let them name no more than the ground needs."""
    named = set(claim.record.data_categories)
    if not set(block.data_categories) <= named <= MOST_CATEGORIES[claim.record.ground]:
        yield Code.EMERGENCY_NOT_MINIMUM


def _unable(claim: BasisClaim, _block: RoutingBlock, _at: Circumstances) -> Iterator[Code]:
    """Ask a person who can be asked: without a reason why not, only another person's protection is a ground."""
    if (claim.record.incapacity is None) != (claim.record.protects is Protects.ANOTHER):
        yield Code.INCAPACITY_MISSING


def _not_denied(claim: BasisClaim, block: RoutingBlock, at: Circumstances) -> Iterator[Code]:
    """Never override the no of an adult who could decide, except to protect another person (domain.md 2.4)."""
    if claim.record.protects is Protects.ANOTHER:
        return
    if denies(at.denials, block.recipient, frozenset(block.data_categories), at.now_ms):
        yield Code.DENIED_BY_PERSON


def _short(claim: BasisClaim, _block: RoutingBlock, at: Circumstances) -> Iterator[Code]:
    """End it by itself, soon."""
    record = claim.record
    hours = min(MOST_HOURS, at.policy.emergency_max_hours if at.policy else MOST_HOURS)
    if not record.invoked_at_ms < record.valid_until_ms <= record.invoked_at_ms + hours * HOUR_MS:
        yield Code.EMERGENCY_TOO_LONG
    if at.now_ms >= record.valid_until_ms:
        yield Code.EMERGENCY_OVER


def _reviewed_soon(claim: BasisClaim, block: RoutingBlock, at: Circumstances) -> Iterator[Code]:
    """Plan the review within the country's limit, by a third officer who exists, and tell the gates when it is due."""
    record = claim.record
    limit_ms = record.invoked_at_ms + (at.policy.emergency_review_hours if at.policy else 0) * HOUR_MS
    others = {officer.kid for officer in claim.roll.officers} - set(claim.signed_by)
    if not record.invoked_at_ms < record.review_by_ms <= limit_ms or not others:
        yield Code.REVIEW_NOT_PLANNED
    if block.respond_by_ms != record.review_by_ms or claim.review is not None:
        yield Code.DECLARATION_MISMATCH


def _independent(claim: BasisClaim, _block: RoutingBlock, _at: Circumstances) -> Iterator[Code]:
    """Demand the word of an officer on the roll who is none of the two."""
    review = claim.review
    if review is None:
        yield Code.REVIEW_MISSING
        return
    if claim.roll.find(review.kid) is None or review.kid in claim.signed_by:
        yield Code.REVIEWER_NOT_INDEPENDENT
    if review.at_ms < claim.record.invoked_at_ms:
        yield Code.DECLARATION_MISMATCH


BasisRule = Callable[[BasisClaim, RoutingBlock, Circumstances], Iterator[Code]]
_COMMON: tuple[BasisRule, ...] = (_understood, _about_this, _two_officers, _endorsed)
INVOCATION_RULES: tuple[BasisRule, ...] = (
    *_COMMON,
    _allowed,
    _minimum,
    _unable,
    _not_denied,
    _short,
    _reviewed_soon,
)
"""What must hold of the event that discloses."""
REVIEW_RULES: tuple[BasisRule, ...] = (*_COMMON, _independent)
"""What must hold of the event that reports the review. A policy that was switched off meanwhile does not stop it."""
