"""Fixtures of the stories: a road that a whole file shares, and one of its own for stories that break things."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.nodes import Road, road


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """Give the road that the stories of a file share; each has a case of its own."""
    with road(tmp_path_factory.mktemp("road")) as made:
        made.gateway(made.agency)
        made.gateway(made.shelter)
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Road]:
    """Give a road for one story."""
    with road(tmp_path) as made:
        made.gateway(made.agency)
        made.gateway(made.shelter)
        yield made
