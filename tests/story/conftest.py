"""Fixtures of the stories: a road that a whole file shares, and one of its own for stories that break things."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.nodes import Road, road
from support.scans import Plans, watched


@pytest.fixture(scope="session")
def plans() -> Iterator[Plans]:
    """Watch the statements of the session."""
    with watched() as noted:
        yield noted


@pytest.fixture(autouse=True)
def _nothing_is_scanned(plans: Plans) -> Iterator[None]:
    """No statement of a story reads the whole of a table that grows, unless it is named with its reason."""
    plans.begin()  # a test of another folder may have run in between in this process
    yield
    assert plans.unexplained() == []


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
