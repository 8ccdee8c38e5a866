"""Gateways for unit tests: a road without gates, shared by a file or for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus_gateway.home import slots
from support.gateways import Pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Give the pair that the tests of a file share; each has cases of its own."""
    made = Pair(tmp_path_factory.mktemp("pair"))
    yield made
    made.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Pair]:
    """Give a pair for one test."""
    made = Pair(tmp_path)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def cheap_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a passphrase of a person cost little to derive a key from."""
    monkeypatch.setattr(slots, "MEMORY_KIB", 64)
