"""`refbus-ops` and `python -m kafka` as processes, against a real broker and a real directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from refbus.core.ids import CountryCode
from refbus.trust.homes import Home
from support.ceremonies import lab
from support.directories import NOW_MS
from support.howto import Page, Shell
from support.tree import ROOT

KZ = CountryCode("kz")


@pytest.fixture(scope="module")
def gate_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home of the gate of kz, which has verified a development federation."""
    federation = lab(tmp_path_factory.mktemp("federation"))
    folder = federation.paths.gate(KZ)
    Home(folder).trust_store().refresh_from(federation.files(), NOW_MS)
    return folder


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the project with this environment and no other setting."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REFBUS_")}
    paths = {"PYTHONPATH": f"{ROOT / 'infra'}"}
    return subprocess.run(
        [sys.executable, "-m", *command], env=kept | paths | environment, capture_output=True, text=True, check=False
    )


def test_topics_of_a_new_node_are_planned_applied_and_checked(gate_home: Path, tmp_path: Path) -> None:
    """From an empty broker to a node that is as declared, by the commands of the manual alone; then the broker goes."""
    folder = str(tmp_path / "broker")
    started = run("kafka", "start", folder)
    address = started.stdout.strip().splitlines()[-1]

    def ops(*arguments: str) -> subprocess.CompletedProcess[str]:
        options = ("--country", "kz", "--gate-home", str(gate_home))
        return run("refbus_ops", *options, *arguments, REFBUS_BOOTSTRAP_KZ=address)

    try:
        assert run("kafka", "status", folder).returncode == 0
        before = ops("topics", "drift")
        assert (before.returncode, "+ topic kz.outbox" in before.stdout) == (1, True)
        assert ops("topics", "apply").returncode == 0
        after = ops("topics", "drift")
        assert (after.returncode, after.stdout.splitlines()[-1]) == (0, "kz: as declared")
        status = ops("broker", "status")
        assert (status.returncode, "no authoriser" in status.stdout) == (0, True)
        assert "kz.outbox" in ops("lag").stdout
        assert ops("refused", "list").stdout == "0 refused\n"
    finally:
        assert run("kafka", "stop", folder).returncode == 0
    assert run("kafka", "status", folder).returncode == 1
    away = ops("topics", "drift")
    assert (away.returncode, away.stdout) == (3, "")
    assert away.stderr.startswith("error: BROKER_UNREACHABLE")
    assert len(away.stderr.splitlines()) <= 4


def test_a_broker_on_ones_own_machine_by_the_page_alone(tmp_path: Path) -> None:
    """It starts, is there, and stops, by the commands of the page as printed; nothing is left running."""
    shell = Shell(tmp_path, {})
    try:
        shell.follow(Page.read("operators/operate.md").with_word("python -m kafka"))
    finally:
        shell.close()
    assert (tmp_path / "var" / "broker").is_dir()
    assert run("kafka", "status", str(tmp_path / "var" / "broker")).returncode == 1
