"""What most tests of the publishing side begin with."""

from __future__ import annotations

import pytest

from refbus.trust.reader.loader import TrustStore
from support.ceremonies import Lab, read


@pytest.fixture
def store(store: TrustStore, fed: Lab) -> TrustStore:
    """Give a reader that has version 1."""
    read(store, fed.files())
    return store
