"""Which ends of a service a fault test does not forgive, though a restarter hides them."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.crashes import crashes


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("2026-11-30T18:46:36.591Z CRITICAL refbus.bus.crash: watchdog failed: ValueError", True),
        ("error: INTERNAL_ERROR something went wrong that should not be able to go wrong (reference 3ea8)", True),
        ("2026-11-30T18:46:36.591Z CRITICAL refbus.bus.crash: INTERNAL_ERROR: the worker failed", True),
        ("2026-11-30T18:46:36.591Z CRITICAL refbus.bus.crash: directory failed: StoreError", False),
        ("2026-11-30T18:46:36.591Z CRITICAL refbus.bus.crash: BROKER_UNREACHABLE: the client failed", False),
        ("2026-11-30T18:46:36.587Z ERROR refbus.node.threads: watchdog failed | ValueError | threads.py:26", False),
    ],
)
def test_an_end_without_a_code_is_told(tmp_path: Path, line: str, told: bool) -> None:
    """A coded end is what an operator can act upon; any other is a fault of the product, once, by its last line."""
    (tmp_path / "gate-kz.log").write_text(f"Running.\n{line}\n", encoding="utf-8")
    assert crashes(tmp_path) == ([f"gate-kz: {line}"] if told else [])
