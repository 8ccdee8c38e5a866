"""The answers in a referral: one command for each event that a person can send, with options from its schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from refbus.core.dates import TIME, read_time
from refbus.core.vocabulary import STOPS, EventType
from refbus.errors import Code, RefbusError, SetupError
from refbus.wire.fields import FieldSpec, Kind
from refbus.wire.payload import payload_fields
from refbus_gateway.acting import Answer, act
from refbus_gateway.casefile.asked import asked_fields
from refbus_gateway.cli.session import Session, example, with_session

_FILE_LIMIT: Final = 1_048_576
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
        '1 --asked-categories HEALTH --question "<<your question>>"',
    ),
    Saying(
        "provide",
        EventType.INFORMATION_PROVIDED,
        "Answer what was asked.",
        '1 --answer "HEALTH=<<what the person said>>"',
    ),
    Saying(
        "appointment",
        EventType.APPOINTMENT_BOOKED,
        "Book an appointment.",
        "1 --service Legal --at 2026-10-01T10:00+05:00",
    ),
    Saying("missed", EventType.APPOINTMENT_MISSED, "Say that an appointment was missed.", "1 --appointment-event 7"),
    Saying("progress", EventType.REFERRAL_IN_PROGRESS, "Say that help has begun.", "1 --services-started SocialCare"),
    Saying("hold", EventType.REFERRAL_ON_HOLD, "Pause, with the reason.", "1 --reason PERSON_AWAY"),
    Saying("resume", EventType.REFERRAL_RESUMED, "Go on after a pause.", "1"),
    Saying("feedback", EventType.REFERRAL_FEEDBACK, "Say how it goes.", '1 --note "<<how it goes>>"'),
    Saying("complete", EventType.REFERRAL_COMPLETED, "Say how it ended.", "1 --outcome SERVICES_DELIVERED"),
    Saying(
        "fail",
        EventType.REFERRAL_FAILED,
        "Say that help could not be given.",
        "1 --reason OTHER --officer-role CASE_MANAGER",
    ),
    Saying(
        "cancel", EventType.REFERRAL_CANCELLED, "Take a referral back, with the reason.", "1 --reason PERSON_DECLINED"
    ),
    Saying(
        "reopen",
        EventType.REFERRAL_REOPENED,
        "Open a closed referral again; both sides must say so.",
        "1 --reason NEW_NEED",
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
    options: list[Callable[[Any], Any]] = [
        click.option("--file", type=click.Path(path_type=Path), help="JSON file with the fields, instead of options."),
        click.option("--codes-checked", is_flag=True, help="A person decided what codes mean that no list here has."),
        click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it."),
    ]
    for spec in asked_fields(saying.event_type):
        options += [_free_option(spec)] if saying.event_type in _STOPS else field_options(spec)

    @with_session
    def answer(session: Session, /, number: int, **values: Any) -> None:
        _answer(session, saying, number, values)

    function: Any = answer
    for option in reversed(options):
        function = option(function)
    function = click.argument("number", type=int)(function)
    function.__doc__ = saying.text
    return click.command(name=saying.name)(example(f"refbus {group} {saying.name} {saying.example}")(function))


def _free_option(spec: FieldSpec) -> Callable[[Any], Any]:
    """Return the option for a field of a stop: whatever is typed there, the stop is taken."""
    return click.option(f"--{spec.name}", metavar=f"[{'|'.join(spec.symbols)}]", help=_help(spec))


def field_options(spec: FieldSpec, prefix: str = "") -> list[Callable[[Any], Any]]:
    """Return the options for one field; answers are written as CATEGORY=TEXT, other lists of records need --file."""
    if spec.kind is Kind.RECORD:
        if not spec.many and not prefix:
            return [option for each in spec.fields for option in field_options(each, f"{spec.name}.")]
        if [each.name for each in spec.fields] == ["data_category", "text"]:
            return [click.option("--answer", prefix + spec.name, multiple=True, help="CATEGORY=TEXT; may be repeated.")]
        return []
    name = f"{prefix}{spec.name}"
    flag = "--" + name.removesuffix("_ms").replace(".", "-").replace("_", "-")
    return [click.option(flag, name.replace(".", "__"), type=_type(spec), multiple=spec.many, help=_help(spec))]


def _type(spec: FieldSpec) -> click.ParamType | type[int]:
    match spec.kind:
        case Kind.ENUM:
            return click.Choice(spec.symbols)
        case Kind.ID:
            return int
        case Kind.NUMBER if not spec.name.endswith("_ms"):
            return int
        case Kind.FLAG:
            return click.BOOL
        case _:
            return click.STRING


def _help(spec: FieldSpec) -> str:
    first = spec.doc.split(". ", maxsplit=1)[0].split(";", maxsplit=1)[0].rstrip(".")
    extra = {Kind.CODED: " (a code)", Kind.ID: " (number of the event in `inbox show`)"}.get(spec.kind, "")
    when = " (a time with its zone)" if spec.name.endswith("_ms") else ""
    return first + extra + when + ("; may be repeated" if spec.many else "") + "."


def _answer(session: Session, saying: Saying, number: int, values: dict[str, Any]) -> None:
    from refbus_gateway.cli.syncing import SENT_TEXT, try_to_send  # late: the help needs none of it

    file, later = values.pop("file"), values.pop("later")
    codes_checked = values.pop("codes_checked")
    if saying.event_type in _STOPS:
        _stop(session, saying.event_type, number, file, values, later=later)
        return
    ids = {spec.name for spec in asked_fields(saying.event_type) if spec.kind is Kind.ID}
    events = {name: values.pop(name) for name in ids if values.get(name) is not None}
    document = file_document(file) if file is not None else document_of(saying.event_type, values)
    answer = Answer(saying.event_type, document, events, codes_checked=codes_checked)
    with session.gateway.store.write() as tx:
        event = act(session.gateway, tx, number, answer)
    became = try_to_send(session, later=later)
    value = {"referral": number, "event": event.id, "type": saying.event_type, "delivery": became}
    session.tell(value, [f"Referral {number}: {saying.event_type}.", SENT_TEXT[became]])


def _stop(
    session: Session, event_type: EventType, number: int, file: Path | None, values: Mapping[str, Any], *, later: bool
) -> None:
    """Send what stops a course; what is wrong with its form is told and left out."""
    from refbus_gateway.acting import stop  # late: the help needs none of it
    from refbus_gateway.casefile.problems import Problem
    from refbus_gateway.cli.syncing import SENT_TEXT, try_to_send

    document, left_out = {name: value for name, value in values.items() if value is not None}, list[Problem]()
    if file is not None:
        try:
            document = file_document(file)
        except RefbusError as error:
            left_out.append(Problem("file", error.code, "cannot be read; nothing of it was told"))
    with session.gateway.store.write() as tx:
        event, problems = stop(session.gateway, tx, number, Answer(event_type, document))
    left_out += problems
    became = try_to_send(session, later=later)
    value = {"referral": number, "event": event.id, "type": event_type, "delivery": became}
    told = [{"path": each.path, "code": each.code, "advice": each.advice} for each in left_out]
    lines = [f"  left out, {each.path}: {each.code}, {each.advice}" for each in left_out]
    session.tell({**value, "left_out": told}, [f"Referral {number}: {event_type}.", *lines, SENT_TEXT[became]])


def document_of(event_type: EventType, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given as the JSON object that a file would hold."""
    document: dict[str, Any] = {}
    specs = {spec.name: spec for spec in payload_fields(event_type)}
    for name, value in values.items():
        if value is None or value == ():
            continue
        outer, _, inner = name.partition("__")
        spec = specs[outer]
        if inner:
            leaf = next(each for each in spec.fields if each.name == inner)
            document.setdefault(outer, {})[inner] = _value(leaf, value)
        elif spec.kind is Kind.RECORD:
            document[outer] = [_pair(text) for text in value]
        else:
            document[outer] = [_value(spec, item) for item in value] if spec.many else _value(spec, value)
    return document


def _value(spec: FieldSpec, value: Any) -> Any:
    return _moment(value) if spec.kind is Kind.NUMBER and spec.name.endswith("_ms") else value


def _moment(text: str) -> int:
    moment = read_time(text)
    if moment is None:
        raise SetupError(Code.USAGE, f"write {TIME}")
    return moment


def _pair(text: str) -> dict[str, str]:
    category, sign, answer = text.partition("=")
    if not sign:
        raise SetupError(Code.USAGE, "--answer is CATEGORY=TEXT")
    return {"data_category": category, "text": answer}


def file_document(path: Path) -> dict[str, Any]:
    """Return the fields that a file has. Raises SetupError FILE_UNREADABLE, CaseInvalidError."""
    from refbus_gateway.casefile.text import read_json  # late: only with --file
    from refbus_gateway.home import read_limited

    document = read_json(read_limited(path, _FILE_LIMIT))
    document.pop("help", None)  # the explanations of the template
    return document
