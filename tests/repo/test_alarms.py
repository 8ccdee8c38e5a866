"""What others cause fills no screen: an alarm whose words come from outside has a bound, or a reason for none."""

from __future__ import annotations

import ast

import pytest

from support.tree import ROOT, project_files

_OURS = "one for each envelope or case of our own, which others cannot make more of"
ALLOWED = {
    "consent_effects.py": _OURS,
    "demand.py": _OURS,
    "removal.py": _OURS,
    "gateway.py": "one for each key file of this home",
    "refusals.py": "has a bound of its own for each sender and code",
    "writer.py": _OURS,
    "audience.py": _OURS,
    "withdrawals.py": _OURS,
}
"""Modules of the office where `raise_alarm` with words that change may stand."""
FUNCTIONS = {
    "notices.py": {"_keep_statement", "_refused", "request_renewal", "_put_aside_there"},
    "effects.py": {"_answered"},
    "confirmation.py": {"mark", "confirm"},
    "referral_steps.py": {"stop"},
}
"""Where only these functions may: the others of the module act on what anybody can send."""


def offenders(source: str, place: str) -> list[str]:
    """Return the functions of a module that raise an alarm with changing words and may not."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef):
            calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
            changing = any(_raises(call) and isinstance(call.args[2], ast.JoinedStr) for call in calls)
            allowed = place in ALLOWED if place not in FUNCTIONS else function.name in FUNCTIONS[place]
            if changing and not allowed:
                found.append(f"{place}:{function.name}")
    return found


def _raises(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "raise_alarm" and len(call.args) > 2


def test_every_alarm_about_what_others_cause_has_a_bound() -> None:
    """Words that change are told with `raise_of_many`, or the place stands above with its reason."""
    found = [
        place
        for path in project_files("services/refbus_gateway", suffix=".py")
        for place in offenders((ROOT / path).read_text(encoding="utf-8"), path.name)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("code", "bad"),
    [
        ('inbox.raise_alarm(tx, code, f"course {n}", now)', True),
        ('inbox.raise_of_many(tx, code, "course", f"course {n}", now)', False),
        ('inbox.raise_alarm(tx, code, "a file", now)', False),
    ],
)
def test_the_rule_finds_an_offender(code: str, bad: bool) -> None:
    """It is alive."""
    assert bool(offenders(f"def planted():\n    {code}\n", "timers.py")) is bad
