"""End a process by its id, but only while that id is still the process that we mean."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol


class Ending(Protocol):
    """A way to end a process: `end` or `kill`."""

    def __call__(self, pid: int, marker: str, seconds: float, child: subprocess.Popen[bytes] | None) -> None:
        """End it if its command line contains `marker`; wait at most `seconds`."""
        ...


def is_running(pid: int, marker: str) -> bool:
    """Whether process `pid` lives and its command line contains `marker`: an id may belong to somebody else by now."""
    return pid > 0 and marker in _command_line(pid)


def end(pid: int, marker: str, seconds: float, child: subprocess.Popen[bytes] | None) -> None:
    """Ask the process to stop, wait at most `seconds`, then kill it."""
    if not _signal_and_wait(pid, marker, signal.SIGTERM, seconds, child):
        kill(pid, marker, seconds, child)


def kill(pid: int, marker: str, seconds: float, child: subprocess.Popen[bytes] | None) -> None:
    """Kill the process (a stopped one too) and wait until it is gone."""
    _signal_and_wait(pid, marker, signal.SIGKILL, seconds, child)


def _signal_and_wait(
    pid: int, marker: str, number: signal.Signals, seconds: float, child: subprocess.Popen[bytes] | None
) -> bool:
    if is_running(pid, marker):
        os.kill(pid, number)
    deadline = time.monotonic() + seconds
    while is_running(pid, marker):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    if child is not None and child.pid == pid:
        child.wait()  # it is gone from the table only when its parent has asked for its exit status
    return True


def _command_line(pid: int) -> str:
    proc = Path("/proc")
    try:
        if (proc / "self").exists():
            return (proc / str(pid) / "cmdline").read_bytes().decode(errors="replace")
        return subprocess.run(
            ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return ""


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """Let a process do nothing for the time of the block, which begins when its last thread has stopped."""
    os.kill(pid, signal.SIGSTOP)
    try:
        while not all(_has_stopped(each) for each in Path(f"/proc/{pid}/task").glob("*")):
            time.sleep(0.01)
        yield
    finally:
        with suppress(ProcessLookupError):  # whoever takes it for dead may have ended it
            os.kill(pid, signal.SIGCONT)


def _has_stopped(thread: Path) -> bool:
    """Whether a thread is stopped, or has ended: proc_pid_stat(5), the state behind the name."""
    try:
        state = (thread / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in {"T", "t", "Z", "X"}
