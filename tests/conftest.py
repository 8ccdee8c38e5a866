"""The broker of the tests: one that is given with --broker, or a real one started once for the session."""

from __future__ import annotations

import gc
import os
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from kafka import Broker, BrokerFailedError, Certificates
from kafka.artifacts import ArtifactError
from postgresql import PostgresServer
from refbus.bus import confluent
from refbus.bus.address import BrokerAddress
from refbus.bus.port import TopicState
from support.fresh import begun_at_once, stretched_once
from support.loops import one_loop
from support.stores import FILES, SERVER, make_template, on_server

LONG = ("story", "unit/gateway/web", "unit/gateway", "property", "unit/gate", "unit/bench", "unit/auditor")
"""Folders with files that take long, the longest first."""

_YOUNG = (20_000, 10, 10)
"""Thresholds of the garbage collector: far fewer turns than by default, for processes that end within minutes."""

# These machines are shared: how long an example takes says nothing.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --broker, --pin-shapes and --screenshots."""
    parser.addoption("--broker", default="", metavar="HOST:PORT", help="use this plaintext broker on this machine")
    parser.addoption("--pin-shapes", action="store_true", help="add new fields to tests/story/shapes.json")
    parser.addoption("--screenshots", type=Path, help="keep the screenshots of the browser tests in this folder")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let long files go first, so that no process is left with one at the end, and mark what needs real services.

    That is everything below tests/broker and tests/browser, wherever it runs.
    """
    items.sort(key=lambda item: place_of(item.path.parent))
    for item in items:
        for name in {"broker", "browser"} & set(item.path.parent.parts):
            item.add_marker(name)


@cache
def place_of(folder: Path) -> int:
    """Return the place of a folder among those that take long; asked once for a folder, not for each test."""
    places = [Path(__file__).parent / each for each in LONG]
    return next((n for n, each in enumerate(places) if each in (folder, *folder.parents)), len(places))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what was imported and collected: it stays, and is most of what there is.

    To walk through it again and again took a sixth of the time of stories.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_YOUNG)


@pytest.fixture(scope="session", autouse=True)
def _done_once() -> Iterator[None]:
    """Run the migrations of each kind of store once, not for each of thousands; stretch what is alike once."""
    with begun_at_once(), stretched_once(), one_loop():
        yield


@pytest.fixture(scope="session")
def broker_address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerAddress]:
    """Return where the session's broker is: plaintext, no access rules, nothing created by being written to."""
    given = request.config.getoption("--broker")
    if given:
        yield BrokerAddress(given)
        return
    broker = Broker(tmp_path_factory.mktemp("broker"), progress=lambda _text: None)
    yield started(broker)
    broker.stop()


@pytest.fixture(scope="session")
def tls_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Start a broker of kz that speaks TLS only and enforces access rules."""
    folder = tmp_path_factory.mktemp("tls")
    broker = Broker(folder / "broker", "kz", Certificates(folder / "certificates"), progress=lambda _text: None)
    started(broker)
    yield broker
    broker.stop()


@pytest.fixture
def topic(broker_address: BrokerAddress) -> str:
    """Make a topic of this test alone."""
    name = f"test.{uuid.uuid4().hex}"
    confluent.admin(broker_address).create_topic(TopicState(name, 1, 1, {}))
    return name


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked for both kinds of stores on each; before any fixture that opens one."""
    marked = metafunc.definition.get_closest_marker
    if marked("both_stores") and not marked("in_files"):
        metafunc.parametrize("_stores", (FILES, SERVER), indirect=True)


@pytest.fixture(autouse=True)
def _stores(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the stores of this test be where its parameter says: in files, if it has none."""
    if getattr(request, "param", FILES) == FILES:
        yield
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with on_server(server, request.getfixturevalue("postgres_template")):
        yield


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """Start the PostgreSQL server of this process."""
    server = PostgresServer(tmp_path_factory.mktemp("postgresql"))
    try:
        server.start()
    except (RuntimeError, OSError) as failure:
        server.close()
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL: {failure}")
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """Make the database from which those of the tests are made."""
    return make_template(postgres)


def started(broker: Broker) -> BrokerAddress:
    """Start a broker. Where no test may be left out (CI=true) a failure is one; elsewhere it skips, with its reason."""
    try:
        return broker.start()
    except (BrokerFailedError, ArtifactError) as failure:
        broker.stop()
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no broker: {failure}")
