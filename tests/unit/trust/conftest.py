"""A federation of four countries and an empty store of a reader, for each test.

Tests of the directory write thousands of small files; none of them pulls the plug.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.trust.reader.loader import TrustStore
from support.ceremonies import Lab, lab


@pytest.fixture(autouse=True, scope="package")
def _no_flush() -> Iterator[None]:
    """Leave the disk to the system: a killed process loses nothing that it wrote, flushed or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


@pytest.fixture
def fed(tmp_path: Path) -> Lab:
    """Make a federation of four countries, each enrolment in a file of its own."""
    return lab(tmp_path)


@pytest.fixture
def store(fed: Lab, tmp_path: Path) -> TrustStore:
    """Make an empty reader's store."""
    return fed.store(tmp_path / "reader")
