"""What a person can say in a return home, as data: the words of each button and page, and the fields that are asked."""

from __future__ import annotations

from typing import Final

from refbus.core.vocabulary import EventType
from refbus_gateway.web.pages.referral_forms import DAY, NOTE, ROLE, SAFE, TIME, Asked, Step
from refbus_gateway.words.catalogue import mark

_WORKER: Final = Asked("responsible_worker_role", mark("Who is responsible here?"), ROLE, "select")
_NEXT: Final = Asked(
    "expected_ms",
    mark("When is the next word due, at the latest?"),
    mark("After that both offices are alarmed. Be exact."),
)
_SUMMARY: Final = Asked("summary", mark("In your own words"), SAFE, "area")
_CITIZENSHIP: Final = Asked("citizenship", mark("Of which country?"), "", "search")
_ANSWER_BY: Final = Asked("needed_by_ms", mark("By when do you need the answer?"), DAY)
_EMBASSY: Final = Asked(
    "embassy_may_be_asked",
    mark("May the embassy be asked?"),
    mark("Never for a person who is protected from return, or fears that state"),
)


def _risk(row: int) -> tuple[Asked, ...]:
    more = row > 0
    return (
        Asked(f"risks.{row}.factor", mark("Another risk") if more else mark("A risk"), "", "select", more, more),
        Asked(f"risks.{row}.level", mark("How high is it?"), "", "", more, more),
        Asked(
            f"risks.{row}.mitigation",
            mark("What is done against it?"),
            mark("A high risk without this stops the journey"),
            "area",
            more,
            more,
        ),
    )


def _leg(row: int) -> tuple[Asked, ...]:
    more = row > 0
    return (
        Asked(f"legs.{row}.from_place", mark("Then from") if more else mark("From"), "", "", more, more),
        Asked(f"legs.{row}.to_place", mark("To"), "", "", more, more),
        Asked(f"legs.{row}.transport", mark("How?"), "", "select", more, more),
        Asked(f"legs.{row}.departs_ms", mark("Leaves"), TIME, "", more, more),
        Asked(f"legs.{row}.arrives_ms", mark("Arrives"), TIME, "", more, more),
    )


def _relative(row: int) -> tuple[Asked, ...]:
    more = row > 0
    return (
        Asked(f"relatives.{row}.relation", mark("Which relative?"), mark("Mother, brother"), "", more, more),
        Asked(f"relatives.{row}.name", mark("Name of the relative"), "", "", more, more),
        Asked(f"relatives.{row}.place", mark("Where were they last?"), "", "", more, more),
    )


HOMEWARD: Final = (
    Step(
        "risks",
        EventType.RISK_ASSESSED,
        mark("Assess the risks"),
        mark("Assess the risks"),
        mark("One office writes it, the other one signs the same text."),
        (
            *_risk(0),
            Asked("protected_from_return", mark("Is the person protected from return, or asks for protection?")),
            Asked("valid_until_ms", mark("Until when does it hold?"), DAY),
            _WORKER,
            *_risk(1),
            *_risk(2),
            *_risk(3),
            Asked("summary", mark("In your own words"), SAFE, "area", more=True),
        ),
        first=True,
    ),
    Step(
        "ask-nationality",
        EventType.NATIONALITY_REQUESTED,
        mark("Ask about the nationality"),
        mark("Ask whether the person is a national"),
        mark("Only needed where no valid passport tells."),
        (
            _CITIZENSHIP,
            _EMBASSY,
            Asked("details", mark("What helps to find the person in their registers?"), SAFE, "area"),
            _ANSWER_BY,
        ),
    ),
    Step(
        "nationality-yes",
        EventType.NATIONALITY_CONFIRMED,
        mark("The nationality is confirmed"),
        mark("The nationality is confirmed"),
        mark("They see it at once."),
        (
            _CITIZENSHIP,
            Asked("reference", mark("Number of the answer")),
            NOTE,
        ),
        first=True,
    ),
    Step(
        "nationality-no",
        EventType.NATIONALITY_NEGATIVE,
        mark("The nationality is not confirmed"),
        mark("The nationality is not confirmed"),
        mark("They see why."),
        (Asked("reason", mark("Why?")), NOTE),
        first=True,
    ),
    Step(
        "find-family",
        EventType.FAMILY_TRACING_REQUESTED,
        mark("Ask to find the family"),
        mark("Ask to find the family"),
        mark("Ask the person first. A child does not travel without it."),
        (
            *_relative(0),
            Asked("must_not_learn", mark("What must the family not learn?"), "", "area"),
            Asked("questions", mark("What do you want to know?"), SAFE, "area"),
            _ANSWER_BY,
            *_relative(1),
        ),
    ),
    Step(
        "family",
        EventType.FAMILY_ASSESSED,
        mark("Tell about the family"),
        mark("Tell about the family"),
        mark("Whether it is safe for the person to live there."),
        (
            Asked("result", mark("What did you find?")),
            Asked("assessed_on", mark("When?"), DAY),
            _SUMMARY,
        ),
    ),
    Step(
        "best-interests",
        EventType.BEST_INTERESTS_DETERMINED,
        mark("What is best for the child"),
        mark("What is best for the child"),
        mark("A child travels only if this says so, and the guardian agrees."),
        (
            Asked("conclusion", mark("What is best?")),
            Asked("child_view", mark("What does the child say?"), "", "area"),
            Asked("guardian_agrees", mark("Does the guardian agree?")),
            Asked("determined_by_role", mark("Who decided it?"), ROLE, "select"),
            Asked("determined_on", mark("When?"), DAY),
        ),
    ),
    Step(
        "ask-document",
        EventType.DOCUMENT_REQUESTED,
        mark("Ask for a travel document"),
        mark("Ask for a travel document"),
        mark(
            "It is their turn then. A photograph that may not leave the country is not sent: their consulate here asks."
        ),
        (
            Asked("kind", mark("Which document?")),
            _EMBASSY,
            Asked("needed_by_ms", mark("By when do you need it?"), DAY),
            NOTE,
        ),
    ),
    Step(
        "document",
        EventType.DOCUMENT_ISSUED,
        mark("The travel document is there"),
        mark("The travel document is there"),
        mark("It must still be valid when the person arrives."),
        (
            Asked("kind", mark("Which document?"), mark("Only what both countries accept for the way stands here")),
            Asked("valid_until_ms", mark("Valid until"), DAY),
            Asked("collect_at", mark("Where can it be collected?")),
        ),
        first=True,
    ),
    Step(
        "reception",
        EventType.RECEPTION_CONFIRMED,
        mark("We take the person in"),
        mark("We take the person in"),
        mark("From when, where, and who is responsible."),
        (
            Asked("place_kind", mark("What kind of place?")),
            Asked("available_from_ms", mark("From when?"), DAY),
            Asked("meets_on_arrival", mark("Does somebody meet the person on arrival?")),
            _WORKER,
            NOTE,
        ),
        first=True,
    ),
    Step(
        "plan",
        EventType.PLAN_AGREED,
        mark("Write the plan of the journey"),
        mark("The plan of the journey"),
        mark("Made with the person, who signs it; for a child the guardian."),
        (
            *_leg(0),
            Asked("escort", mark("Who travels with the person?"), mark("A child never travels alone")),
            Asked("fit_to_travel", mark("Is the person well enough to travel?")),
            Asked("legal_status", mark("Where do legal proceedings stand?"), "", "select"),
            Asked("agreed_by", mark("Who agreed to the plan?")),
            Asked("agreed_on", mark("When?"), DAY),
            _WORKER,
            Asked("contingency", mark("What if something goes wrong on the way?"), "", "area"),
            *_leg(1),
            *_leg(2),
            Asked("medical_needs", mark("What does the person need for their health?"), SAFE, "area", more=True),
            Asked("medical_certificate_on", mark("Day of the medical certificate"), DAY, more=True),
            Asked("medical_certificate_until", mark("Until when does it hold?"), DAY, more=True),
            Asked("certificate_waived_by_role", mark("Who lets the person go without it?"), ROLE, "select", more=True),
            Asked("certificate_waived_because", mark("Why?"), mark("Only where the law allows it"), "area", more=True),
            Asked("escort_role", mark("What is the one who travels along?"), ROLE, "select", more=True),
            Asked("escort_until", mark("Where does the escort hand the person over?"), SAFE, more=True),
            Asked("paid_by", mark("Who pays?"), "", "select", more=True),
            Asked("allowance", mark("Money for the journey, with its currency"), "", more=True),
        ),
        first=True,
    ),
    Step(
        "authorise",
        EventType.DEPARTURE_AUTHORISED,
        mark("Let the person leave"),
        mark("Let the person leave"),
        mark("Two officers decide. It is refused while anything in the list is missing."),
        (
            Asked("departs_ms", mark("When does the person leave?"), TIME),
            Asked("first_officer_role", mark("Who decides?"), ROLE, "select"),
            Asked("second_officer_role", mark("Who decides with them?"), ROLE, "select"),
            NOTE,
        ),
        first=True,
    ),
    Step(
        "left",
        EventType.DEPARTED,
        mark("The person has left"),
        mark("The person has left"),
        mark("From now on both offices watch the clock."),
        (Asked("at_ms", mark("When?"), TIME), _NEXT, NOTE),
        first=True,
    ),
    Step(
        "stop-reached",
        EventType.CHECKPOINT_REACHED,
        mark("The person is at a stop"),
        mark("The person is at a stop"),
        mark("Say where, and when the next word is due."),
        (Asked("at_ms", mark("When?"), TIME), Asked("place", mark("Where?"), SAFE), _NEXT, NOTE),
        first=True,
    ),
    Step(
        "delay",
        EventType.TRANSIT_DELAYED,
        mark("It takes longer"),
        mark("The journey takes longer"),
        mark("Only when you know from the person or the escort that all is well."),
        (Asked("reason", mark("Why?")), _NEXT, NOTE),
        first=True,
    ),
    Step(
        "escort",
        EventType.ESCORT_HANDED_OVER,
        mark("The escort handed the person over"),
        mark("The escort handed the person over"),
        mark("Needed for a child, and wherever the plan names an escort. Write no name."),
        (
            Asked("at_ms", mark("When?"), TIME),
            Asked("place_kind", mark("What kind of place?"), "", "select"),
            Asked("from_escort", mark("Who travelled with the person?")),
            Asked("to_role", mark("Who takes over?"), ROLE, "select"),
            Asked("expected_ms", mark("When must they have said that they took over?"), TIME),
        ),
    ),
    Step(
        "taken-over",
        EventType.ESCORT_TAKEN_OVER,
        mark("We took the person over from the escort"),
        mark("We took the person over from the escort"),
        mark("Say it only when somebody of yours has seen the person."),
        (Asked("at_ms", mark("When?"), TIME),),
        first=True,
    ),
    Step(
        "arrived",
        EventType.ARRIVED,
        mark("The person is here"),
        mark("The person is here"),
        mark("Say it only when somebody of yours has seen the person."),
        (
            Asked("at_ms", mark("When?"), TIME),
            Asked("expected_ms", mark("By when will both offices sign the hand-over?"), TIME),
        ),
        first=True,
    ),
    Step(
        "handover",
        EventType.HANDOVER_CONFIRMED,
        mark("Sign the hand-over"),
        mark("Sign the hand-over"),
        mark("Both offices sign it."),
        (Asked("at_ms", mark("When was the person handed over?"), TIME),),
        first=True,
    ),
    Step(
        "time-at-home",
        EventType.REINTEGRATION_AGREED,
        mark("Write the plan for the time at home"),
        mark("The plan for the time at home"),
        mark("Made with the person."),
        (
            Asked("stage", mark("At which stage is it?")),
            Asked("services", mark("What help is planned?")),
            Asked("monitoring_agreed", mark("May you ask the person later how it goes?")),
            _WORKER,
            _SUMMARY,
            Asked("paid_by", mark("Who pays?"), "", "select", more=True),
            Asked("budget", mark("Money for the plan, with its currency"), "", more=True),
        ),
        first=True,
    ),
    Step(
        "monitor",
        EventType.MONITORING_RECORDED,
        mark("Tell how the person fares"),
        mark("How the person fares"),
        mark("After 1, 3, 6 and 12 months, and whenever you are worried."),
        (
            Asked("month", mark("How many months after the arrival?"), "", "text"),
            Asked("result", mark("How does the person fare?")),
            Asked("contacted_on", mark("When did you talk?"), DAY),
            NOTE,
        ),
        first=True,
    ),
    Step(
        "close",
        EventType.REPATRIATION_CLOSED,
        mark("Close the return"),
        mark("Close the return"),
        mark("Nothing more is waited for."),
        (Asked("result", mark("What came of it?")), _SUMMARY),
    ),
    Step(
        "interrupt",
        EventType.REPATRIATION_SUSPENDED,
        mark("Interrupt the return"),
        mark("Interrupt the return"),
        mark("Nobody travels until it goes on. It goes out even if you choose no reason."),
        (Asked("reason", mark("Why?")),),
    ),
    Step(
        "resume",
        EventType.REPATRIATION_RESUMED,
        mark("Go on with the return"),
        mark("Go on with the return"),
        mark("A departure must be decided again."),
        (_WORKER, NOTE),
        first=True,
    ),
    Step(
        "give-up",
        EventType.REPATRIATION_ABORTED,
        mark("Give the return up"),
        mark("Give the return up"),
        mark("It stops at once, here and there. It goes out even if you choose no reason."),
        (Asked("reason", mark("Why?")),),
    ),
)
"""Every step of a return that a referral has not, in the order of the road."""
