"""docs/reference/alerts.md: what a person does about each alert."""

from __future__ import annotations

from refbus.telemetry.alerts import RULES
from refbus.telemetry.rules import Rule
from refbus.telemetry.runbook import RUNBOOK
from tools.pages.markdown import document

_INTRO = """\
For the node operator. `infra/prometheus/alerts.yml` has the rules; each alert names its heading here as
`runbook`. What to do is also the next step of `refbus-ops health`. Longer procedures:
[operate](../operators/operate.md).

`page` is for a person now, `ticket` for the next working day. A rule about a service that is gone needs the names
`refbus-gate` and `refbus-auditor` as `job_name` in Prometheus ([how](../operators/operate.md#prometheus)).
What a rule compares with an hour before is kept by gate and auditor in `counters.json` of their home, so a restart
neither ends such an alert nor begins one."""


def page() -> str:
    """Return the page."""
    return document("Alerts", _INTRO, *(_section(rule) for rule in RULES))


def _section(rule: Rule) -> str:
    entry = RUNBOOK[rule.name]
    return "\n".join(
        (
            f"## {rule.name}",
            "",
            rule.summary,
            "",
            f"- rule: `{rule.expression}` for {rule.for_s} s, {rule.severity}",
            f"- look: {entry.look}",
            f"- do: {entry.do}",
            f"- do not: {entry.never.removeprefix('Do not ')}",
            f"- it clears: {entry.clears}",
        )
    )
