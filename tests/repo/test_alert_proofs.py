"""Every alert rule has rung and cleared over running services, or a page says why it has not."""

from __future__ import annotations

import re

from refbus.telemetry.alerts import RULES
from support.tree import ROOT
from support.watchers import FASTER, SLOW_WINDOWS, WINDOWS
from tools.pages.proofs import NOT_PLAYED, page, played, sources, unproven

NAMES = [rule.name for rule in RULES]
LIVE = played(sources())


def test_every_rule_has_a_fault_or_a_reason() -> None:
    """Exactly one of them, and neither names a rule that there is not."""
    assert unproven(NAMES, LIVE, NOT_PLAYED) == []


def test_a_new_rule_without_either_is_found() -> None:
    """The rule above can fail, in each way."""
    assert unproven([*NAMES, "RefbusNew"], LIVE, NOT_PLAYED) == ["RefbusNew"]
    assert unproven(NAMES, [*LIVE, "RefbusGone"], NOT_PLAYED) == ["RefbusGone"]
    assert unproven(NAMES, LIVE, {**NOT_PLAYED, NAMES[0]: "both"}) == [NAMES[0]]


def test_a_fault_is_known_by_what_rings_for_it() -> None:
    """A test that names its rules, and a fault that yields them; what only rings is not proven."""
    named = 'def test_it(scene):\n    """It ends."""\n    scene.rings("A", "B")\n    scene.clears("A")\n'
    yields = 'def test_all(scene):\n    def a_cut():\n        """No line."""\n        yield "C", "D"\n        mend()\n'
    assert played([named, yields]) == {"A": "it: It ends.", "C": "a cut: No line.", "D": "a cut: No line."}


def test_the_page_says_how_much_shorter_the_rules_are() -> None:
    """Its numbers are those of the tests."""
    assert f"Each `for` is {FASTER} times shorter" in page()
    assert f"looks back is {WINDOWS} times shorter; for a promise that is broken slowly {SLOW_WINDOWS} times" in page()


def test_a_reason_names_a_test_that_there_is() -> None:
    """What the rule looks at is tried somewhere."""
    for name, reason in NOT_PLAYED.items():
        named = re.findall(r"`(tests/[\w/.]+)`", reason)
        assert named, name
        assert [each for each in named if not (ROOT / each).is_file()] == []
