"""`python -m tools.suite`: every test, in four parts that run at once; all always run, one exit status.

The first part goes to a process for each core, a file at a time. The others share a real broker, a browser at real
services, or a Prometheus, one test after the other, and wait for it more than they work, so they run beside the first.
Their output is kept in var/tests and shown when the first part has ended, and from then on as it comes, one part after
the other.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "var" / "tests"
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
ROOM_BYTES = 4 << 30
"""What must be free in memory for the files of the first part to be there."""
SERVICES = ("tests/broker", "tests/browser", "tests/alerts")
"""Folders whose tests run one after the other, beside all others."""
PARALLEL = ("-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder", *(f"--ignore={each}" for each in SERVICES))
_ENVIRONMENT = {
    "CI": "true",  # no test is left out for want of a broker
    "PYTHONDONTWRITEBYTECODE": "",  # what one process has compiled serves the hundreds that start after it
}
_PYTEST = (sys.executable, "-m", "pytest")
_LOOK_S = 0.5


def main() -> int:
    """Run every test; returns the exit status."""
    with files() as folder:
        first = (*_PYTEST, *PARALLEL, "--basetemp", str(folder))
        beside = {Path(each).name: (*_PYTEST, "-p", "no:cacheprovider", each) for each in SERVICES}
        return together(first, beside, LOGS)


def together(first: Sequence[str], beside: Mapping[str, Sequence[str]], logs: Path) -> int:
    """Run all commands at once, the output of those `beside` kept in `logs` and shown last; 0 when all ended with 0."""
    environment = os.environ | _ENVIRONMENT
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        others = [_begin(stack, command, logs / f"{name}.log", environment) for name, command in beside.items()]
        status = subprocess.run(first, cwd=ROOT, env=environment, check=False).returncode
        for process, log in others:
            print(f"\nsuite: what ran beside it ({log}):", flush=True)
            _show_until_ended(process, log)
            status = status or process.returncode
    return status


@contextmanager
def files() -> Iterator[Path]:
    """Give a folder for the files of tests: in memory, where it has room, because each store flushes to the disk."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    folder = Path(tempfile.mkdtemp(prefix="refbus-tests-", dir=MEMORY if roomy else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _begin(
    stack: ExitStack, command: Sequence[str], log: Path, environment: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], Path]:
    kept = stack.enter_context(log.open("wb"))
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=kept, stderr=subprocess.STDOUT)
    stack.callback(process.wait)
    stack.callback(process.send_signal, signal.SIGINT)  # it stops what it started; one that has ended is left alone
    return process, log


def _show_until_ended(process: subprocess.Popen[bytes], log: Path) -> None:
    with log.open("rb") as shown:
        while process.poll() is None:
            _show(shown)
            time.sleep(_LOOK_S)
        _show(shown)


def _show(log: IO[bytes]) -> None:
    sys.stdout.buffer.write(log.read())
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
