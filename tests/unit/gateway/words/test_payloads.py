"""Payloads for people: readable in their language, and harmless on a terminal."""

from __future__ import annotations

import re
from typing import Any

import pytest

from refbus.core.times import show_time
from refbus.core.vocabulary import EventType
from refbus.wire.payload import coded
from refbus_gateway.words.codes import title
from refbus_gateway.words.languages import LANGUAGES
from refbus_gateway.words.payloads import render, times
from support.payloads import FILE, full, least

REQUESTED = EventType.REFERRAL_REQUESTED


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for part in (value.values() if isinstance(value, dict) else value) for text in _texts(part)]


@pytest.mark.parametrize("event_type", list(EventType))
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_event_can_be_shown(event_type: EventType, language: str) -> None:
    """Filled and minimal payloads of every event are shown, in every language, as plain texts."""
    for payload in (full(event_type), least(event_type)):
        sections = render(event_type, payload, language)
        assert all(_texts(sections))


def test_sections_and_words() -> None:
    """Sections follow the payload; codes have words of the language and keep their code beside them."""
    sections = render(REQUESTED, full(REQUESTED), "ru")
    assert sections["Person"]["First name"] == full(REQUESTED)["person"]["prs_FirstName"]
    assert sections["Referral requested"]["Services requested"] == ["Образование (Education)"]
    assert sections["Attachments 1"]["Data category"] == "Семья (FAMILY)"
    assert sections["Attachments 1"]["Content"] == f"{len(FILE)} байт"
    assert sections["Person"]["Is minor"] == "да"
    assert "Event id" not in sections["Referral requested"]


def test_empty_fields_are_left_out() -> None:
    """A minimal payload has one short section."""
    assert set(render(REQUESTED, least(REQUESTED))) == {"Referral requested"}
    nothing = dict.fromkeys(full(REQUESTED)["health"])
    assert "Health" not in render(REQUESTED, least(REQUESTED, health=nothing))


def test_unknown_codes_are_shown_as_they_came() -> None:
    """A code that no list has is marked, never replaced by words of another."""
    newer = {"code": "Telepathy", "code_list": "htcds.spl_Type", "code_list_version": "9.0"}
    older = {**coded("htcds.spl_Type", "Legal"), "code_list_version": "9.0"}
    shown = render(REQUESTED, least(REQUESTED, services_requested=[newer, older]))
    assert shown["Referral requested"]["Services requested"] == [
        "Telepathy (not in htcds.spl_Type 9.0 here: ask the sender)",
        "Legal (Legal, version not known here)",
    ]


def test_control_events_have_words_too() -> None:
    """A reason of a closed schema is shown with its words."""
    shown = render(EventType.REFERRAL_CANCELLED, full(EventType.REFERRAL_CANCELLED))
    assert shown == {"Referral cancelled": {"Reason": "The person declined (PERSON_DECLINED)"}}


def test_texts_cannot_command_the_terminal() -> None:
    """Escape sequences and hidden direction marks of a sender are shown as what they are."""
    shown = render(REQUESTED, least(REQUESTED, safety_plan="a\x1b[2J\u202eb\x9b1mc\r\nd\te"))
    text = shown["Referral requested"]["Safety plan"]
    assert text == "a<U+001B>[2J<U+202E>b<U+009B>1mc\nd e"


def test_times_are_utc_to_the_minute() -> None:
    """A time outside of the calendar stays a number instead of an error."""
    assert show_time(0) == "1970-01-01 00:00 UTC"
    assert show_time(2**63 - 1) == f"{2**63 - 1} ms"


@pytest.mark.parametrize("event_type", list(EventType))
def test_the_times_of_an_event_are_where_they_are_shown(event_type: EventType) -> None:
    """Every time that is shown as UTC is there as a number too, under the same section and label, and nothing else."""
    payload = full(event_type)
    sections = render(event_type, payload)
    as_texts = {
        (section, name): show_time(at)
        for section, found in times(event_type, payload).items()
        for name, at in found.items()
    }
    for (section, name), text in as_texts.items():
        assert sections[section][name] == text
    shown = {(section, name) for section, fields in sections.items() for name, text in fields.items() if _is_time(text)}
    assert shown == as_texts.keys()


def _is_time(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC|\d+ ms", text) is not None


def test_titles_are_words() -> None:
    """Field names become words without their HTCDS prefix or unit."""
    assert title("prs_FirstName") == "First name"
    assert title("reply_by_ms") == "Reply by"
    assert title("ReferralAccepted") == "Referral accepted"
