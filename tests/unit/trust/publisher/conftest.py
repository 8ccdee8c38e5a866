"""What most tests of the publishing side begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.trust.reader.loader import TrustStore
from support.ceremonies import Lab, lab, read


@pytest.fixture
def fed(tmp_path: Path) -> Lab:
    """Make a federation of four countries, each enrolment in a file of its own."""
    return lab(tmp_path)


@pytest.fixture
def store(fed: Lab, tmp_path: Path) -> TrustStore:
    """Make a reader that has version 1."""
    made = fed.store(tmp_path / "reader")
    read(made, fed.files())
    return made
