"""Properties of case files: any bytes give a case or the list of problems, and nothing written is lost."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.core.ids import EventId, ReferralId
from refbus.core.vocabulary import EventType
from refbus.wire.payload import categories_of, decode_payload, encode_payload
from refbus_gateway.forms.casefile import CaseFile, parse_case
from refbus_gateway.forms.problems import CaseInvalidError, Problem
from refbus_gateway.words.payloads import render
from support.directories import NOW_MS
from support.payloads import EVENT_ID, REFERRAL_ID, case_bytes, case_document

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANYTHING = st.recursive(SCALARS, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part))
some = settings(max_examples=150, deadline=None)


def _outcome(data: bytes) -> CaseFile | tuple[Problem, ...]:
    """Return the case, or the problems; any other error ends the test."""
    try:
        return parse_case(data, now_ms=NOW_MS)
    except CaseInvalidError as error:
        return error.problems


def _judged(data: bytes) -> None:
    """Accept nothing but a case that can be sent and shown, or a list of problems with advice."""
    outcome = _outcome(data)
    if isinstance(outcome, tuple):
        assert outcome
        assert all(problem.advice for problem in outcome)
        return
    payload = outcome.payload(EventId(EVENT_ID), ReferralId(REFERRAL_ID))
    event_type, sent = decode_payload(encode_payload(EventType.REFERRAL_REQUESTED, payload))
    assert categories_of(event_type, sent) == outcome.categories
    assert render(event_type, sent)


@some
@given(st.binary(max_size=200))
def test_any_bytes_are_judged(data: bytes) -> None:
    """Bytes that are no case file give problems, never another error."""
    _judged(data)


@some
@given(st.sampled_from([*sorted(case_document()), "trafficking", "attachments", "guardian", "reply_by"]), ANYTHING)
def test_any_value_in_any_field_is_judged(name: str, value: Any) -> None:
    """Whatever stands in a field, the file becomes a case that can be sent, or problems."""
    _judged(case_bytes(**{name: value}) if _is_plain(value) else json.dumps(case_document(**{name: value})).encode())


@some
@given(st.text(min_size=1, max_size=60))
def test_texts_in_any_script_are_sent_whole(text: str) -> None:
    """A text is either refused or sent as it was written, in NFC."""
    outcome = _outcome(json.dumps(case_document(safety_plan=text)).encode())
    if isinstance(outcome, tuple):
        assert [problem.path for problem in outcome] == ["safety_plan"]
    else:
        assert outcome.fields["safety_plan"] == unicodedata.normalize("NFC", text)


def _is_plain(value: Any) -> bool:
    """Say whether a value can be written as UTF-8 without escapes."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
