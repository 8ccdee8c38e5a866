"""The specifications of consent and lifecycle say what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.core.courses.course import MACHINES
from refbus.core.courses.machine import Machine
from refbus.core.vocabulary import EventType
from refbus.errors import Code

SPEC = Path(__file__).parents[3] / "docs" / "spec"
REASONS = """MALFORMED, UNKNOWN_VALUE, NO_CONSENT, BAD_SIGNATURE, CHAIN_BROKEN, SUBJECT_MISMATCH, REFUSED, WITHDRAWN,
NOT_YET_VALID, EXPIRED, LIFETIME_EXCEEDS_POLICY, GRANTOR_NOT_ENTITLED, GUARDIAN_AUTHORITY_EXPIRED, ASSENT_MISSING,
NOTICE_UNKNOWN, PURPOSE_NOT_COVERED, ACTION_NOT_COVERED, RECIPIENT_NOT_COVERED, COUNTRY_NOT_COVERED,
CATEGORY_NOT_COVERED, ONWARD_NOT_COVERED, EXPLICIT_DENY, RECIPIENT_REVOKED, VIEW_STALE, LEGAL_BASIS_REQUIRED"""


def rows(name: str, first: str) -> list[list[str]]:
    """Return the cells of the table whose heading begins with `first`."""
    lines = (SPEC / name).read_text(encoding="utf-8").splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(f"| {first} |"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_each_reason_of_the_decision_has_its_row() -> None:
    """All reason codes that practice and law ask for, none more."""
    written = [code.strip() for row in rows("consent.md", "code") for code in row[0].split(",")]
    assert sorted(written) == sorted(code.strip() for code in REASONS.split(","))
    assert set(written) <= {code.value for code in Code}


@pytest.mark.parametrize("name", ["consent.md", "lifecycle.md"])
def test_a_specification_is_short_and_begins_with_an_example(name: str) -> None:
    """Under 200 lines, the example in the first ten."""
    lines = (SPEC / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) < 200
    assert any(line.startswith("```") for line in lines[:10])


CATALOGUE = [
    "ReferralRequested",
    "ReferralDelivered",
    "ReferralOpened",
    "ReferralAccepted",
    "ReferralRejected",
    "ReferralRedirected",
    "InformationRequested",
    "InformationProvided",
    "ServiceAppointmentBooked",
    "ServiceAppointmentMissed",
    "ReferralInProgress",
    "ReferralOnHold",
    "ReferralResumed",
    "ReferralFeedback",
    "ReferralCompleted",
    "ReferralCancelled",
    "ReferralExpired",
    "EscalationRaised",
    "ReferralFailed",
    "EnteredInError",
    "ReferralReopened",
    "CaseTransferProposed",
    "CaseTransferAccepted",
    "CaseTransferRejected",
    "ConsentGranted",
    "ConsentAmended",
    "ConsentWithdrawn",
    "ConsentExpired",
    "WithdrawalNoticeSent",
    "WithdrawalAcknowledged",
    "GuardianAppointed",
    "GuardianReplaced",
    "AssentRecorded",
    "MajorityReached",
    "EmergencyDisclosureInvoked",
    "EmergencyDisclosureReviewed",
    "SubjectNotified",
    "ErasureRequested",
    "ErasureCompleted",
    "ReturnWishRecorded",
    "JointRiskAssessmentRecorded",
    "NationalityVerificationRequested",
    "NationalityVerificationConfirmed",
    "NationalityVerificationNegative",
    "FamilyTracingRequested",
    "FamilyAssessmentRecorded",
    "BestInterestsDetermined",
    "TravelDocumentRequested",
    "TravelDocumentIssued",
    "ReceivingOrganisationConfirmed",
    "ReturnPlanAgreed",
    "DepartureAuthorised",
    "Departed",
    "TransitCheckpointReached",
    "TransitDelayed",
    "EscortHandedOver",
    "EscortTakenOver",
    "Arrived",
    "HandoverConfirmed",
    "PersonNotArrived",
    "ReintegrationPlanAgreed",
    "MonitoringContactRecorded",
    "RepatriationClosed",
    "RepatriationSuspended",
    "RepatriationAborted",
]
"""The events of domain.md 4.2 to 4.4."""


def test_each_event_of_practice_has_its_place() -> None:
    """It is an event here, or the specification says what stands in its place; and the other way round."""
    elsewhere = {name for row in rows("lifecycle.md", "in practice") for name in row[0].split(", ")}
    assert elsewhere == set(CATALOGUE) - {each.value for each in EventType}
    assert {each.value for each in EventType} - set(CATALOGUE) == {
        "Undecryptable",
        "IntakeReported",
        "OfficeRestored",
        "RepatriationResumed",
        "CompanionsChanged",
    }


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_each_state_says_what_it_means_and_where_it_comes_from(machine: Machine) -> None:
    """All states, in the order of the road; and each but the first is entered by something."""
    assert list(machine.states) == list(type(machine.draft))
    assert all(meaning.text and meaning.source for meaning in machine.states.values())
    entered = {rule.to for rule in machine.table.values()} - {None}
    assert entered == set(machine.states) - {machine.draft}
