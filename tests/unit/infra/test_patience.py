"""Waiting ends when nothing moves, never because the machine is slow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kafka import patience
from kafka.patience import wait


def test_what_moves_is_waited_for_however_long_it_takes() -> None:
    """With hardly any patience for what stands still, each new sign is waited for."""
    positions = iter(range(100))
    wait("a hundred", lambda: next(positions) == 99, object, still_s=0.001, pause_s=0.002)


def test_what_stands_still_is_named() -> None:
    """The same sign for too long: the error says what was awaited."""
    with pytest.raises(TimeoutError, match="a gate that never starts"):
        wait("a gate that never starts", lambda: False, still_s=0.01, pause_s=0.002)


@pytest.mark.parametrize(("load", "least"), [("9.0 9.0 9.0 4000/9999 1", 0.0), ("0.0 0.0 0.0 1/99 1", 1.0), ("", 1.0)])
def test_a_busy_machine_counts_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: str, least: float) -> None:
    """Where thousands want a core a second counts for hardly anything; where nobody else does it is a second."""
    page = tmp_path / "loadavg"
    page.write_text(load)
    monkeypatch.setattr(patience, "_LOAD", page)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert least <= patience._share() <= max(least, 0.5)
