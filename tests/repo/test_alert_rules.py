"""Each alert rule, tried with the tool of Prometheus itself: it loads, fires, waits as long as it says, and clears."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from refbus.telemetry.alerts import RULES, as_yaml
from refbus.telemetry.rules import Burn
from support.promrules import write_tests
from support.tree import ROOT

ALERTS = ROOT / "infra" / "prometheus" / "alerts.yml"


@pytest.fixture
def promtool() -> str:
    """Return the tool; where it is not there, these tests say so and are left out."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("no promtool here: install prometheus (Debian: apt-get install prometheus)")
    return found


UNCOLLECTED = {"GOGC": "off", "GOMEMLIMIT": "1GiB"}
"""The rules are looked at for days, minute by minute: a third of the tool's time went to its garbage collector."""


def run(*arguments: str) -> tuple[int, str]:
    """Run a command; return its exit status and all that it said."""
    done = subprocess.run(arguments, env=os.environ | UNCOLLECTED, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_default_prometheus_loads_the_rules(promtool: str, tmp_path: Path) -> None:
    """Every rule is read, with nothing switched on."""
    config = tmp_path / "prometheus.yml"
    config.write_text(f"rule_files: ['{ALERTS}']\n")
    status, said = run(promtool, "check", "config", str(config))
    assert status == 0, said
    kept = {rule.record for rule in RULES if isinstance(rule, Burn)}
    assert f"{len(RULES) + len(kept)} rules found" in said


def test_every_rule_fires_and_clears(promtool: str, tmp_path: Path) -> None:
    """At its edge and not before; over restarts of the service and absences of Prometheus."""
    files = [str(write_tests(rule, as_yaml([rule]), tmp_path)) for rule in RULES]
    status, said = run(promtool, "test", "rules", *files)
    assert status == 0, said


def test_a_rule_that_does_not_fire_is_found(promtool: str, tmp_path: Path) -> None:
    """The test above can fail: with the threshold out of reach it does."""
    (rule,) = (rule for rule in RULES if rule.name == "RefbusBorderWaits")
    file = write_tests(rule, as_yaml([rule]).replace("> 900", "> 90000000"), tmp_path)
    status, said = run(promtool, "test", "rules", str(file))
    assert status != 0
    assert rule.name in said
