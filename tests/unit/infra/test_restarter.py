"""The external restarter of trials: it starts again, leaves a port that others took, and gives up in the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from chaos.__main__ import play
from chaos.ground import Ground
from chaos.ground import wait as wait_in_trial
from chaos.journal import Journal
from chaos.result import Result
from chaos.stage import Cast
from chaos.stores import StoresScenario
from demo import processes
from demo.processes import Command, Service, start_mark
from demo.world import TOOLS_PATH
from kafka.patience import wait

SERVES = """
import os, socket, sys, time
port, server = int(os.environ["REFBUS_METRICS_PORT"]), socket.socket()
try:
    server.bind(("127.0.0.1", port))
except OSError:
    sys.exit(f"SETTINGS_INVALID metrics port {port} cannot be used")
time.sleep(600)
"""

TRIAL = """
import subprocess, sys, threading, time
from demo.processes import leaving_nothing

def start(name):
    words = [sys.executable, "-c", "import time; time.sleep(600)"]
    print(name, subprocess.Popen(words, start_new_session=True).pid, flush=True)

def late():
    clearing.wait()
    start("late")

clearing = threading.Event()
threading.Thread(target=late, daemon=True).start()
with leaving_nothing():
    try:
        start("early")
        time.sleep(600)
    finally:
        clearing.set()
        sys.stdin.readline()
        print("cleared", flush=True)
"""
"""A trial that starts something, and while it clears away a thread of it starts something more."""


def command(folder: Path, code: str, **environment: str) -> Command:
    """Return a service that runs a piece of Python."""
    return Command("fictional", (sys.executable, "-c", code), {**os.environ, **environment}, folder / "service.log")


def test_a_service_whose_port_was_taken_gets_another(tmp_path: Path) -> None:
    """It says so once, runs on the next port, and whoever asks for its metrics hears which one that is."""
    moved: list[int] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        service = Service(command(tmp_path, SERVES, REFBUS_METRICS_PORT=str(port)), moved=moved.append)
        try:
            wait("the service has moved", lambda: bool(moved) and service.restarts == 1)
            assert service.command.environment["REFBUS_METRICS_PORT"] == str(moved[0])
            assert moved[0] != port
            assert service.given_up == ""
        finally:
            service.stop()


def test_one_that_ends_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many restarts and no more; it says who ended how often, and where its log is."""
    monkeypatch.setattr(processes, "MOST_RESTARTS", 3)
    monkeypatch.setattr(processes, "RESTART_PAUSE_S", 0.01)
    service = Service(command(tmp_path, "raise SystemExit(1)"))
    try:
        wait("the restarter gives up", lambda: bool(service.given_up))
    finally:
        service.stop()
    assert service.restarts == 3
    assert service.given_up.startswith("fictional ended 4 times")


def test_a_trial_ends_at_once_when_a_service_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which service, and has failed, although it waits for something else and catches what goes wrong."""
    monkeypatch.setattr(processes, "MOST_RESTARTS", 3)
    monkeypatch.setattr(processes, "RESTART_PAUSE_S", 0.01)

    class Waits(StoresScenario):
        """A scenario that waits for what never comes."""

        def run(self, cast: Cast) -> Result:
            stack = SimpleNamespace(services={}, ports={}, stop=lambda: None)
            ground = Ground(cast.folder, None, stack, Journal(cast.folder / "journal"))  # type: ignore[arg-type]
            stack.services["fictional"] = Service(command(tmp_path, "raise SystemExit(1)"))
            try:
                with suppress(Exception):
                    wait_in_trial(lambda: False, 600.0)
                raise AssertionError("it went on")
            finally:
                ground.close()
                stack.services["fictional"].stop()

    result = play(Waits(), Cast(tmp_path, 1, None, None))  # type: ignore[arg-type]
    assert not result.good
    assert result.stuck.startswith("fictional ended 4 times")


def test_a_trial_that_is_ended_leaves_nothing_running() -> None:
    """A second SIGTERM does not cut off what the first one stops, and what a thread starts meanwhile is ended too."""
    environment = {**os.environ, "PYTHONPATH": TOOLS_PATH}
    trial = subprocess.Popen(
        (sys.executable, "-c", TRIAL), env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with trial:
        assert trial.stdin is not None
        assert trial.stdout is not None
        started = [trial.stdout.readline().split()]
        trial.send_signal(signal.SIGTERM)
        started.append(trial.stdout.readline().split())
        trial.send_signal(signal.SIGTERM)
        said, _ = trial.communicate("\n", timeout=120)
    assert [name for name, _ in started] == ["early", "late"]
    assert said == "cleared\n"
    assert trial.returncode == 143
    assert [start_mark(int(pid)) for _, pid in started] == ["", ""]
