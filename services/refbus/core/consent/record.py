"""What a consent record says, and what is known about one. Plain values; the rules are in `refbus.core.consent.permit`.

A record is the signed word of one survivor to one organisation (`party`), taken down by another (`collected_by`).
It is pseudonymous: no name, no birth date, no id of the person outside this pair of organisations.

Names of domain.md section 2.3 that are spelt differently here:

- `recipients` is `party`, one organisation per record; `denied_recipients` stay with the collector and never travel
- `data_categories` allowed are PERMIT provisions, `withheld` ones are DENY provisions
- SELF_ASSENT_PLUS_GUARDIAN is a guardian as grantor together with `Assent.GIVEN`
- form ORAL_WITNESSED is `Method.VERBAL_WITNESSED`; THUMBPRINT is kept
- status ACTIVE and AMENDED are GIVEN, version 1 and above; EXPIRED is `valid_until_ms`; ENTERED_IN_ERROR is WITHDRAWN
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from refbus.core.bounds import VERSION
from refbus.core.ids import CaseHandle, ConsentId, CountryCode, KeyId, OrgId, SubjectRef
from refbus.core.vocabulary import Action, DataCategory, Purpose
from refbus.errors import Code

SCHEMA_VERSION = 1
"""The only record version that decisions understand."""
MAX_VERSION = VERSION.high
"""Highest version that is read. No version follows it; a withdrawal may repeat it."""


class ConsentState(StrEnum):
    """What the person said."""

    GIVEN = "GIVEN"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"


class GrantorKind(StrEnum):
    """Who spoke: the person, or somebody with the authority to speak for the person."""

    SELF = "SELF"
    PARENT = "PARENT"
    LEGAL_GUARDIAN = "LEGAL_GUARDIAN"
    COURT_APPOINTED = "COURT_APPOINTED"
    LEGAL_REPRESENTATIVE = "LEGAL_REPRESENTATIVE"


class Assent(StrEnum):
    """The child's own answer, beside that of the guardian."""

    NOT_REQUIRED = "NOT_REQUIRED"
    GIVEN = "GIVEN"
    REFUSED = "REFUSED"
    NOT_ASKED = "NOT_ASKED"


class Method(StrEnum):
    """How the answer was taken down. A program from before SIGNED_LANGUAGE refuses a record with it (UNKNOWN_VALUE)."""

    WRITTEN = "WRITTEN"
    VERBAL_WITNESSED = "VERBAL_WITNESSED"
    THUMBPRINT = "THUMBPRINT"
    DIGITAL = "DIGITAL"
    SIGNED_LANGUAGE = "SIGNED_LANGUAGE"


class Effect(StrEnum):
    """What a provision does; DENY wins over any PERMIT."""

    PERMIT = "PERMIT"
    DENY = "DENY"


class Informed(StrEnum):
    """The seven things that were asked or explained before the answer (HTCDS 2.0, con_Consent)."""

    INTERVIEW_AGREED = "INTERVIEW_AGREED"
    PURPOSE = "PURPOSE"
    ACTUAL_AND_POTENTIAL_USE = "ACTUAL_AND_POTENTIAL_USE"
    NON_IDENTIFYING_RESEARCH = "NON_IDENTIFYING_RESEARCH"
    RIGHT_TO_REQUEST_DATA = "RIGHT_TO_REQUEST_DATA"
    STORAGE_PERIOD = "STORAGE_PERIOD"
    HOW_TO_WITHDRAW = "HOW_TO_WITHDRAW"


@dataclass(frozen=True, slots=True)
class NoticeRef:
    """The text that was explained: id and SHA-256 (32 bytes) in the country's policy; the ISO 639 language spoken."""

    notice_id: str
    notice_sha256: bytes
    language: str


@dataclass(frozen=True, slots=True)
class Grantor:
    """Who consented. Anyone but SELF needs evidence of authority, its end, and a check against the trafficking."""

    kind: GrantorKind
    authority_evidence: bytes | None = None  # 32-byte commitment to the appointment or birth document
    authority_until_ms: int | None = None  # exclusive
    conflict_checked: bool = False  # somebody asked whether this guardian took part in the trafficking


@dataclass(frozen=True, slots=True)
class Provision:
    """One rule of a record. Empty lists match nothing: there are no wildcards. The interval is half-open, ms UTC."""

    effect: Effect
    purposes: tuple[Purpose, ...]
    actions: tuple[Action, ...]
    recipients: tuple[OrgId, ...]  # within {party}
    countries: tuple[CountryCode, ...]  # of the party
    data_categories: tuple[DataCategory, ...]
    onward_transfer: bool
    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """One version of one consent. All times in ms UTC; intervals half-open."""

    schema_version: int
    consent_id: ConsentId
    version: int  # from 1
    prev_hash: bytes | None  # SHA-256 of the bytes of the version before; None exactly for version 1
    subject_ref: SubjectRef
    party: OrgId  # the one organisation that this record is about
    state: ConsentState
    event_time_ms: int  # when the person said so
    valid_from_ms: int
    valid_until_ms: int
    retain_until_ms: int  # the party erases what it received no later than this
    notice: NoticeRef
    grantor: Grantor
    majority_at_ms: int | None  # when the person comes of age; None for a person who was an adult when asked
    assent: Assent
    method: Method
    interpreter: bool
    informed: tuple[Informed, ...]
    jurisdiction: CountryCode  # the collector's country: its policy says how consent is taken
    collected_by: OrgId
    withdrawal_contact: str  # where the person can withdraw: a channel, never a person's name
    provisions: tuple[Provision, ...]


@dataclass(frozen=True, slots=True)
class SignedConsent:
    """A record as it travels: the exact bytes that were signed, what they say, and both signatures over them."""

    record_bytes: bytes
    record: ConsentRecord
    signer: OrgId
    signer_kid: KeyId
    ed25519: bytes  # 64 bytes
    mldsa65: bytes | None  # 3309 bytes; compulsory when the signer's key in the directory has an ML-DSA half


@dataclass(frozen=True, slots=True)
class Evidence:
    """A record together with what checking its signatures showed. `record_sha256` is over the record's bytes."""

    record: ConsentRecord
    record_sha256: bytes
    signer: OrgId
    signature_ok: bool

    @property
    def authentic(self) -> bool:
        """Whether one signed it that may: only the collector takes down a GIVEN, either side records a no."""
        entitled = {self.record.collected_by}
        if self.record.state is not ConsentState.GIVEN:
            entitled.add(self.record.party)
        return self.signature_ok and self.signer in entitled


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A withdrawal in its lasting form: it closes every version of the id until a higher one is signed later."""

    consent_id: ConsentId
    signer: OrgId
    version: int
    event_time_ms: int

    def closes(self, record: ConsentRecord) -> bool:
        """Whether `record` is stopped by this withdrawal, which must come from one of its two organisations."""
        ours = self.consent_id == record.consent_id and self.signer in {record.collected_by, record.party}
        reopened = record.version > self.version and record.event_time_ms > self.event_time_ms
        return ours and not reopened


def withdrawal_of(evidence: Evidence) -> Withdrawal | None:
    """Return the withdrawal that `evidence` proves, or None."""
    record = evidence.record
    if not evidence.authentic or record.state is not ConsentState.WITHDRAWN:
        return None
    return Withdrawal(record.consent_id, evidence.signer, record.version, record.event_time_ms)


@dataclass(frozen=True, slots=True)
class KnownConsent:
    """What a store remembers of the consent ids in question: every withdrawal, and the newest record per collector.

    `case_handle`: the case in which the consent first let something pass; it serves no other one.
    """

    withdrawals: tuple[Withdrawal, ...] = ()
    newest: tuple[Evidence, ...] = ()
    case_handle: CaseHandle | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants to do with data about the person.

    `party` is the organisation that the consent must name: the recipient of a disclosure, the sender of a report back.
    `countries` are those where the party will hold the data; the directory's country of the party is always added.
    """

    actions: frozenset[Action]
    purpose: Purpose
    categories: frozenset[DataCategory]
    sender: OrgId
    recipient: OrgId
    party: OrgId
    countries: frozenset[CountryCode] = frozenset()
    subject_ref: SubjectRef | None = None  # as seen earlier in this case; None when nothing was seen
    onward: bool = False  # the party passes it to a third organisation
    legal_basis: bool = False  # the sender relies on a legal basis instead of consent


class Obligation(StrEnum):
    """What a permit asks of the organisation that uses it."""

    NOTIFY_SUBJECT = "NOTIFY_SUBJECT"  # tell the person that the data went to this party
    ASK_AGAIN_AT_MAJORITY = "ASK_AGAIN_AT_MAJORITY"  # the guardian's word ends when the child comes of age


@dataclass(frozen=True, slots=True)
class Decision:
    """PERMIT with no reasons, or DENY with every reason, sorted. The record named is the one that decided, if any."""

    permit: bool
    reasons: tuple[Code, ...]
    consent_id: ConsentId | None
    version: int | None
    valid_for_ms: int  # how long this answer stays true if nothing new is learnt; 0 for a DENY
    obligations: tuple[Obligation, ...]
