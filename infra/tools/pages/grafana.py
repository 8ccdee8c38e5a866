"""infra/grafana/dashboards: four dashboards on the metrics catalogue, as files that Grafana reads.

node      does it run, what waits, what ends, how full is it
borders   events to and from other countries: waits, receipts, refusals
audit     the log: entries, cosignatures, proofs
promises  how much of the time each promise was broken, and what is left of its budget
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from refbus.telemetry import catalogue as c
from refbus.telemetry.alerts import BURNS, FAST, GONE
from refbus.telemetry.metric import Metric
from refbus.telemetry.rules import BUDGET, job_of

SECONDS, RECORDS, SHARE, RATE = "s", "short", "percentunit", "short"
MOST_LINES: Final = 10
"""A panel by a label with more values than that shows only those that are not zero."""
_HEIGHT: Final = 8
_WIDTH: Final = 12


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph: expressions in PromQL, each with its legend. `edge` is a line in it, above which it is bad.

    Its axis begins at 0, unless what it shows goes `below` when it is bad: that must not be cut off.
    """

    title: str
    unit: str
    targets: tuple[tuple[str, str], ...]
    edge: float | None = None
    below: bool = False


def _by(metric: Metric, label: str = "", how: str = "max", called: str = "") -> tuple[str, str]:
    """Return the values of a metric, by a label when one is named; `called` tells two metrics of a panel apart."""
    if not label:
        return f"{how}({metric.name})", metric.name
    return f"{how} by ({label}) ({metric.name}){_not_none(metric, label)}", f"{{{{{label}}}}}{called}"


def _rate(metric: Metric, label: str) -> tuple[str, str]:
    """Return how much a counter grew in the last hour, by a label."""
    return f"sum by ({label}) (increase({metric.name}[1h])){_not_none(metric, label)}", f"{{{{{label}}}}}"


def _not_none(metric: Metric, label: str) -> str:
    """Return what leaves out the zeros of a label with many values: nobody finds one line among two hundred."""
    return " > 0" if len(metric.labels.get(label, ())) > MOST_LINES else ""


def _node() -> list[Panel]:
    return [
        Panel("It answers", RECORDS, tuple((f'up{{job="{job_of(each.service)}"}}', each.service) for each in GONE)),
        Panel("Records not decided yet", RECORDS, (_by(c.GATE_LAG, "direction"), _by(c.AUDITOR_LAG))),
        Panel("Since something moved", SECONDS, (_by(c.GATE_PROGRESS_AGE), _by(c.AUDITOR_PROGRESS_AGE)), 120),
        Panel("Since all topics were looked at", SECONDS, (_by(c.WATCH_AGE, "job"),), 120),
        Panel("Decisions in an hour", RATE, (_rate(c.GATE_DECISIONS, "outcome"),)),
        Panel("Held, by reason", RECORDS, (_by(c.GATE_HELD, "code"),)),
        Panel("In quarantine, dropped, not accounted for", RECORDS, (_by(c.GATE_QUARANTINED), _by(c.GATE_IMBALANCE))),
        Panel("Room of the fullest member", SHARE, (_by(c.GATE_FULLEST_QUOTA),), 0.5),
        Panel("Free on the disk", SHARE, (_by(c.DISK_FREE, "job", "min"),)),
        Panel("Certificates and keys end in", SECONDS, (_by(c.CERTIFICATE_LEFT, "job", "min"), _by(c.GATE_KEY_LEFT))),
        Panel("Age of the directory", SECONDS, (_by(c.DIRECTORY_AGE, "job"),), 172_800),
        Panel(
            "The clock of the machine is off by",
            SECONDS,
            (_by(c.CLOCK_JUMP, "job", called=" jumped"), _by(c.CLOCK_SKEW, "job", called=" skewed")),
        ),
    ]


def _borders() -> list[Panel]:
    return [
        Panel("Oldest event without a receipt", SECONDS, (_by(c.GATE_AWAITING_RECEIPT_AGE),), 900),
        Panel("Events without a receipt", RECORDS, (_by(c.GATE_AWAITING_RECEIPT),)),
        Panel("Oldest record that waits to be written", SECONDS, (_by(c.GATE_OUTGOING_AGE, "destination"),), 900),
        Panel("Records that wait to be written", RECORDS, (_by(c.GATE_OUTGOING_WAITING, "destination", "sum"),)),
        Panel("Written in an hour", RATE, (_rate(c.GATE_DELIVERED, "destination"),)),
        Panel("Could not be written, in an hour", RATE, (_rate(c.GATE_DELIVERY_FAILURES, "code"),)),
        Panel("Refused in an hour", RATE, (_rate(c.GATE_REFUSALS, "code"),)),
        Panel("Deadlines told in an hour", RATE, (_rate(c.GATE_DEADLINES, "step"),)),
        Panel("Oldest event that is held", SECONDS, (_by(c.GATE_HELD_AGE),), 3_600),
        Panel("Since deadlines were looked at", SECONDS, (_by(c.GATE_CLOCK_AGE),), 120),
    ]


def _audit() -> list[Panel]:
    return [
        Panel("Entries in the log", RECORDS, (_by(c.AUDITOR_LOG_SIZE),)),
        Panel("Entries in an hour", RATE, (_rate(c.AUDITOR_ENTRIES, "result"),)),
        Panel("Since a quorum cosigned", SECONDS, (_by(c.AUDITOR_COSIGNED_AGE),), 10_800),
        Panel("Entries that cannot be proved yet", RECORDS, (_by(c.AUDITOR_UNPROVEN),)),
        Panel("Answers of this witness in an hour", RATE, (_rate(c.AUDITOR_WITNESSED, "result"),)),
        Panel("Refused entries in an hour", RATE, (_rate(c.AUDITOR_REFUSALS, "code"),)),
        Panel("Entries that wait", RECORDS, (_by(c.AUDITOR_WAITING), _by(c.AUDITOR_OVER_QUOTA))),
        Panel("Alarms", RECORDS, (_by(c.AUDITOR_ALARMS, "code", "sum"),)),
        Panel("Half-years with keys ahead", RECORDS, (_by(c.AUDITOR_SHARDS_AHEAD, how="min"),)),
        Panel("The inspector's key ends in", SECONDS, (_by(c.AUDITOR_INSPECTOR_KEY, how="min"),)),
    ]


def _promises() -> list[Panel]:
    panels = []
    for burn in (each for each in BURNS if each.windows is FAST):
        promise = burn.summary.partition(": ")[2].rstrip(".")
        broken = tuple((f"avg_over_time({burn.record}[{span}])", span) for span in ("1h", "6h", "3d", "30d"))
        left = f"1 - avg_over_time({burn.record}[30d]) / {BUDGET:g}"
        panels += [
            Panel(f"Broken: {promise}", SHARE, broken, BUDGET),
            Panel(f"What is left of thirty days: {promise}", SHARE, ((left, "left"),), below=True),
        ]
    return panels


DASHBOARDS: Final[Mapping[str, tuple[str, Callable[[], list[Panel]]]]] = {
    "node": ("Node", _node),
    "borders": ("Borders", _borders),
    "audit": ("Audit log", _audit),
    "promises": ("Promises", _promises),
}


def page(name: str) -> str:
    """Return one dashboard as the file that Grafana reads."""
    title, panels = DASHBOARDS[name]
    document = {
        "uid": f"refbus-{name}",
        "title": f"Referral Bus: {title}",
        "tags": ["refbus"],
        "timezone": "browser",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "panels": [_panel(number, panel) for number, panel in enumerate(panels())],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "prometheus"}
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.edge is not None:
        steps.append({"color": "red", "value": panel.edge})
    style = {"thresholdsStyle": {"mode": "line" if panel.edge is not None else "off"}}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": source,
        "gridPos": {"h": _HEIGHT, "w": _WIDTH, "x": number % 2 * _WIDTH, "y": number // 2 * _HEIGHT},
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                **({} if panel.below else {"min": 0}),
                "custom": style | ({"axisSoftMin": 0} if panel.below else {}),
                "thresholds": {"mode": "absolute", "steps": steps},
            },
            "overrides": [],
        },
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": source, "expr": expression, "legendFormat": legend}
            for at, (expression, legend) in enumerate(panel.targets)
        ],
    }
