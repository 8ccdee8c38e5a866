"""A real Prometheus with its Alertmanager, beside services of a trial: what an operator's phone would ring for."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from demo.processes import Command, Service
from kafka.patience import wait
from kafka.ports import free_ports
from refbus.telemetry.alerts import RULES, as_yaml

FASTER: Final = 60
"""So many times shorter is every `for` of a rule here; what a rule compares, and with what, is as it ships."""


@dataclass(frozen=True, slots=True)
class Watchers:
    """Where both answer, on this machine."""

    prometheus: int
    alertmanager: int

    def ringing(self) -> set[str]:
        """Return the names of the alerts that the Alertmanager has now."""
        return {each["labels"]["alertname"] for each in _get(self.alertmanager, "/api/v2/alerts")}

    def rules(self) -> set[str]:
        """Return the names of the rules that Prometheus has loaded."""
        groups = _get(self.prometheus, "/api/v1/rules")["data"]["groups"]
        return {
            rule["name"]
            for group in groups
            for rule in group["rules"]
            if rule["health"] != "err" and rule["type"] == "alerting"
        }

    def wait_for(self, name: str, *, rings: bool) -> None:
        """Wait until an alert rings, or does not any more."""
        wait(f"{name} {'rings' if rings else 'clears'}", lambda: (name in self.ringing()) is rings, pause_s=0.5)


def programs() -> tuple[str, str]:
    """Return both programs; a test without them says so and is left out."""
    found = shutil.which("prometheus"), shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if not all(found):
        pytest.skip("no Prometheus here: install prometheus and prometheus-alertmanager (Debian)")
    return str(found[0]), str(found[1])


@contextmanager
def watching(folder: Path, targets: Mapping[str, int]) -> Iterator[Watchers]:
    """Run both over services (`job_name` and port of each), with the rules as they ship but FASTER."""
    prometheus, alertmanager = programs()
    folder.mkdir(parents=True, exist_ok=True)
    ports = Watchers(*free_ports(2))
    (folder / "alerts.yml").write_text(as_yaml(replace(rule, for_s=rule.for_s // FASTER) for rule in RULES))
    jobs = [{"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for job, port in targets.items()]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "alerts.yml")],
        "scrape_configs": jobs,
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports.alertmanager}"]}]}]},
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    (folder / "alertmanager.yml").write_text(
        json.dumps({"route": {"receiver": "phone"}, "receivers": [{"name": "phone"}]})
    )
    lines = {
        "alertmanager": (
            alertmanager,
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{ports.alertmanager}",
            "--cluster.listen-address=",
        ),
        "prometheus": (
            prometheus,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{ports.prometheus}",
        ),
    }
    environment = {"PATH": os.environ["PATH"]}
    running = [
        Service(Command(name, line, environment, folder / f"{name}.log"), restart=False) for name, line in lines.items()
    ]
    try:
        wait("Prometheus answers", lambda: _answers(ports.prometheus) and _answers(ports.alertmanager))
        yield ports
    finally:
        for each in running:
            each.stop()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5):
            return True
    except OSError:
        return False


def _get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)
