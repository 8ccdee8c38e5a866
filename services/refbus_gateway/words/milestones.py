"""How far a course is, and what it waits for, in a few words each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from refbus.core.courses.deadlines import DeadlineKind
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from refbus_gateway.words.catalogue import mark

GUARDS: Final[Mapping[Code, str]] = {
    Code.GUARD_WISH: mark("The person wishes to go home, and knows the alternatives"),
    Code.GUARD_CONSENT: mark("The person's yes is in force"),
    Code.GUARD_RISK_ASSESSMENT: mark("Both offices signed one assessment of the risks"),
    Code.GUARD_NATIONALITY: mark("The nationality is clear"),
    Code.GUARD_DOCUMENTS: mark("There is a travel document"),
    Code.GUARD_RECEPTION: mark("Somebody takes the person in"),
    Code.GUARD_PLAN: mark("The person agreed to a plan of the journey"),
    Code.GUARD_FAMILY_ASSESSMENT: mark("The family was found and assessed"),
    Code.GUARD_BEST_INTERESTS: mark("It was decided what is best for the child"),
    Code.GUARD_COMPANION: mark("The return of each child who travels along is ready"),
    Code.GUARD_PROTECTED: mark("The person is protected from return: the journey must not take place"),
}
"""The conditions of a departure, as the list names them."""
AWAITED: Final[Mapping[DeadlineKind, str]] = {
    DeadlineKind.LEG: mark("Word from the journey"),
    DeadlineKind.ESCORT: mark("Word of who took the person over from the escort"),
    DeadlineKind.HANDOVER: mark("Both signatures of the hand-over"),
    DeadlineKind.MONITORING: mark("Word how the person fares"),
}
"""What is waited for on the way home."""
REFERRAL_STEPS: Final = (
    (EventType.REFERRAL_REQUESTED, mark("Sent")),
    (EventType.REFERRAL_DELIVERED, mark("Arrived")),
    (EventType.REFERRAL_OPENED, mark("Opened")),
    (None, mark("Answered")),
    (EventType.REFERRAL_IN_PROGRESS, mark("Help began")),
    (EventType.REFERRAL_COMPLETED, mark("Completed")),
)
"""How far a referral is; None for any answer."""
RETURN_STEPS: Final = (
    (mark("Wish"), {EventType.RETURN_WISH_RECORDED}),
    (mark("Plan"), {EventType.PLAN_AGREED}),
    (mark("May leave"), {EventType.DEPARTURE_AUTHORISED}),
    (mark("On the way"), {EventType.DEPARTED}),
    (mark("Is there"), {EventType.ARRIVED}),
    (mark("Handed over"), {EventType.HANDOVER_CONFIRMED}),
    (mark("Closed"), {EventType.REPATRIATION_CLOSED}),
)
"""How far a return is, and the events that say so."""
