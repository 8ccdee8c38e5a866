"""Unit tests of alert rules in the form of `promtool test rules`: what a rule sees, when it must fire and clear."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refbus.telemetry.alerts import FAST, PAGE
from refbus.telemetry.rules import Alert, Burn, Gone, Rule, job_of

STEP_S = 60
_CONDITION = re.compile(r"(>|<|!=) ([0-9.]+)")


@dataclass(frozen=True, slots=True)
class Case:
    """A rule, the values of its series at each minute (None: the series is not there), and minutes at which it fires.

    At the minutes of `quiet` it does not.
    """

    rule: Rule
    values: str | None
    fires: tuple[int, ...]
    quiet: tuple[int, ...]

    def document(self) -> dict[str, Any]:
        """Return it as one test of promtool."""
        series = [] if self.values is None else [{"series": series_of(self.rule), "values": self.values}]
        checks = [self._check(minute, fires=True) for minute in self.fires]
        checks += [self._check(minute, fires=False) for minute in self.quiet]
        return {"interval": f"{STEP_S}s", "input_series": series, "alert_rule_test": checks}

    def _check(self, minute: int, *, fires: bool) -> dict[str, Any]:
        rule = self.rule
        labels = {"severity": str(rule.severity), **labels_of(rule)}
        notes = {"summary": rule.summary, "runbook": f"{PAGE}#{rule.name.lower()}"}
        expected = [{"exp_labels": labels, "exp_annotations": notes}] if fires else []
        return {"eval_time": f"{minute}m", "alertname": rule.name, "exp_alerts": expected}


def cases(rule: Rule) -> Iterator[Case]:
    """Yield the cases that each rule of this kind must pass."""
    if isinstance(rule, Burn):
        yield from _burns(rule)
    elif isinstance(rule, Gone):
        wait = rule.for_s // STEP_S
        yield Case(rule, f"1x10 0x{wait + 5} 1x10", (12 + wait,), (5, 10, 10 + wait, 19 + wait))
        yield Case(rule, f"1x10 _x{wait + 15}", (20 + wait,), (10,))  # a series is remembered for five minutes
        yield Case(rule, None, (wait + 1,), ())
    elif rule.increase:
        yield Case(rule, "0x10 1x130", (12, 60), (9, 75, 130))
        yield Case(rule, "1x130", (2,), (75, 130))  # counted before anybody asked
        yield Case(rule, "5x100 _x3 5x100", (), (80, 99, 102, 110, 150))  # a restart
        yield Case(rule, "5x100 _x3 6x100", (106, 150), (99, 200))  # counted while nobody asked
        yield Case(rule, "5x100 _x3 0x100", (), (80, 99, 102, 110, 150))  # the kept counts are lost
        yield Case(rule, "5x100 _x80 6x100", (183, 200), (99, 270))  # Prometheus was away for longer than an hour
    else:
        good, bad = _values(rule)
        wait = rule.for_s // STEP_S
        early = (10 + wait,) if wait else ()
        yield Case(rule, f"{good}x10 {bad}x{wait + 5} {good}x10", (13 + wait,), (9, *early, 19 + wait))


def _burns(rule: Burn) -> Iterator[Case]:
    """Yield a rule that is broken without a pause, now and then, too seldom, and not at all at its edge."""
    good, bad = rule.edge, rule.edge + 1
    if rule.windows == FAST:
        yield Case(rule, f"{good}x400 {bad}x19 {good}x60", (410, 424), (400, 408, 427))  # a seventh of an hour
        yield Case(rule, f"{good}x400 {f'{bad} {good}x8 ' * 30}", (612, 690), (400, 609))  # a tenth of six hours
        yield Case(rule, f"{good}x400 {f'{bad} {good}x18 ' * 20}", (), (400, 600, 790))
    else:
        yield Case(rule, f"{good}x4400 {bad}x49 {good}x500", (4447, 4800), (4400, 4443, 4820))  # 45 minutes in 3 days
        yield Case(rule, f"{good}x4400 {bad}x29 {good}x500", (), (4400, 4447, 4800))
    yield Case(rule, f"{good}x400", (), (400,))
    yield Case(rule, None, (), (400,))


def write_tests(rule: Rule, rules: str, folder: Path) -> Path:
    """Write a file for `promtool test rules` about `rule`, which is in the rule file `rules` (JSON, which is YAML)."""
    rule_file, file = folder / f"{rule.name}.rules.yml", folder / f"{rule.name}.tests.yml"
    rule_file.write_text(rules, encoding="utf-8")
    tests = [case.document() for case in cases(rule)]
    head = {"rule_files": [str(rule_file)], "evaluation_interval": f"{STEP_S}s"}
    file.write_text(json.dumps(head | {"tests": tests}), encoding="utf-8")
    return file


def series_of(rule: Rule) -> str:
    """Return the series that a rule looks at, with labels as they come from a service."""
    if isinstance(rule, Alert):
        name, labels = rule.metric.name, labels_of(rule)
    elif isinstance(rule, Burn):
        name, labels = rule.metric.name, {"job": job_of(rule.metric.services[0])}
    else:
        name, labels = "up", {"job": job_of(rule.service)}
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"


def labels_of(rule: Rule) -> dict[str, str]:
    """Return the labels of an alert of this rule, without its severity."""
    if isinstance(rule, Gone | Burn):
        return {}
    asked = dict(re.findall(r'(\w+)=~?"(\w+)', rule.selector))
    own = {label: asked.get(label, str(next(iter(values)))) for label, values in rule.metric.labels.items()}
    return own | {"instance": "127.0.0.1:9464", "job": job_of(rule.metric.services[0])}


def _values(rule: Alert) -> tuple[str, str]:
    """Return the last value that is good and one that is not."""
    found = _CONDITION.fullmatch(rule.condition)
    assert found is not None, rule.condition
    sign, edge = found[1], float(found[2])
    return f"{edge:.2f}", f"{edge - 0.01 if sign == '<' else edge + 0.01:.2f}"
