"""`make test` runs its parts at once, shows them apart and forgets the failure of none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kafka.patience import wait
from tools.suite import ROOT, SERVICES, files, together


def says(words: str, status: int, *, needs: Path | None = None, leaves: Path | None = None) -> tuple[str, ...]:
    """Return a command that waits until a file is there, leaves one, says something and ends with a status."""
    steps = ["import pathlib, sys, time"]
    if leaves is not None:
        steps.append(f"pathlib.Path({str(leaves)!r}).touch()")
    if needs is not None:
        steps.append(f"while not pathlib.Path({str(needs)!r}).exists(): time.sleep(0.01)")
    return sys.executable, "-c", "\n".join([*steps, f"print({words!r})", f"sys.exit({status})"])


@pytest.mark.parametrize("statuses", [(0, 0, 0), (1, 0, 0), (0, 2, 0), (0, 0, 3), (1, 2, 3), (0, 2, 3)])
def test_all_parts_run_and_a_failure_of_any_counts(
    statuses: tuple[int, int, int], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Each waits here until the one before it has begun, the first for the last; what ran beside comes last, kept."""
    here, logs = [tmp_path / each for each in "abc"], tmp_path / "kept"
    first, second, third = (
        says(f"of part {n}", status, needs=here[n - 1], leaves=here[n]) for n, status in enumerate(statuses)
    )
    found = together(first, {"second": second, "third": third}, logs)
    assert found == next(filter(None, statuses), 0)
    out = capfdbinary.readouterr().out
    assert out.index(b"of part 0") < out.index(b"of part 1") < out.index(b"of part 2")
    assert (logs / "third.log").read_text(encoding="utf-8") == "of part 2\n"


def test_what_runs_beside_can_clear_away_when_the_suite_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is interrupted as by Ctrl-C: one that is only killed leaves brokers and browsers running."""
    begun, cleared = tmp_path / "begun", tmp_path / "cleared"
    beside = f"""
import pathlib, time
try:
    pathlib.Path({str(begun)!r}).touch()
    time.sleep(600)
except KeyboardInterrupt:
    pathlib.Path({str(cleared)!r}).touch()
"""

    def broken_off(*_: object, **__: object) -> None:
        wait("the second part", begun.exists)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "run", broken_off)
    with pytest.raises(KeyboardInterrupt):
        together(("first",), {"second": (sys.executable, "-c", beside)}, tmp_path)
    assert cleared.exists()


def test_files_of_tests_go_when_the_tests_have_ended() -> None:
    """Also what a failed test left."""
    with files() as folder:
        (folder / "left").mkdir()
    assert not folder.exists()


def test_the_parts_leave_nothing_out() -> None:
    """What the first part passes over is what the others have."""
    assert [each for each in SERVICES if not list((ROOT / each).glob("test_*.py"))] == []
