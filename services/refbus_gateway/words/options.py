"""What a person chooses from on a form, as the questions offer it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from refbus.core.consent.legal_basis import Ground, Incapacity, ReviewResult
from refbus.core.consent.record import Assent, GrantorKind, Method
from refbus.core.vocabulary import Action, Priority
from refbus_gateway.words.catalogue import mark

GROUNDS: Final[Mapping[Ground, str]] = {
    Ground.IMMINENT_RISK_TO_LIFE: mark("A life is in danger now"),
    Ground.MEDICAL_EMERGENCY: mark("A medical emergency"),
    Ground.CHILD_IN_DANGER: mark("A child is in danger"),
    Ground.MISSING_PERSON: mark("The person is missing"),
}
"""Why something is told without consent."""
INCAPACITIES: Final[Mapping[Incapacity, str]] = {
    Incapacity.UNCONSCIOUS: mark("The person is unconscious"),
    Incapacity.MEDICALLY_UNABLE: mark("The person is too ill to answer"),
    Incapacity.MISSING: mark("Nobody knows where the person is"),
    Incapacity.CHILD_WITHOUT_GUARDIAN: mark("A child without a guardian"),
    Incapacity.GUARDIAN_SUSPECTED: mark("The guardian may be a part of the danger"),
}
"""Why the person cannot be asked."""
REVIEW_RESULTS: Final[Mapping[ReviewResult, str]] = {
    ReviewResult.UPHELD: mark("It was right"),
    ReviewResult.NOT_UPHELD: mark("It was not right: the receiver destroys what it received"),
}
"""What the review of an emergency disclosure found."""
METHODS: Final = (
    (Method.WRITTEN, mark("Signed on paper")),
    (Method.VERBAL_WITNESSED, mark("Said before a witness")),
    (Method.THUMBPRINT, mark("Thumbprint on paper")),
    (Method.DIGITAL, mark("On a screen")),
    (Method.SIGNED_LANGUAGE, mark("In a signed language, before a witness")),
)
"""How an answer was given."""
GRANTORS: Final = (
    (GrantorKind.PARENT, mark("A parent")),
    (GrantorKind.LEGAL_GUARDIAN, mark("A legal guardian")),
    (GrantorKind.COURT_APPOINTED, mark("Somebody whom a court appointed")),
    (GrantorKind.LEGAL_REPRESENTATIVE, mark("A legal representative")),
)
"""Who consents for a child."""
ASSENTS: Final = (
    (Assent.GIVEN, mark("The child said yes")),
    (Assent.NOT_REQUIRED, mark("The child is too young to be asked")),
    (Assent.REFUSED, mark("The child said no")),
)
"""What the child said."""
PERMITTED: Final = (
    (Action.REPORT_BACK, mark("May they tell us how it goes?")),
    (Action.CONTACT_PERSON, mark("May they contact the person themselves?")),
    (Action.ONWARD_REFERRAL, mark("May they refer the person on to others, after asking again?")),
)
"""What a person is asked to permit beside the telling."""
COUNTED: Final = mark(
    "May this person be counted in published numbers? Nothing in them tells who it is. A no changes nothing else."
)
"""What a person is asked about statistics without identity: a permission of its own."""
PRIORITIES: Final = (
    (Priority.EMERGENCY, mark("Now"), mark("Life or freedom is in danger today.")),
    (Priority.URGENT, mark("In days"), mark("It cannot wait for long.")),
    (Priority.ROUTINE, mark("In weeks"), mark("It can wait for an ordinary answer.")),
)
"""How urgent a referral is, and what that means."""
