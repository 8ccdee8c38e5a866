"""The facts of a case file that are not payload: recipient, purpose, priority, and when an answer is due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from refbus.core.directory import OrgRole
from refbus.core.ids import parse_country, parse_org_id
from refbus.core.times import DAY, TIME, read_time
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import Priority, Purpose
from refbus.errors import MalformedError
from refbus.said import Said, said
from refbus.wire.codelists import code_list
from refbus_gateway.forms.plausible import CONFIRMED, check_confirmed
from refbus_gateway.forms.problems import Problems
from refbus_gateway.forms.text import printable
from refbus_gateway.forms.values import check_text, unknown_field

FORMAT = "refbus-case/1"
"""Value of `format` in every case file."""
ROUTING_FIELDS = frozenset(
    {
        "format",
        "about",
        "file_number",
        "help",
        "revision",
        "recipient",
        "purpose",
        "priority",
        "reply_by",
        "reply_within_hours",
        "onward_of",
        CONFIRMED,
    }
)
"""Fields of a case file that are not payload.

`about`, `file_number`, `help`, `revision`, `onward_of` and `confirmed` are for this home and are never sent.
"""
MOST_FILE_NUMBER = 40
"""Longest `file_number`, in characters."""
MAX_REPLY_HOURS = 24 * 60
"""Longest `reply_within_hours`, and latest `reply_by`: sixty days."""
_RECIPIENT_FIELDS = {"organisation", "country", "role", "service"}


def check_routing(document: Mapping[str, Any], problems: Problems, *, desk_ms: int | None) -> None:
    """Note every problem of the routing facts; when there is none, `reply_by` and the vocabularies can be read.

    `desk_ms`: when a person brings the file; then a time to answer by has to be to come. What is stored was judged.
    """
    if document.get("format") != FORMAT:
        problems.invalid("format", said('write "%(format)s"', format=FORMAT))
    if document.get("about") is not None:
        check_text(document["about"], "about", problems)
    _check_file_number(document.get("file_number"), problems)
    check_confirmed(document.get(CONFIRMED), problems)
    _check_recipient(document.get("recipient"), problems)
    _check_member(Purpose, document.get("purpose"), "purpose", problems)
    _check_member(Priority, document.get("priority"), "priority", problems)
    _check_reply(document, desk_ms, problems)
    if not isinstance(document.get("revision"), str | None):
        problems.invalid("revision", "leave it as `refbus case file` wrote it")
    received = document.get("onward_of")
    if received is not None and (type(received) is not int or received < 1):
        problems.invalid("onward_of", "leave it as `refbus case onward` wrote it: the number of the referral")


def reply_by(document: Mapping[str, Any], now_ms: int) -> int | None:
    """Return when an answer is due in ms UTC, from a checked file, or None when only the policy's clock counts."""
    if document.get("reply_within_hours") is not None:
        return now_ms + int(document["reply_within_hours"]) * HOUR_MS
    text = document.get("reply_by")
    return None if text is None else read_time(text)


def _check_file_number(value: Any, problems: Problems) -> None:
    if value is None:
        return
    number = check_text(value, "file_number", problems)
    if len(number) > MOST_FILE_NUMBER or "\n" in number:
        problems.invalid("file_number", said("one line of at most %(most)s characters", most=MOST_FILE_NUMBER))


def _check_recipient(value: Any, problems: Problems) -> None:
    if not isinstance(value, dict) or not ({"organisation", "country"} & value.keys()):
        problems.invalid("recipient", 'write {"organisation": "uz-..."}: find it with `refbus orgs find`')
        return
    for name in [name for name in value if name not in _RECIPIENT_FIELDS]:
        problems.invalid(f"recipient.{printable(name)}", unknown_field(name, _RECIPIENT_FIELDS))
    if "organisation" in value:
        if len(value) > 1:
            problems.invalid("recipient", "name either the organisation, or its country, role and service")
        _check_form(parse_org_id, value["organisation"], "recipient.organisation", problems)
        return
    _check_form(parse_country, value["country"], "recipient.country", problems)
    if "role" in value:
        _check_member(OrgRole, value["role"], "recipient.role", problems)
    if "service" in value and value["service"] not in list(code_list("htcds.spl_Type").codes):
        problems.unknown("recipient.service", "write a code of htcds.spl_Type")


def _check_form(parse: Callable[[str], str], value: Any, path: str, problems: Problems) -> None:
    try:
        parse(value if isinstance(value, str) else "")
    except MalformedError:
        problems.invalid(path, "write an organisation id like uz-4f7k2m9q, or a country code like uz")


def _check_member(kind: type[StrEnum], value: Any, path: str, problems: Problems) -> None:
    if value is None:
        problems.invalid(path, said("missing: one of %(codes)s", codes=", ".join(kind)))
    elif value not in list(kind):
        problems.unknown(path, said("one of %(codes)s", codes=", ".join(kind)))


def _check_reply(document: Mapping[str, Any], desk_ms: int | None, problems: Problems) -> None:
    hours, text = document.get("reply_within_hours"), document.get("reply_by")
    if hours is not None and text is not None:
        problems.invalid("reply_by", "give reply_by or reply_within_hours, not both")
    if hours is not None and (type(hours) is not int or not 1 <= hours <= MAX_REPLY_HOURS):
        problems.invalid("reply_within_hours", said("write a whole number from 1 to %(most)s", most=MAX_REPLY_HOURS))
    if text is None:
        return
    moment = read_time(text) if isinstance(text, str) else None
    if moment is None:
        problems.invalid("reply_by", said("write %(day)s, or %(time)s", day=Said(DAY), time=Said(TIME)))
    elif desk_ms is not None and not 0 < moment - desk_ms <= MAX_REPLY_HOURS * HOUR_MS:
        problems.invalid("reply_by", "is past, or more than sixty days away: write a time to come")
