"""`make test` runs its two parts at once, shows them apart and forgets the failure of neither."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools.suite import ROOT, SERVICES, files, together


def says(words: str, status: int, *, needs: Path | None = None, leaves: Path | None = None) -> tuple[str, ...]:
    """Return a command that waits until a file is there, leaves one, says something and ends with a status."""
    steps = ["import pathlib, sys, time"]
    if leaves is not None:
        steps.append(f"pathlib.Path({str(leaves)!r}).touch()")
    if needs is not None:
        steps.append(f"while not pathlib.Path({str(needs)!r}).exists(): time.sleep(0.01)")
    return sys.executable, "-c", "\n".join([*steps, f"print({words!r})", f"sys.exit({status})"])


@pytest.mark.parametrize(("first", "second", "status"), [(0, 0, 0), (1, 0, 1), (0, 2, 2), (1, 2, 1)])
def test_both_parts_run_and_a_failure_of_either_counts(
    first: int, second: int, status: int, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Each waits here until the other has begun; what the second said comes last, and is kept."""
    one, other, log = tmp_path / "one", tmp_path / "other", tmp_path / "kept" / "services.log"
    found = together(
        says("of the first", first, needs=other, leaves=one),
        says("of the second", second, needs=one, leaves=other),
        log,
    )
    assert found == status
    out = capfdbinary.readouterr().out
    assert out.index(b"of the first") < out.index(b"of the second")
    assert log.read_text(encoding="utf-8") == "of the second\n"


def test_files_of_tests_go_when_the_tests_have_ended() -> None:
    """Also what a failed test left."""
    with files() as folder:
        (folder / "left").mkdir()
    assert not folder.exists()


def test_the_parts_leave_nothing_out() -> None:
    """What the first part passes over is what the second has."""
    assert [each for each in SERVICES if not list((ROOT / each).glob("test_*.py"))] == []
