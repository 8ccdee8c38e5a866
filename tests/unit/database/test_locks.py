"""Locks on open files: alone or shared, waiting or not, gone with the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from refbus import locks
from refbus.files import open_lock

HOLDER = """
import sys
from pathlib import Path
from refbus import locks
from refbus.files import open_lock
file = open_lock(Path(sys.argv[1]))
locks.take(file.fileno(), shared=sys.argv[2] == "shared")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("first", "second", "free"), [(True, True, True), (True, False, False), (False, True, False), (False, False, False)]
)
def test_two_open_files_of_one_process_hold_against_each_other(
    tmp_path: Path, *, first: bool, second: bool, free: bool
) -> None:
    """Those who share hold together; who is alone is alone, in one process too."""
    with open_lock(tmp_path / "lock") as one, open_lock(tmp_path / "lock") as other:
        locks.take(one.fileno(), shared=first)
        if free:
            locks.take(other.fileno(), shared=second, wait=False)
        else:
            with pytest.raises(BlockingIOError):
                locks.take(other.fileno(), shared=second, wait=False)


def test_closing_the_file_ends_the_lock(tmp_path: Path) -> None:
    """Nothing else has to be called."""
    with open_lock(tmp_path / "lock") as one:
        locks.take(one.fileno())
    with open_lock(tmp_path / "lock") as other:
        locks.take(other.fileno(), wait=False)


@pytest.mark.parametrize("how", ["alone", "shared"])
def test_a_killed_process_holds_nothing(tmp_path: Path, how: str) -> None:
    """Another process is kept out while it lives, and comes in when it was killed, waiting for it."""
    path = tmp_path / "lock"
    program = [sys.executable, "-c", HOLDER, str(path), how]
    with (
        subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder,
        open_lock(path) as file,
    ):
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BlockingIOError):
            locks.take(file.fileno(), wait=False)
        holder.kill()
        locks.take(file.fileno())
