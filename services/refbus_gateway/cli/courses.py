"""How an opened course is told: a referral, a return and an emergency disclosure alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from refbus.core.consent.record import ConsentState
from refbus.core.courses.machine import Role
from refbus_gateway.cli.session import words
from refbus_gateway.words.catalogue import mark

if TYPE_CHECKING:
    from refbus_gateway.actions.referrals import CourseOpened, EventShown

_SAID: Final = {
    ConsentState.GIVEN: mark("The person said yes."),
    ConsentState.REFUSED: mark("The person said no."),
    ConsentState.WITHDRAWN: mark("The person took it back."),
}
"""The newest word of the person about this office."""


def opened_texts(opened: CourseOpened, language: str) -> list[str]:
    """Return a course as lines for people."""
    from refbus_gateway.cli.show import state_text  # late: the help needs none of it

    number = opened.referral
    texts = [
        words().text(
            "Referral %(number)s, %(organisation)s: %(state)s",
            number=number,
            organisation=opened.organisation,
            state=state_text(opened.state, language),
        ),
        *_consent_texts(opened, language),
    ]
    if opened.withdrawal_to_answer:
        texts.append(words().text("CONSENT WITHDRAWN: stop using what you received; then say what you did:"))
        texts.append("  " + f"refbus inbox acknowledge {number} STOPPED | ERASED | RETAINED_LEGAL --reason ...")
    if opened.transfer_proposed:
        texts.append(
            words().text(
                "Custody of the case is offered: refbus transfer accept %(number)s | reject %(number)s (recipient)",
                number=number,
            )
        )
    if opened.custody is Role.TARGET:
        texts.append(words().text("The case is in the custody of the organisation that helps."))
    texts += [
        "  "
        + words().text(
            "Passed on as case %(case)s: ask the person, and withdraw there too: refbus consent withdraw %(case)s",
            case=case,
        )
        for case in opened.passed_on_as_cases
    ]
    for each in opened.events:
        texts += _event_texts(each)
    return texts


def _consent_texts(opened: CourseOpened, language: str) -> list[str]:
    """Return what the person said, before anything of what was sent under it; nothing of a course of one's own."""
    from refbus.foreign import field  # late: the help needs none of it
    from refbus_gateway.cli.show import time_text
    from refbus_gateway.words.codes import label

    consent = opened.consent
    if opened.own or consent is None:
        return []
    named = [label(language, "refbus.Purpose", each) or str(each) for each in consent.purposes]
    facts = (
        (words().text("It may be used for"), "; ".join(named)),
        (words().text("It may be used until"), time_text(consent.until_ms)),
        (words().text("Erase by"), time_text(consent.erase_by_ms)),
        (words().text("Where the person can take it back"), consent.withdrawal_contact),
    )
    return [
        "  " + words().text(_SAID[consent.state]),
        *(line for name, text in facts if text for line in field(name, text, "  ")),
    ]


def _event_texts(shown: EventShown) -> list[str]:
    from refbus.foreign import line  # late: the help needs none of it
    from refbus_gateway.cli.show import section_lines, time_text
    from refbus_gateway.words.codes import event_name

    other = (
        words().text("to %(to)s", to=shown.to)
        if shown.outgoing
        else words().text("from %(sender)s", sender=shown.from_)
    )
    head = f"[{shown.event}] {event_name(words(), shown.type)}, {other}, {time_text(shown.at_ms)}"
    hidden = ["  " + words().text("not shown: %(hidden)s", hidden=" ".join(shown.hidden))] if shown.hidden else []
    unknown = [
        "  "
        + words().text(
            "CODE_PARKED %(path)s: %(code)s is not in %(list)s here; ask the sender",
            path=code.path,
            code=line(code.code),
            list=line(code.list_),
        )
        for code in shown.unknown_codes
    ]
    doubts = [
        "  " + words().text("FACTS_DOUBTFUL %(rule)s: %(doubt)s", rule=each.rule, doubt=words().text(each.heading))
        for each in shown.doubts
    ]
    return [head, *hidden, *unknown, *doubts, *section_lines(shown.content, shown.times)]
