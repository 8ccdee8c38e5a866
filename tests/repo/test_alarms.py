"""What others cause fills no screen: an alarm whose words come from outside has a bound, or a reason for none."""

from __future__ import annotations

import ast

import pytest

from support.tree import ROOT, project_files, walked

_OURS = "one for each envelope or case of our own, which others cannot make more of"
_ONE = "one stands, and a newer one takes its place"
_MEMBERS = "one for each organisation that we worked with, or for each topic that is read"
ALLOWED = {
    "announcements.py": _MEMBERS,
    "audience.py": _OURS,
    "certificates.py": _ONE,
    "companions.py": _OURS,
    "consent_effects.py": _OURS,
    "demand.py": _OURS,
    "gateway.py": "one for each key file of this home",
    "refusals.py": "has a bound of its own for each sender and code",
    "removal.py": _OURS,
    "restore.py": "three at most, when a person restores a backup",
    "retention.py": _OURS,
    "reversals.py": _OURS,
    "synchroniser.py": "one for each jump of this computer's clock",
    "unreadable.py": _ONE,
    "withdrawals.py": _OURS,
    "writer.py": _OURS,
}
"""Modules of the office where `raise_alarm` with words that change may stand."""
FUNCTIONS = {
    "notices.py": {
        "_held_for_a_clock",
        "_keep_statement",
        "_later",
        "_leaves_it_to_another",
        "_refused",
        "_tell_of_a_wait",
        "request_renewal",
    },
    "effects.py": {"_answered"},
    "confirmation.py": {"confirm", "explains", "mark", "note_drained", "note_known_again"},
    "door.py": {"_look_after"},
    "reader.py": {"_tell_lost"},
    "referral_steps.py": {"stop"},
    "repetitions.py": {"_tell", "note"},
}
"""Where only these functions may: the others of the module act on what anybody can send."""


def offenders(source: str, place: str) -> list[str]:
    """Return the functions of a module that raise an alarm with changing words and may not."""
    found = []
    for function in walked(ast.parse(source)):
        if isinstance(function, ast.FunctionDef):
            given = [call.args[2] for call in walked(function) if isinstance(call, ast.Call) and _raises(call)]
            changing = any(not _is_fixed(words, function) for words in given)
            allowed = place in ALLOWED if place not in FUNCTIONS else function.name in FUNCTIONS[place]
            if changing and not allowed:
                found.append(f"{place}:{function.name}")
    return found


def _raises(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "raise_alarm" and len(call.args) > 2


def _is_fixed(words: ast.expr, function: ast.FunctionDef) -> bool:
    """Whether it is `said("...")` without a value, written there or under a name of this function."""
    if isinstance(words, ast.Name):
        named = (each for each in walked(function) if isinstance(each, ast.Assign))
        values = [each.value for each in named if words.id in {ast.unparse(target) for target in each.targets}]
        return bool(values) and all(_is_fixed(each, function) for each in values)
    return isinstance(words, ast.Call) and ast.unparse(words.func) == "said" and not words.keywords


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
        ('inbox.raise_alarm(tx, code, said("course %(n)s", n=n), now)', True),
        ('words = said("course %(n)s", n=n)\n    inbox.raise_alarm(tx, code, words, now)', True),
        ("inbox.raise_alarm(tx, code, named(org), now)", True),
        ('inbox.raise_of_many(tx, code, "course", said("course %(n)s", n=n), now)', False),
        ('inbox.raise_alarm(tx, code, said("a file"), now)', False),
        ('words = said("a file")\n    inbox.raise_alarm(tx, code, words, now)', False),
    ],
)
def test_the_rule_finds_an_offender(code: str, bad: bool) -> None:
    """It is alive."""
    assert bool(offenders(f"def planted():\n    {code}\n", "timers.py")) is bad
