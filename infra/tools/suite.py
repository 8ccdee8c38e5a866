"""`python -m tools.suite`: every test, in two parts that run at once; both always run, one exit status.

The first part goes to a process for each core, a file at a time. The second shares real brokers and browsers, one test
after the other, and waits for them more than it works, so it runs beside the first. Its output is kept in
var/tests/services.log and shown when the first part has ended, and from then on as it comes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / "var" / "tests" / "services.log"
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
ROOM_BYTES = 4 << 30
"""What must be free in memory for the files of the first part to be there."""
SERVICES = ("tests/broker", "tests/browser")
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
        return together(
            (*_PYTEST, *PARALLEL, "--basetemp", str(folder)), (*_PYTEST, "-p", "no:cacheprovider", *SERVICES), LOG
        )


def together(first: Sequence[str], second: Sequence[str], log: Path) -> int:
    """Run both commands at once, the output of the second kept in `log` and shown last; 0 when both ended with 0."""
    environment = os.environ | _ENVIRONMENT
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as kept, log.open("rb") as shown:
        beside = subprocess.Popen(second, cwd=ROOT, env=environment, stdout=kept, stderr=subprocess.STDOUT)
        try:
            status = subprocess.run(first, cwd=ROOT, env=environment, check=False).returncode
            print(f"\nsuite: what ran beside it ({log}):", flush=True)
            while beside.poll() is None:
                _show(shown)
                time.sleep(_LOOK_S)
            _show(shown)
        finally:
            beside.terminate()
            beside.wait()
    return status or beside.returncode


@contextmanager
def files() -> Iterator[Path]:
    """Give a folder for the files of tests: in memory, where it has room, because each store flushes to the disk."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    folder = Path(tempfile.mkdtemp(prefix="refbus-tests-", dir=MEMORY if roomy else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _show(log: IO[bytes]) -> None:
    sys.stdout.buffer.write(log.read())
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
