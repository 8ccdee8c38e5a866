"""`refbus topics`: the same three commands in the home of an organisation."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.bus.memory import MemoryBus
from refbus.bus.topicplan import plan
from refbus.bus.topicset import wanted
from refbus.core.ids import CountryCode
from refbus_gateway.cli.main import main
from refbus_gateway.cli.runtime import Runtime
from support.ceremonies import SHELTER
from support.gateways import World

COUNTRY = CountryCode(SHELTER[:2])


@pytest.fixture
def bus() -> MemoryBus:
    """Return an empty broker."""
    return MemoryBus()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a development federation."""
    return World(tmp_path)


def run(world: World, bus: MemoryBus, *arguments: str) -> int:
    """Run `refbus topics ...` in the shelter's home; return the exit status."""
    home = str(world.lab.paths.home(SHELTER))
    runtime = Runtime({"REFBUS_HOME": home}, world.clock, connect=lambda *_: bus)
    return main(["topics", *arguments], runtime=runtime)


def test_without_a_verified_directory_nothing_is_planned(
    world: World, bus: MemoryBus, capsys: pytest.CaptureFixture[str]
) -> None:
    """A home that has not read the directory yet knows no organisations."""
    assert run(world, bus, "plan") == 2
    assert "DIRECTORY_INVALID" in capsys.readouterr().err


def test_an_organisation_sees_the_drift_of_its_country(
    world: World, bus: MemoryBus, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verified directory of the home says what must be there: plan, drift, apply, no drift."""
    gateway = world.gateway(SHELTER)
    directory = gateway.trust.history.latest
    gateway.close()
    assert run(world, bus, "drift") == 1
    assert "+ topic" in capsys.readouterr().out
    assert run(world, bus, "apply") == 0
    assert run(world, bus, "drift") == 0
    assert plan(wanted(directory, COUNTRY, production=False), bus.admin()).is_clean
