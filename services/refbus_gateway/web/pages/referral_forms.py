"""What a person can say in a referral, as data: the words of each button and page, and the fields that are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from refbus.core.vocabulary import STOPS, EventType
from refbus_gateway.words.catalogue import mark

TIME: Final = mark("Day and time, for example 31.3.2027 14:00")
DAY: Final = mark("A day, for example 31.3.2027")
ROLE: Final = mark("A role, never a person's name")
SAFE: Final = mark("Write only what they need. Others in their office may read it.")


@dataclass(frozen=True, slots=True)
class Asked:
    """One field of a step: where it stands in the event, its question, a hint.

    `pattern`: another than that of its kind; `more`: it is folded away, since few need it; `further`: of a row that
    need not be there.
    """

    path: str
    label: str
    hint: str = ""
    pattern: str = ""
    more: bool = False
    further: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that can be said: its address, its event, the button, the heading, what is told above the form.

    `confirm`: the passphrase is typed for it again; `first`: one of the large buttons.
    """

    slug: str
    event: EventType
    button: str
    heading: str
    told: str
    asked: tuple[Asked, ...]
    confirm: bool = False
    first: bool = False

    @property
    def stops(self) -> bool:
        """Whether it stops the course: then nothing that is wrong with the form keeps it out."""
        return self.event in STOPS


NOTE: Final = Asked("note", mark("Anything else they must know"), SAFE)
_WORKER: Final = Asked("responsible_worker_role", mark("Who will be responsible?"), ROLE, "select")
_REASON: Final = Asked("reason", mark("Why?"))

STEPS: Final = (
    Step(
        "accept",
        EventType.REFERRAL_ACCEPTED,
        mark("We can help"),
        mark("We can help"),
        mark("They are told that you help, and who, when and where. The person hears it from them."),
        (
            _WORKER,
            Asked("expected_by_ms", mark("When does help begin, at the latest?"), DAY),
            Asked("meeting.at_ms", mark("When is the first meeting?"), TIME),
            Asked("meeting.place", mark("Where?"), mark("A place that both offices know is safer than an address")),
            Asked("meeting.who", mark("Who meets the person?"), ROLE),
            Asked("services_accepted", mark("What will you help with?"), more=True),
            NOTE,
        ),
        first=True,
    ),
    Step(
        "cannot",
        EventType.REFERRAL_REJECTED,
        mark("We cannot help"),
        mark("We cannot help"),
        mark("They are told why, so that they can ask elsewhere."),
        (
            _REASON,
            Asked("reason_text", mark("The reason in your own words"), mark("Needed when you chose another reason")),
            Asked("capacity_from_ms", mark("When will there be room again?"), DAY, more=True),
        ),
        first=True,
    ),
    Step(
        "ask",
        EventType.INFORMATION_REQUESTED,
        mark("Ask a question"),
        mark("Ask them a question"),
        mark("It is their turn then. What they may tell you depends on what the person agreed to."),
        (
            Asked("asked_categories", mark("What is your question about?"), mark("Choose at least one")),
            Asked("question", mark("Your question"), SAFE),
            Asked("needed_by_ms", mark("By when do you need the answer?"), DAY),
        ),
        first=True,
    ),
    Step(
        "suggest",
        EventType.REFERRAL_REDIRECTED,
        mark("Suggest another organisation"),
        mark("Suggest another organisation"),
        mark("Nothing goes there by itself: they ask the person first, and then refer anew."),
        (
            Asked("suggested_organisation", mark("Which organisation?"), "", "select"),
            Asked("reason", mark("Why does it fit better?")),
            NOTE,
        ),
        first=True,
    ),
    Step(
        "provide",
        EventType.INFORMATION_PROVIDED,
        mark("Answer or tell more"),
        mark("Answer, or tell them more"),
        mark("Each box is sent only if you write in it, and only if the person agreed that they get it."),
        (),
        first=True,
    ),
    Step(
        "start",
        EventType.REFERRAL_IN_PROGRESS,
        mark("Help has begun"),
        mark("Help has begun"),
        mark("They see that the person came to you."),
        (Asked("services_started", mark("What has begun?"), more=True), NOTE),
        first=True,
    ),
    Step(
        "report",
        EventType.REFERRAL_FEEDBACK,
        mark("Say how it goes"),
        mark("Say how it goes"),
        mark("A short word is enough."),
        (Asked("note", mark("How does it go?"), SAFE), Asked("services_started", mark("What has begun?"), more=True)),
        first=True,
    ),
    Step(
        "appointment",
        EventType.APPOINTMENT_BOOKED,
        mark("Tell an appointment"),
        mark("Tell an appointment"),
        mark("They tell the person in the way that is safe."),
        (
            Asked("service", mark("What for?"), "", "select"),
            Asked("at_ms", mark("When?"), TIME),
            Asked("place_code", mark("Where?"), mark("A word that both offices know, never an address")),
        ),
    ),
    Step(
        "missed",
        EventType.APPOINTMENT_MISSED,
        mark("An appointment was missed"),
        mark("An appointment was missed"),
        mark("They ask the person whether all is well."),
        (_REASON, NOTE),
    ),
    Step(
        "pause",
        EventType.REFERRAL_ON_HOLD,
        mark("Pause the help"),
        mark("Pause the help"),
        mark("They see why, and until when. You can go on at any time."),
        (_REASON, Asked("until_ms", mark("Until when?"), DAY), NOTE),
    ),
    Step(
        "go-on",
        EventType.REFERRAL_RESUMED,
        mark("Go on with the help"),
        mark("Go on with the help"),
        mark("The pause is over."),
        (NOTE,),
        first=True,
    ),
    Step(
        "complete",
        EventType.REFERRAL_COMPLETED,
        mark("Help has ended"),
        mark("Help has ended"),
        mark("They see what came of it. Both of you can open it again later."),
        (
            Asked("outcome", mark("What came of it?")),
            Asked("services_delivered", mark("What did you help with?"), more=True),
            Asked("summary", mark("In your own words"), SAFE),
        ),
    ),
    Step(
        "fail",
        EventType.REFERRAL_FAILED,
        mark("Help could not be given"),
        mark("Help could not be given"),
        mark("They see why, and look for other help."),
        (_REASON, Asked("officer_role", mark("Who reports it?"), ROLE, "select"), NOTE),
    ),
    Step(
        "cancel",
        EventType.REFERRAL_CANCELLED,
        mark("Take the referral back"),
        mark("Take the referral back"),
        mark("It stops at once, here and there. It goes out even if you choose no reason."),
        (_REASON,),
    ),
    Step(
        "mistake",
        EventType.ENTERED_IN_ERROR,
        mark("It was a mistake"),
        mark("It was entered by mistake"),
        mark("It stops at once, here and there. It goes out even if you choose no reason."),
        (Asked("reason", mark("What was wrong?")),),
    ),
    Step(
        "reopen",
        EventType.REFERRAL_REOPENED,
        mark("Open it again"),
        mark("Open it again"),
        mark("It is open again when both organisations have said so."),
        (
            _REASON,
            Asked("first_officer_role", mark("Who asks for it?"), ROLE, "select"),
            Asked("second_officer_role", mark("Who else agreed?"), ROLE, "select"),
            NOTE,
        ),
    ),
    Step(
        "hand-over",
        EventType.TRANSFER_PROPOSED,
        mark("Ask them to take over the case"),
        mark("Ask them to take over the case"),
        mark("The case becomes theirs only when they say yes. Ask the person first."),
        (_REASON, _WORKER, NOTE),
        confirm=True,
    ),
    Step(
        "take-over",
        EventType.TRANSFER_ACCEPTED,
        mark("Take over the case"),
        mark("Take over the case"),
        mark("From then on your organisation is responsible for this person's case."),
        (_WORKER, NOTE),
        confirm=True,
        first=True,
    ),
    Step(
        "not-take-over",
        EventType.TRANSFER_REJECTED,
        mark("Do not take over the case"),
        mark("Do not take over the case"),
        mark("The case stays with them."),
        (_REASON,),
        first=True,
    ),
)
"""Every step, in the order in which pages show them."""
BY_EVENT: Final[Mapping[EventType, Step]] = {each.event: each for each in STEPS}
