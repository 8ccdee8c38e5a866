"""A federation of four countries and an empty store of a reader, for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.trust.reader.loader import TrustStore
from support.ceremonies import Lab, lab


@pytest.fixture
def fed(tmp_path: Path) -> Lab:
    """Make a federation of four countries."""
    return lab(tmp_path)


@pytest.fixture
def store(fed: Lab, tmp_path: Path) -> TrustStore:
    """Make an empty reader's store."""
    return fed.store(tmp_path / "reader")
