"""The answers in a referral: one command for each event that a person can send, with what its schema asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from refbus.core.vocabulary import STOPS, EventType
from refbus.errors import RefbusError
from refbus.said import said
from refbus.wire.fields import Kind
from refbus_gateway.cli.content import (
    FROM,
    content,
    content_options,
    field_options,
    file_document,
    free_options,
    given_fields,
)
from refbus_gateway.cli.session import Session, example, with_session, words
from refbus_gateway.forms.asked import asked_fields, written_fields

_STOPS: Final = STOPS - {EventType.CONSENT_WITHDRAWN, EventType.CONSENT_AMENDED}
"""What a person says to stop a course. Nothing that is wrong with the form keeps it out."""


@dataclass(frozen=True, slots=True)
class Saying:
    """A command that sends an event: its name, the event, what it is for, and an example of its arguments."""

    name: str
    event_type: EventType
    text: str
    example: str


SAYINGS: Final = (
    Saying("accept", EventType.REFERRAL_ACCEPTED, "Accept a referral.", "1 --responsible-worker-role SOCIAL_WORKER"),
    Saying("reject", EventType.REFERRAL_REJECTED, "Reject a referral, with the reason.", "1 --reason CAPACITY_FULL"),
    Saying(
        "redirect",
        EventType.REFERRAL_REDIRECTED,
        "Suggest another organisation; the sender asks the person again.",
        "1 --suggested-organisation uz-1ega1a1d --reason OTHER",
    ),
    Saying(
        "ask",
        EventType.INFORMATION_REQUESTED,
        "Ask the sender for more.",
        "1 --asked-categories HEALTH --file question.json",
    ),
    Saying(
        "provide",
        EventType.INFORMATION_PROVIDED,
        "Answer what was asked.",
        "1 --file answers.json",
    ),
    Saying(
        "appointment",
        EventType.APPOINTMENT_BOOKED,
        "Book an appointment.",
        "1 --file appointment.json",
    ),
    Saying("missed", EventType.APPOINTMENT_MISSED, "Say that an appointment was missed.", "1 --appointment-event 7"),
    Saying("progress", EventType.REFERRAL_IN_PROGRESS, "Say that help has begun.", "1"),
    Saying("hold", EventType.REFERRAL_ON_HOLD, "Pause, with the reason.", "1 --file pause.json"),
    Saying("resume", EventType.REFERRAL_RESUMED, "Go on after a pause.", "1"),
    Saying("feedback", EventType.REFERRAL_FEEDBACK, "Say how it goes.", "1 --file -"),
    Saying("complete", EventType.REFERRAL_COMPLETED, "Say how it ended.", "1 --file end.json"),
    Saying(
        "fail",
        EventType.REFERRAL_FAILED,
        "Say that help could not be given.",
        "1 --officer-role CASE_MANAGER --file reason.json",
    ),
    Saying(
        "cancel", EventType.REFERRAL_CANCELLED, "Take a referral back, with the reason.", "1 --reason PERSON_DECLINED"
    ),
    Saying(
        "reopen",
        EventType.REFERRAL_REOPENED,
        "Open a closed referral again; both sides must say so.",
        "1 --file reason.json",
    ),
    Saying(
        "mistake", EventType.ENTERED_IN_ERROR, "Say that a referral was entered by mistake.", "1 --reason WRONG_PERSON"
    ),
)
"""Every answer."""


def add_answers(group: click.Group, sayings: Iterable[Saying] = SAYINGS) -> None:
    """Add a command for each answer to a group of `refbus`."""
    for saying in sayings:
        group.add_command(_command(saying, str(group.name)))


def _command(saying: Saying, group: str) -> click.Command:
    specs = asked_fields(saying.event_type)
    options: list[Callable[[Any], Any]] = [
        content_options(lambda: _form(saying)),
        click.option("--codes-checked", is_flag=True, help="A person decided what codes mean that no list here has."),
        click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it."),
        *(free_options(specs) if saying.event_type in _STOPS else field_options(specs)),
    ]

    @with_session
    def answer(session: Session, /, number: int, **values: Any) -> None:
        _answer(session, saying, number, values)

    function: Any = answer
    for option in reversed(options):
        function = option(function)
    function = click.argument("number", type=int)(function)
    function.__doc__ = f"{saying.text}\n\n{FROM}"
    return click.command(name=saying.name)(example(f"refbus {group} {saying.name} {saying.example}")(function))


def _form(saying: Saying) -> str:
    from refbus_gateway.forms.case_template import event_template  # late: the help needs none of it

    return event_template(written_fields(saying.event_type))


def _answer(session: Session, saying: Saying, number: int, values: dict[str, Any]) -> None:
    from refbus_gateway.actions import referrals  # late: the help needs none of it
    from refbus_gateway.cli.show import sent_text
    from refbus_gateway.words.codes import event_name

    file, later, codes_checked = (values.pop(name) for name in ("file", "later", "codes_checked"))
    if saying.event_type in _STOPS:
        _stop(session, saying.event_type, number, file, values, later=later)
        return
    specs = asked_fields(saying.event_type)
    given = given_fields(specs, values)
    if file is None and session.asks:
        referrals.require_known(session.desk, session.actor, number)
    document = content(session, written_fields(saying.event_type), given, file)
    events = {spec.name: values[spec.name] for spec in specs if spec.kind is Kind.ID and values[spec.name] is not None}
    answer = referrals.Answer(saying.event_type, document, events, codes_checked=codes_checked)
    done = referrals.answer(session.desk, session.actor, number, answer, later=later)
    session.tell(
        done,
        [
            words().text("Referral %(number)s: %(type)s.", number=number, type=event_name(words(), done.type)),
            sent_text(done.delivery),
        ],
    )


def _stop(
    session: Session, event_type: EventType, number: int, file: Path | None, values: Mapping[str, Any], *, later: bool
) -> None:
    """Send what stops a course; what is wrong with its form is told and left out."""
    from refbus_gateway.actions import referrals  # late: the help needs none of it
    from refbus_gateway.cli.show import sent_text
    from refbus_gateway.forms.problems import Problem
    from refbus_gateway.words.codes import event_name

    typed, unread = {name: value for name, value in values.items() if value is not None}, list[Problem]()
    document: dict[str, Any] = dict(typed)
    if file is not None:
        try:
            document = file_document(file) | typed
        except RefbusError as error:
            unread.append(Problem("file", error.code, said("cannot be read; nothing of it was told")))
    answer = referrals.Answer(event_type, document)
    done = referrals.stop(session.desk, session.actor, number, answer, unread=unread, later=later)
    waits = "  " + words().text("it is kept, and told as soon as it can be: %(waits)s. Call them.", waits=done.waits)
    lines = [waits] if done.waits else []
    lines += [
        "  "
        + words().text(
            "left out, %(path)s: %(code)s, %(advice)s",
            path=each.path,
            code=each.code,
            advice=words().spoken(each.advice),
        )
        for each in done.left_out
    ]
    session.tell(
        done,
        [
            words().text(
                "Referral %(number)s: %(event_type)s.", number=number, event_type=event_name(words(), event_type)
            ),
            *lines,
            sent_text(done.delivery),
        ],
    )
