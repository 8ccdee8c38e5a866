"""Auditors of three countries, of which two others must cosign each log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.auditors import Auditors
from support.disasters import Disaster


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Auditors]:
    """Return kg, kz and uz, with empty logs."""
    made = Auditors(tmp_path)
    yield made
    made.close()


@pytest.fixture
def lost(world: Auditors, tmp_path: Path) -> Disaster:
    """Return an auditor to which something is about to happen."""
    return Disaster(world, tmp_path)
