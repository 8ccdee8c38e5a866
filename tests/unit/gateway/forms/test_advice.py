"""What is wrong with a form is said in the reader's language: nothing of an advice stays English."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from refbus.core.consent.age import AgeRules
from refbus.said import Said, said
from refbus_gateway.forms.casefile import parse_case
from refbus_gateway.forms.consentfile import parse_consent
from refbus_gateway.forms.problems import CaseInvalidError, Problem
from refbus_gateway.words.catalogue import catalogue
from support.directories import NOW_MS
from support.gateways import case_file, consent_file

ENGLISH = re.compile(r"\b[a-z]{2,} [a-z]{2,}\b")
COMMANDS = re.compile(r"`[^`]*`")
CASES: tuple[dict[str, Any], ...] = (
    {"format": "x", "about": "\u202e", "recipient": {}, "purpose": None, "priority": "NOW", "reply_by": "soon"},
    {"recipient": {"organisation": "UZ", "country": "uz"}, "reply_within_hours": 0, "revision": 1, "onward_of": 0},
    {
        "recipient": {"country": "Uz", "rule": 1, "service": "X"},
        "reply_by": "2020-01-01 10:00",
        "file_number": "x" * 99,
    },
    {"surprise": 1, "services_reqested": [], "person": [], "needs": "x", "reason": "Xyz", "fictional": "no"},
    {"person": {"prs_Birthdate": "1400", "prs_FirstName": 1, "prs_MobilePhone": "77", "prs_NumberOfChildren": "x"}},
    {"person": {"prs_Citizenship": ["Narnia"], "prs_NumberOfChildren": -1, "prs_SecondName": " "}, "reason": {"a": 1}},
    {"attachments": [{"content_base64": "?", "category": "X", "media_type": "pdf"}], "services_requested": []},
    {"reply_by": "2026-09-24", "reply_within_hours": 5, "adult_judgement": {"reason": "<<why>>"}},
)
CONSENTS: tuple[dict[str, Any], ...] = (
    {"format": "x", "organisation": "UZ", "state": "MAYBE", "notice": 1, "informed": "x", "interpreter": "no"},
    {"grantor": {"kind": "PARENT", "authority_evidence": "x", "authority_until": "x"}, "permit": "x", "deny": [1]},
    {"denied_recipients": "x", "permit": [], "valid_until": "soon"},
    {"said_at": "2030-01-01"},
    {"valid_until": "2020-01-01", "retain_until": "2090-01-01"},
)
FILES = (b"[]", b"{", b"\xff", b"{" + b'"a":{' * 20 + b"}" * 21, b'{"a": 1, "a": 2}', b" " * 1_100_000)


def found() -> list[Problem]:
    """Return the problems of every file above."""
    problems: list[Problem] = []
    for content in [*FILES, *(case_file(**each) for each in CASES)]:
        with pytest.raises(CaseInvalidError) as refused:
            parse_case(content, now_ms=NOW_MS, desk=AgeRules(18, 300))
        problems += refused.value.problems
    for said_ in CONSENTS:
        with pytest.raises(CaseInvalidError) as refused:
            parse_consent(json.dumps({**json.loads(consent_file()), **said_}).encode(), now_ms=NOW_MS)
        problems += refused.value.problems
    return problems


def test_every_advice_is_said_in_russian() -> None:
    """Some fifty ways to be wrong; what is left in Latin letters are names, codes and commands."""
    russian, problems = catalogue("ru"), found()
    assert len({each.advice for each in problems}) > 40
    for each in problems:
        shown = russian.spoken(each.advice)
        assert shown != each.advice, each
        assert not ENGLISH.search(COMMANDS.sub("", shown)), shown


def test_a_said_text_is_an_ordinary_text() -> None:
    """English with its values for whoever knows no language; one that no catalogue has stays as it is."""
    text = said("one of %(codes)s", codes="A, B")
    assert text == "one of A, B"
    assert json.dumps(text) == '"one of A, B"'
    assert catalogue("ru").spoken(text) == "одно из: A, B"
    assert catalogue("ru").spoken(Said("no message of ours %(n)s", None, n=1)) == "no message of ours 1"
    assert catalogue("ru").spoken("plain") == "plain"
