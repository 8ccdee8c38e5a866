"""docs/reference/alert-proofs.md: how it is known of each alert rule that it rings, and that it clears."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from refbus.telemetry.alerts import RULES
from tools.pages.markdown import document, table

ROOT: Final = Path(__file__).resolve().parents[3]
PLAYED: Final = "tests/alerts"
"""Where faults are played in services over the bus in memory."""
KILLED: Final = "tests/broker/test_live_alerts.py"
"""Where processes over a real broker are killed."""
NOT_PLAYED: Final[Mapping[str, str]] = {}
"""Why a rule has not rung over running services, in whole sentences, with the test that tries what it looks at."""


def page() -> str:
    """Return the page."""
    live = played(sources())
    rows = [(rule.name, "yes", *_proof(rule.name, live)) for rule in RULES]
    count = sum(rule.name in live for rule in RULES)
    return document(
        "Proofs of alerts",
        f"Each of the {len(RULES)} rules has a unit test with the tool of Prometheus: it fires at its edge and not"
        " before, waits as long as it says, and clears (`tests/repo/test_alert_rules.py`).\n"
        f"{count} have also rung and cleared over running services, with real Prometheus and Alertmanager, by a fault"
        f" that was injected. Most of them ring in `{PLAYED}`: gates, auditors and gateways as they run, with their"
        " clocks set, over the bus in memory. That a process is gone is played over a real broker"
        f" (`{KILLED}`).\nThe rules are as they ship, but shorter in time. Each `for` is 1080 times shorter. Each"
        " duration that a rule looks back is 240 times shorter; for a promise that is broken slowly 1080 times. What"
        " they compare is as it ships. Bounds of room are smaller there. A new rule is in this table with a fault or a"
        " reason, or the checks fail.",
        table(("rule", "unit", "live", "the fault, or why there is none"), rows),
    )


def sources() -> list[str]:
    """Return the text of every file in which faults are played."""
    return [each.read_text(encoding="utf-8") for each in (ROOT / KILLED, *sorted((ROOT / PLAYED).glob("test_*.py")))]


def _proof(name: str, live: Mapping[str, str]) -> tuple[str, str]:
    return ("yes", live[name]) if name in live else ("no", NOT_PLAYED.get(name, ""))


def played(texts: Iterable[str]) -> dict[str, str]:
    """Return the rules that ring and clear in a test, each with the words of its fault.

    A test may name them to `rings` and `clears` of its scene; or a fault that a scene plays yields them between what
    happens and what mends it.
    """
    found = dict[str, str]()
    for each in (each for text in texts for each in ast.walk(ast.parse(text))):
        if isinstance(each, ast.FunctionDef):
            fault = f"{each.name.removeprefix('test_').replace('_', ' ')}: {ast.get_docstring(each) or ''}"
            found |= dict.fromkeys(sorted(_yielded(each) or _named(each, "rings") & _named(each, "clears")), fault)
    return found


def _yielded(fault: ast.FunctionDef) -> set[str]:
    """Return the names that a `yield` of a fault gives."""
    given = [each.value for each in ast.walk(fault) if isinstance(each, ast.Yield)]
    names = [name for value in given for name in (value.elts if isinstance(value, ast.Tuple) else [value])]
    return {str(name.value) for name in names if isinstance(name, ast.Constant)}


def _named(test: ast.FunctionDef, method: str) -> set[str]:
    """Return the names that a test gives to a method of its scene."""
    calls = [each for each in ast.walk(test) if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute)]
    given = [each.args for each in calls if isinstance(each.func, ast.Attribute) and each.func.attr == method]
    return {str(name.value) for names in given for name in names if isinstance(name, ast.Constant)}


def unproven(rules: Iterable[str], live: Iterable[str], reasons: Mapping[str, str]) -> list[str]:
    """Return the rules that have neither a fault nor a reason, or both; and names of either that no rule has."""
    known, faults = set(rules), set(live)
    wrong = {name for name in known if (name in faults) == bool(reasons.get(name))}
    return sorted(wrong | (faults - known) | (reasons.keys() - known))
