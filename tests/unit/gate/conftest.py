"""Two countries with a gate each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.gates import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return kz and uz, on buses in memory, on empty stores."""
    made = World(tmp_path)
    yield made
    made.close()
