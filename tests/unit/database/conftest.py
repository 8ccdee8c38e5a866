"""Fixtures of the tests of databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from postgresql import PostgresServer


@pytest.fixture
def database(postgres: PostgresServer, postgres_template: str) -> Iterator[str]:
    """Return a database of this test alone."""
    name = postgres.new_database(postgres_template)
    yield name
    postgres.drop_database(name)
