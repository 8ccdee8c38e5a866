"""Start, watch and stop the processes of a stack. Only processes that were started here are ever signalled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from kafka.ports import free_ports

STOP_GRACE_S = 20.0
RESTART_PAUSE_S = 0.5
MOST_RESTARTS = 400
"""A service that ended so often is not started again: no trial ends one on purpose as often as that."""
_PORT = "REFBUS_METRICS_PORT"
_TAIL_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Command:
    """One service: its name, its command line, its whole environment, and the file that takes its output."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path


class Service:
    """A running service, restarted when it ends on its own: that is the external restarter that a gate relies on.

    One whose metrics port was taken meanwhile gets another, of which `moved` hears. `given_up` says why it is not
    started again, "" while it is.
    """

    def __init__(
        self, command: Command, *, restart: bool = True, moved: Callable[[int], None] = lambda _: None
    ) -> None:
        self.command = command
        self.restarts = 0
        self.given_up = ""
        self._moved = moved
        self._restart = restart
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process = self._spawn()
        self._watcher = threading.Thread(target=self._watch, name=f"watch {command.name}", daemon=True)
        self._watcher.start()

    @property
    def pid(self) -> int:
        """Process id of the present instance."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the present instance is alive."""
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the present instance; nothing when it has just ended."""
        with self._lock:
            if self._process.poll() is None:
                self._process.send_signal(number)

    def signal_stop(self) -> None:
        """Ask it to stop, and do not start it again."""
        self._stopping.set()
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)

    def stop(self) -> int:
        """End it: SIGTERM, after a grace SIGKILL. Returns the exit status."""
        self.signal_stop()
        with self._lock:
            return stop_process(self._process)

    def _watch(self) -> None:
        while True:
            self._process.wait()
            if self._stopping.is_set() or not self._restart:
                return
            if self.restarts >= MOST_RESTARTS:
                self.given_up = f"{self.command.name} ended {self.restarts + 1} times; see {self.command.log}"
                return
            if self._stopping.wait(RESTART_PAUSE_S):
                return
            self._leave_taken_port()
            with self._lock:
                if self._stopping.is_set():
                    return
                self._process = self._spawn()
                self.restarts += 1

    def _leave_taken_port(self) -> None:
        """Give the next instance another metrics port when the last one said that its own cannot be used."""
        port = self.command.environment.get(_PORT, "")
        with self.command.log.open("rb") as log:
            log.seek(max(0, self.command.log.stat().st_size - _TAIL_BYTES))
            last = log.read().decode(errors="replace")
        if port and f"metrics port {port} cannot be used" in last:
            (free,) = free_ports(1)
            self.command = replace(self.command, environment={**self.command.environment, _PORT: str(free)})
            self._moved(free)

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.command.log.parent.mkdir(parents=True, exist_ok=True)
        with self.command.log.open("ab") as log:
            return spawn(self.command.argv, self.command.environment, log)


def spawn(argv: Sequence[str], environment: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a process of its own session, so that an interrupt at the terminal reaches its starter only."""
    return subprocess.Popen(
        list(argv),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def stop_process(process: subprocess.Popen[bytes]) -> int:
    """End a child: SIGCONT and SIGTERM, after a grace SIGKILL. Returns the exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            return process.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def stop_pids(pids: Sequence[tuple[int, str]]) -> None:
    """End processes that another run of ours started, given as (id, start mark): a reused id is left alone."""
    ours = [pid for pid, mark in pids if start_mark(pid) == mark]
    for pid in ours:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_GRACE_S
    while time.monotonic() < deadline and any(start_mark(pid) for pid in ours):
        time.sleep(0.1)
    for pid, mark in pids:
        if start_mark(pid) == mark:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def leaving_nothing() -> Iterator[None]:
    """Let SIGTERM end this process in good order, whatever runs in the block; no child of ours is left then.

    A second signal changes nothing (`timeout` sends two): it would cut off what the first one stops. What a thread has
    started after everything was stopped is ended too.
    """
    signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, _go_on)
        _end_children()


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, _go_on)
    sys.exit(143)


def _go_on(_number: int, _frame: FrameType | None) -> None:
    """Do nothing. SIG_IGN would be inherited by what is started meanwhile."""


def _end_children() -> None:
    """End every child of this process that has a session of its own, as services, brokers and servers have."""
    while left := _own_sessions():
        for pid, _ in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        stop_pids(left)


def _own_sessions() -> list[tuple[int, str]]:
    """Return id and start mark of each living child of this process that leads a session."""
    found = list[tuple[int, str]]()
    for place in Path("/proc").glob("[0-9]*"):
        pid = int(place.name)
        fields = _fields(pid)
        if fields and fields[0] != "Z" and int(fields[1]) == os.getpid() and int(fields[3]) == pid:
            found.append((pid, fields[19]))
    return found


def start_mark(pid: int) -> str:
    """Return what tells this process from a later one with the same id (its start time), "" when there is none."""
    fields = _fields(pid)
    return "" if not fields or fields[0] == "Z" else fields[19]


def _fields(pid: int) -> list[str]:
    """Return what proc_pid_stat(5) says behind the name: state, parent, group, session, ...; nothing without one."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
