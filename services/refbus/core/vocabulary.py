"""Closed vocabularies that decisions depend on. An unknown member is refused or parked, never defaulted.

Sources: docs/design/domain.md 2.3, 4.2, 4.3, 4.5 and 5. Code lists that no decision depends on (HTCDS) are data
under `schemas/codelists`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from refbus.errors import Code, MalformedError


class Purpose(StrEnum):
    """What the survivor agreed that the data may be used for."""

    REFERRAL_SERVICES = "REFERRAL_SERVICES"
    REPATRIATION = "REPATRIATION"
    FAMILY_TRACING = "FAMILY_TRACING"
    IDENTITY_TRAVEL_DOCUMENT = "IDENTITY_TRAVEL_DOCUMENT"
    MEDICAL = "MEDICAL"
    LEGAL_PROCEEDINGS = "LEGAL_PROCEEDINGS"
    MONITORING = "MONITORING"
    STATISTICS_NON_IDENTIFYING = "STATISTICS_NON_IDENTIFYING"


class Action(StrEnum):
    """What is done with the data: given to the recipient, reported back by it, used to reach the person, passed on."""

    DISCLOSE = "DISCLOSE"
    REPORT_BACK = "REPORT_BACK"
    CONTACT_PERSON = "CONTACT_PERSON"
    ONWARD_REFERRAL = "ONWARD_REFERRAL"


class DataCategory(StrEnum):
    """Kinds of data about the person; what consent and residency rules speak of."""

    IDENTITY = "IDENTITY"
    CONTACT = "CONTACT"
    LOCATION_SAFE = "LOCATION_SAFE"
    TRAFFICKING_EXPERIENCE = "TRAFFICKING_EXPERIENCE"
    HEALTH = "HEALTH"
    SEXUAL_HEALTH = "SEXUAL_HEALTH"
    FAMILY = "FAMILY"
    LEGAL_CASE = "LEGAL_CASE"
    PERPETRATOR = "PERPETRATOR"
    IMMIGRATION = "IMMIGRATION"
    PHOTO_BIOMETRIC = "PHOTO_BIOMETRIC"
    SERVICE_NEEDS = "SERVICE_NEEDS"


class Priority(StrEnum):
    """How fast the referral must move; the country's policy gives the clocks."""

    EMERGENCY = "EMERGENCY"
    URGENT = "URGENT"
    ROUTINE = "ROUTINE"


class Residency(StrEnum):
    """What a country's policy says of a data category that would leave it."""

    LOCAL_ONLY = "LOCAL_ONLY"
    CROSS_BORDER_WITH_CONSENT = "CROSS_BORDER_WITH_CONSENT"
    CROSS_BORDER_WITH_SCC = "CROSS_BORDER_WITH_SCC"
    FORBIDDEN = "FORBIDDEN"


class EventType(StrEnum):
    """Every event that an envelope can carry."""

    REFERRAL_REQUESTED = "ReferralRequested"
    REFERRAL_DELIVERED = "ReferralDelivered"
    REFERRAL_OPENED = "ReferralOpened"
    REFERRAL_ACCEPTED = "ReferralAccepted"
    REFERRAL_REJECTED = "ReferralRejected"
    REFERRAL_REDIRECTED = "ReferralRedirected"
    INFORMATION_REQUESTED = "InformationRequested"
    INFORMATION_PROVIDED = "InformationProvided"
    COMPANIONS_CHANGED = "CompanionsChanged"
    APPOINTMENT_BOOKED = "ServiceAppointmentBooked"
    APPOINTMENT_MISSED = "ServiceAppointmentMissed"
    REFERRAL_IN_PROGRESS = "ReferralInProgress"
    REFERRAL_ON_HOLD = "ReferralOnHold"
    REFERRAL_RESUMED = "ReferralResumed"
    REFERRAL_FEEDBACK = "ReferralFeedback"
    REFERRAL_COMPLETED = "ReferralCompleted"
    REFERRAL_FAILED = "ReferralFailed"
    REFERRAL_CANCELLED = "ReferralCancelled"
    REFERRAL_REOPENED = "ReferralReopened"
    ENTERED_IN_ERROR = "EnteredInError"
    CONSENT_GRANTED = "ConsentGranted"
    CONSENT_AMENDED = "ConsentAmended"
    CONSENT_WITHDRAWN = "ConsentWithdrawn"
    WITHDRAWAL_ACKNOWLEDGED = "WithdrawalAcknowledged"
    UNDECRYPTABLE = "Undecryptable"
    INTAKE_REPORTED = "IntakeReported"
    OFFICE_RESTORED = "OfficeRestored"
    TRANSFER_PROPOSED = "CaseTransferProposed"
    TRANSFER_ACCEPTED = "CaseTransferAccepted"
    TRANSFER_REJECTED = "CaseTransferRejected"
    RETURN_WISH_RECORDED = "ReturnWishRecorded"
    RISK_ASSESSED = "JointRiskAssessmentRecorded"
    NATIONALITY_REQUESTED = "NationalityVerificationRequested"
    NATIONALITY_CONFIRMED = "NationalityVerificationConfirmed"
    NATIONALITY_NEGATIVE = "NationalityVerificationNegative"
    FAMILY_TRACING_REQUESTED = "FamilyTracingRequested"
    FAMILY_ASSESSED = "FamilyAssessmentRecorded"
    BEST_INTERESTS_DETERMINED = "BestInterestsDetermined"
    DOCUMENT_REQUESTED = "TravelDocumentRequested"
    DOCUMENT_ISSUED = "TravelDocumentIssued"
    RECEPTION_CONFIRMED = "ReceivingOrganisationConfirmed"
    PLAN_AGREED = "ReturnPlanAgreed"
    DEPARTURE_AUTHORISED = "DepartureAuthorised"
    DEPARTED = "Departed"
    CHECKPOINT_REACHED = "TransitCheckpointReached"
    TRANSIT_DELAYED = "TransitDelayed"
    ESCORT_HANDED_OVER = "EscortHandedOver"
    ESCORT_TAKEN_OVER = "EscortTakenOver"
    ARRIVED = "Arrived"
    HANDOVER_CONFIRMED = "HandoverConfirmed"
    REINTEGRATION_AGREED = "ReintegrationPlanAgreed"
    MONITORING_RECORDED = "MonitoringContactRecorded"
    REPATRIATION_CLOSED = "RepatriationClosed"
    REPATRIATION_SUSPENDED = "RepatriationSuspended"
    REPATRIATION_RESUMED = "RepatriationResumed"
    REPATRIATION_ABORTED = "RepatriationAborted"
    EMERGENCY_INVOKED = "EmergencyDisclosureInvoked"
    EMERGENCY_REVIEWED = "EmergencyDisclosureReviewed"


_Member = TypeVar("_Member", bound=StrEnum)


def member(kind: type[_Member], text: str) -> _Member:
    """Return the member of `kind` whose value is `text`. Raises MalformedError UNKNOWN_VALUE, naming the list only."""
    found: _Member | None = kind._value2member_map_.get(text)  # type: ignore[assignment]
    if found is None:
        raise MalformedError(Code.UNKNOWN_VALUE, kind.__name__)
    return found


CONTROL_EVENTS = frozenset(
    {
        EventType.REFERRAL_DELIVERED,
        EventType.REFERRAL_OPENED,
        EventType.REFERRAL_CANCELLED,
        EventType.ENTERED_IN_ERROR,
        EventType.CONSENT_GRANTED,
        EventType.CONSENT_AMENDED,
        EventType.CONSENT_WITHDRAWN,
        EventType.WITHDRAWAL_ACKNOWLEDGED,
        EventType.UNDECRYPTABLE,
        EventType.INTAKE_REPORTED,
        EventType.OFFICE_RESTORED,
        EventType.TRANSFER_REJECTED,
        EventType.REPATRIATION_SUSPENDED,
        EventType.REPATRIATION_ABORTED,
        EventType.ESCORT_TAKEN_OVER,
        EventType.ARRIVED,
        EventType.HANDOVER_CONFIRMED,
        EventType.EMERGENCY_REVIEWED,
    }
)
"""Events that need no permit: closed schemas, no free text, no data category, only between parties already known."""

PERMITS_NOTHING = CONTROL_EVENTS - {EventType.CONSENT_GRANTED}
"""Control events that are no yes either: they go out under a directory that has run out, and without an audit entry
where none can be made."""

TECHNICAL_EVENTS = frozenset(
    {
        EventType.REFERRAL_DELIVERED,
        EventType.REFERRAL_OPENED,
        EventType.UNDECRYPTABLE,
        EventType.INTAKE_REPORTED,
        EventType.OFFICE_RESTORED,
    }
)
"""Words of one program to another. No person waits for them, and what is not taken in of them is not reported."""

STOPS = frozenset(
    {
        EventType.CONSENT_WITHDRAWN,
        EventType.CONSENT_AMENDED,
        EventType.REFERRAL_CANCELLED,
        EventType.ENTERED_IN_ERROR,
        EventType.REPATRIATION_SUSPENDED,
        EventType.REPATRIATION_ABORTED,
    }
)
"""Events by which something stops, wholly or in part: believed whatever the age of the directory that they name.

An amended consent may also permit more; what it permits is decided on its record, when something is disclosed.
"""

_RETURN = (
    EventType.RETURN_WISH_RECORDED,
    EventType.RISK_ASSESSED,
    EventType.BEST_INTERESTS_DETERMINED,
    EventType.RECEPTION_CONFIRMED,
    EventType.PLAN_AGREED,
    EventType.DEPARTURE_AUTHORISED,
    EventType.DEPARTED,
    EventType.CHECKPOINT_REACHED,
    EventType.TRANSIT_DELAYED,
    EventType.ESCORT_HANDED_OVER,
    EventType.REINTEGRATION_AGREED,
    EventType.REPATRIATION_CLOSED,
    EventType.REPATRIATION_RESUMED,
)
_IDENTITY = (
    EventType.NATIONALITY_REQUESTED,
    EventType.NATIONALITY_CONFIRMED,
    EventType.NATIONALITY_NEGATIVE,
    EventType.DOCUMENT_REQUESTED,
    EventType.DOCUMENT_ISSUED,
)
_FAMILY = (EventType.FAMILY_TRACING_REQUESTED, EventType.FAMILY_ASSESSED)

PURPOSE_OF: Mapping[EventType, Purpose] = {
    **dict.fromkeys(_RETURN, Purpose.REPATRIATION),
    **dict.fromkeys(_IDENTITY, Purpose.IDENTITY_TRAVEL_DOCUMENT),
    **dict.fromkeys(_FAMILY, Purpose.FAMILY_TRACING),
    EventType.MONITORING_RECORDED: Purpose.MONITORING,
}
"""The one purpose that an event may be sent for; those that are not here take the purpose of their course."""
