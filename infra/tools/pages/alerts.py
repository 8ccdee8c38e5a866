"""infra/prometheus/alerts.yml: the alert rules of the metrics catalogue."""

from __future__ import annotations

from refbus.telemetry.alerts import RULES, as_yaml


def page() -> str:
    """Return the file."""
    return as_yaml(RULES)
