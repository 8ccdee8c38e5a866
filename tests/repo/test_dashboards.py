"""The dashboards of Grafana: every expression is one that Prometheus reads, of metrics and labels that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from refbus.telemetry.alerts import BURNS
from refbus.telemetry.catalogue import CATALOGUE
from support.tree import ROOT
from tools.pages.grafana import DASHBOARDS

GRAFANA = ROOT / "infra" / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
METRICS = {metric.name: metric for metric in CATALOGUE}
GIVEN = {"job", "instance"}
"""Labels that Prometheus itself adds."""
_METRIC = re.compile(r"\b(refbus_[a-z_]+|up)(:beyond_\d+)?\b")
_BY = re.compile(r"by \((\w+)\) \((?:increase\()?(\w+)")


def panels(file: Path) -> list[dict[str, Any]]:
    """Return the panels of a dashboard."""
    return list(json.loads(file.read_text(encoding="utf-8"))["panels"])


def expressions(file: Path) -> list[str]:
    """Return all expressions of a dashboard."""
    return [target["expr"] for panel in panels(file) for target in panel["targets"]]


def unknown(expression: str) -> list[str]:
    """Return the metrics and labels of an expression that nobody has."""
    names = {found[0] + found[1] for found in _METRIC.findall(expression)}
    known = {*METRICS, "up", *(burn.record for burn in BURNS)}
    labels = [
        f"{name}.{label}" for label, name in _BY.findall(expression) if label not in {*GIVEN, *METRICS[name].labels}
    ]
    return sorted(names - known) + labels


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_metric_and_label_exists(file: Path) -> None:
    """What a panel shows is in the catalogue, and each panel shows something."""
    found = expressions(file)
    assert [problem for expression in found for problem in unknown(expression)] == []
    assert all(_METRIC.search(expression) for expression in found)
    assert all(panel["targets"] for panel in panels(file))


@pytest.mark.parametrize(
    "wrong", ["max(refbus_gate_lags)", "sum by (country) (increase(refbus_gate_delivered_total[1h]))"]
)
def test_a_metric_or_label_that_nobody_has_is_found(wrong: str) -> None:
    """The rule above can fail."""
    assert unknown(wrong) != []


def test_prometheus_reads_every_expression(tmp_path: Path) -> None:
    """Its own tool parses each of them."""
    if shutil.which("promtool") is None:
        pytest.skip("no promtool here: install prometheus (Debian: apt-get install prometheus)")
    found = [expression for file in FILES for expression in expressions(file)]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(found)]
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(found)} rules found" in done.stdout


def test_grafana_finds_the_dashboards() -> None:
    """The one source has the id that panels name; each dashboard has a name and an id of its own."""
    (source,) = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yaml").read_text())[
        "datasources"
    ]
    used = {panel["datasource"]["uid"] for file in FILES for panel in panels(file)}
    assert used == {source["uid"]}
    heads = [json.loads(file.read_text(encoding="utf-8")) for file in FILES]
    assert (
        len({head["uid"] for head in heads}) == len({head["title"] for head in heads}) == len(DASHBOARDS) == len(FILES)
    )


def test_a_page_names_no_member() -> None:
    """No panel asks for an organisation or a country: metrics stay silent about the few."""
    assert not re.search(r"country|organisation=|corridor", " ".join(e for file in FILES for e in expressions(file)))
