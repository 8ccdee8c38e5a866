"""What a gate decides: one value per record, with the audit entry it causes and the changes it makes, all as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from refbus.core.consent.record import ConsentRecord, Evidence, Obligation, Withdrawal
from refbus.core.courses.facts import EventFact
from refbus.core.gate.passage import Outcome
from refbus.core.ids import (
    CaseHandle,
    ConsentId,
    CountryCode,
    EventId,
    MessageId,
    OrgId,
    ReferralId,
    SubjectRef,
)
from refbus.core.vocabulary import EventType
from refbus.errors import Code


class Point(StrEnum):
    """Where it was decided."""

    EGRESS = "EGRESS"
    INGRESS = "INGRESS"


@dataclass(frozen=True, slots=True)
class RecordConsent:
    """Keep this record for its consent id, and forget those whose SHA-256 it makes needless."""

    evidence: Evidence
    needless: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class NoteAnswer:
    """Remember for emergencies that this record says a no, or may lift an earlier one."""

    record: ConsentRecord
    signer: OrgId


@dataclass(frozen=True, slots=True)
class MarkWithdrawn:
    """Keep this withdrawal, for longer than any record of its consent id."""

    withdrawal: Withdrawal


@dataclass(frozen=True, slots=True)
class AddReferralFact:
    """Add the event to what is known of its referral; the case and the pseudonym are set by the first one."""

    referral_id: ReferralId
    case_handle: CaseHandle
    subject_ref: SubjectRef | None
    fact: EventFact
    minor: bool | None = None
    of_age_ms: int | None = None


@dataclass(frozen=True, slots=True)
class AddDisclosure:
    """Enter in the disclosure ledger that `recipient` was sent something by `sender` in this referral."""

    referral_id: ReferralId
    consent_id: ConsentId | None
    sender: OrgId
    recipient: OrgId


@dataclass(frozen=True, slots=True)
class BindConsent:
    """Remember in which case a consent let something pass: it serves that one alone."""

    consent_id: ConsentId
    case_handle: CaseHandle


Effect = RecordConsent | MarkWithdrawn | AddReferralFact | AddDisclosure | NoteAnswer | BindConsent


@dataclass(frozen=True, slots=True)
class About:
    """What the audit entry says of the event. Ids are opaque; None where the record could not be read."""

    point: Point
    message_id: MessageId | None = None
    event_type: EventType | None = None
    event_id: EventId | None = None
    referral_id: ReferralId | None = None
    case_handle: CaseHandle | None = None
    sender: OrgId | None = None
    recipient: OrgId | None = None
    consent_id: ConsentId | None = None
    consent_version: int | None = None


@dataclass(frozen=True, slots=True)
class Forward:
    """Let it through: to the pump for `destination` at egress, into the recipient's inbox at ingress."""

    about: About
    destination: CountryCode
    effects: tuple[Effect, ...]
    obligations: tuple[Obligation, ...] = ()
    codes: tuple[Code, ...] = ()
    loud: tuple[Code, ...] = ()  # said in the audit entry and counted, though nothing is wrong
    outcome: ClassVar[Outcome] = Outcome.FORWARDED


@dataclass(frozen=True, slots=True)
class Refuse:
    """Stop it, for every reason in `codes` (sorted). `notify` is told in a sealed notice; None while unverified."""

    about: About
    codes: tuple[Code, ...]
    notify: OrgId | None
    effects: tuple[Effect, ...] = ()
    outcome: ClassVar[Outcome] = Outcome.REFUSED


@dataclass(frozen=True, slots=True)
class Missing:
    """What has to be there before a held event is worth another look: a directory version, a time (ms UTC)."""

    version: int = 0
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep it and decide again when what is `missing` is there and no earlier event of the case waits, or at the end.

    `about.case_handle` names the case whose later events wait behind it; None while the sender is unverified.
    """

    about: About
    codes: tuple[Code, ...]
    deadline_ms: int
    notify: OrgId | None
    effects: tuple[Effect, ...] = ()
    missing: Missing = Missing()
    outcome: ClassVar[Outcome] = Outcome.HELD


@dataclass(frozen=True, slots=True)
class Duplicate:
    """It was decided before. With code EVENT_ID_REUSED it is another event under a used id: an alarm, never passed."""

    about: About
    codes: tuple[Code, ...] = ()
    notify: OrgId | None = None
    effects: tuple[Effect, ...] = ()
    outcome: ClassVar[Outcome] = Outcome.DUPLICATE

    @property
    def alarm(self) -> bool:
        """Whether a person must look at it."""
        return bool(self.codes)


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Not parseable: kept as received, for a person to look at."""

    about: About
    codes: tuple[Code, ...]
    effects: tuple[Effect, ...] = ()
    outcome: ClassVar[Outcome] = Outcome.QUARANTINED


Verdict = Forward | Refuse | Hold | Duplicate | Quarantine
