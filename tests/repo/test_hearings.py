"""Who hears of it: every code that can stop an event is in the table of hearings."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from refbus.errors import Code
from refbus.explain.hearing import HEARINGS, SIGNED, UNSIGNED, Place
from refbus.wire.codelists import code_list
from support.tree import ROOT, parsed, walked

STOPPING = (
    "refbus/core/gate/*.py",
    "refbus/core/consent/*.py",
    "refbus/core/courses/course.py",
    "refbus/core/courses/guards.py",
    "refbus/core/ids.py",
    "refbus/core/vocabulary.py",
    "refbus/envelope/*.py",
    "refbus/wire/*.py",
    "refbus/crypto/*.py",
    "refbus/trust/reader/history.py",
    "refbus_gate/decide/opening.py",
    "refbus_gate/decide/*gress.py",
    "refbus_gate/clock/holds.py",
    "refbus_gate/decide/poison.py",
    "refbus_gateway/inbox/arrivals.py",
    "refbus_gateway/inbox/refusals.py",
    "refbus_gateway/rules/verification.py",
    "refbus_gateway/inbox/*effects.py",
    "refbus_gateway/rules/legality.py",
    "refbus_gateway/rules/permission.py",
    "refbus_gateway/outbox/answers.py",
    "refbus_gateway/store/referrals.py",
)
"""The modules whose errors and verdicts end with an event that did not get through."""
ELSEWHERE = {
    Code.FILE_UNREADABLE: "the installation is damaged: the process ends",
    Code.STORE_FAILED: "the process ends, and the record is read again",
    Code.STORE_FULL: "the process ends, and the record is read again",
    Code.CASE_UNKNOWN: "an operator's order to replay",
    Code.EMERGENCY_DISCLOSED: "said aloud of an event that got through",
    Code.EMERGENCY_UPHELD: "said aloud of an event that got through",
    Code.EMERGENCY_NOT_UPHELD: "said aloud of an event that got through",
    Code.NOT_TAKEN_IN: "the sender's own alarm",
    Code.SET_ASIDE_THERE: "the sender's own alarm",
    Code.KEYFILE_DAMAGED: "a home that does not open",
    Code.KEYFILE_WRONG_PASSPHRASE: "a home that does not open",
    Code.KEYFILE_UNSAFE: "a home that does not open",
    Code.AUDIT_INVALID: "entries of the audit log",
    Code.KEY_NOT_ENDORSED: "the directory",
}
FILES = sorted({path for pattern in STOPPING for path in (ROOT / "services").glob(pattern)})


def codes_in(path: Path) -> set[Code]:
    """Return the codes that a module names."""
    tree = parsed(path)
    names = (each for each in walked(tree) if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name))
    return {
        Code(each.attr) for each in names if getattr(each.value, "id", "") == "Code" and each.attr in Code.__members__
    }


def test_the_modules_are_found() -> None:
    """Each pattern names something: a module that was renamed is looked for."""
    assert all(list((ROOT / "services").glob(pattern)) for pattern in STOPPING)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_code_that_stops_an_event_is_in_the_table(path: Path) -> None:
    """Somebody who adds a reason says who hears of it."""
    assert codes_in(path) - UNSIGNED - SIGNED - set(ELSEWHERE) == set()


def test_every_place_says_who_hears() -> None:
    """Sender, recipient and operator each have an answer at each place, be it that nobody is told."""
    assert set(HEARINGS) == set(Place)
    assert all(text for each in HEARINGS.values() for text in (each.sender, each.recipient, each.operator))


def test_the_answers_of_a_recipient_are_codes_of_the_catalogue() -> None:
    """IntakeReported says nothing that the sender cannot look up; OTHER stands for what a later version adds."""
    assert set(code_list("refbus.IntakeCode").codes) - {"OTHER"} <= set(Code.__members__)
