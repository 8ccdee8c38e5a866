"""docs/reference/metrics.md: every metric, its labels, and the alerts that rest on it."""

from __future__ import annotations

from refbus.errors import Code
from refbus.telemetry.alerts import KEPT, RULES
from refbus.telemetry.catalogue import CATALOGUE
from refbus.telemetry.metric import Kind, Metric
from tools.pages.markdown import document, table

_INTRO = """\
Each gate and gateway serves these in Prometheus text form on `/metrics` of its own port, on this machine only
unless it is set otherwise, together with the usual `process_*` metrics. Units are seconds and records. Labels
take their values from closed lists; no label names an organisation, a country, a pair of countries or a case.
Every series is there from the start; a counter starts at 0 with the process unless it says that it is kept."""
_KINDS = {
    Kind.COUNTER: "counter",
    Kind.GAUGE: "gauge",
    Kind.AGE: "gauge, computed when read, so that it grows though the process stalls",
    Kind.HISTOGRAM: "histogram",
}


def page() -> str:
    """Return the page."""
    alerts = [(f"[{rule.name}](alerts.md#{rule.name.lower()})", rule.severity, rule.summary) for rule in RULES]
    return document(
        "Metrics",
        _INTRO,
        *(_section(metric) for metric in CATALOGUE),
        "## Alerts",
        "Made into `infra/prometheus/alerts.yml`; the rules, and what to do: [alerts](alerts.md).",
        table(("alert", "severity", "what it says"), alerts),
    )


def _section(metric: Metric) -> str:
    kept = ", kept over a restart by gate and auditor" if metric.name in KEPT else ""
    lines = [f"## {metric.name}", "", metric.doc, "", f"- kind: {_KINDS[metric.kind]}{kept}"]
    lines.append(f"- served by: {', '.join(metric.services)}")
    for label, values in metric.labels.items():
        listed = "an [error code](errors.md)" if values is Code else ", ".join(f"`{value}`" for value in values)
        lines.append(f"- label `{label}`: {listed}")
    return "\n".join(lines)
