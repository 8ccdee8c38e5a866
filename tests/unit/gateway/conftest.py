"""Gateways for unit tests: a road without gates, shared by a file or for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus_gateway.gateway import Gateway
from support.ceremonies import AGENCY, SHELTER
from support.gateways import World


class Pair:
    """The agency and the shelter in one world."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.kz: Gateway = self.world.gateway(AGENCY)
        self.uz: Gateway = self.world.gateway(SHELTER)

    def exchange(self) -> None:
        """Let everything arrive."""
        self.world.exchange(self.kz, self.uz)

    def close(self) -> None:
        """Close both stores."""
        self.kz.close()
        self.uz.close()


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
