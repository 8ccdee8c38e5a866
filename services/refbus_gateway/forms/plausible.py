"""What of a case does not go together, as problems of its file: refused, or asked about until a worker says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from refbus.core.consent.age import AgeRules
from refbus.core.facts import Facts, facts_at
from refbus.core.plausibility import ASKED, Rule, Weight, doubts
from refbus.errors import Code
from refbus.said import Said, placed, said
from refbus_gateway.forms.ages import facts_of
from refbus_gateway.forms.problems import Problem, Problems
from refbus_gateway.forms.text import printable
from refbus_gateway.forms.values import check_text, unknown_field

CONFIRMED: Final = "confirmed"
"""Field of a case file: the name of a rule, and why the facts are so. It stays in this home."""


def facts(fields: Mapping[str, Any], rules: AgeRules, at_ms: int) -> Facts:
    """Return what the fields of a case file or of a payload state at a moment in ms UTC."""
    return facts_at(fields, facts_of(fields), rules, at_ms)


def broken(fields: Mapping[str, Any], rules: AgeRules, at_ms: int) -> tuple[Rule, ...]:
    """Return every rule that the fields of a case file or of a payload break at a moment in ms UTC."""
    return tuple(doubts(facts(fields, rules, at_ms)))


def check_confirmed(value: Any, problems: Problems) -> None:
    """Note what is wrong with the reasons that a case file gives for what was asked about."""
    if value is None:
        return
    if not isinstance(value, dict):
        problems.invalid(CONFIRMED, "write an object in curly brackets")
        return
    for name, reason in value.items():
        path = f"{CONFIRMED}.{printable(name)}"
        if name not in ASKED:
            problems.invalid(path, unknown_field(name, ASKED))
        elif reason is not None:
            check_text(reason, path, problems)


def check_event(fields: Mapping[str, Any], rules: AgeRules, now_ms: int, problems: Problems) -> None:
    """Note what of an event that somebody writes cannot be."""
    for rule in broken(fields, rules, now_ms):
        if rule.weight is Weight.REFUSED:
            problems.add(_contradiction(rule, fields))


def check_facts(fields: Mapping[str, Any], confirmed: Any, rules: AgeRules, now_ms: int, problems: Problems) -> None:
    """Note what cannot be, and what nobody has confirmed yet, as of the day on which a file is taken in."""
    reasons = confirmed if isinstance(confirmed, dict) else {}
    for rule in broken(fields, rules, now_ms):
        if rule.weight is Weight.REFUSED:
            problems.add(_contradiction(rule, fields))
        elif not reasons.get(rule.name):
            advice = said("%(doubt)s: correct it, or write here why it is so", doubt=Said(rule.heading))
            problems.add(Problem(f"{CONFIRMED}.{rule.name}", Code.FACTS_DOUBTFUL, advice))


def _contradiction(rule: Rule, fields: Mapping[str, Any]) -> Problem:
    """Return the problem of a rule; of a certificate with its day, since a page may show it folded away."""
    path, heading = rule.paths[0], Said(rule.heading)
    told = placed(fields[path], heading) if path.startswith("medical_certificate") else heading
    return Problem(path, Code.FACTS_CONTRADICT, told)
