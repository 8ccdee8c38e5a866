"""What a measured stack is made of: nothing that only a demonstration has, and no broker that nobody needs."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.events import DESTINATION, ORIGIN
from bench.stage import EndedError, Stage, without_show
from demo import world
from refbus.core.ids import CountryCode

COUNTRIES = tuple(map(CountryCode, ("kg", "kz", "tm", "uz")))


def test_what_is_measured_reads_no_clock_file() -> None:
    """Of the settings of a demonstration those go that cost something in every turn; all others stay."""
    settings = {"REFBUS_CLOCK_FILE": "clock", "REFBUS_GATE_RESEND_SECONDS": "5", "REFBUS_COUNTRY": "kz"}
    assert without_show(settings) == {"REFBUS_COUNTRY": "kz"}


def test_two_clusters_are_two_brokers(tmp_path: Path) -> None:
    """Both ends of the way have a cluster of their own; the other countries have their topics in the first of them."""
    found = world._brokers(tmp_path, COUNTRIES, {}, (ORIGIN, DESTINATION))
    assert tuple(found) == COUNTRIES
    assert len(set(found.values())) == 2
    assert found[ORIGIN] is not found[DESTINATION]


def test_without_a_choice_each_country_has_a_cluster(tmp_path: Path) -> None:
    """A federation that is played has one for each country."""
    assert len(set(world._brokers(tmp_path, COUNTRIES, {}).values())) == len(COUNTRIES)


def staged_pid(pid: int) -> Stage:
    """Return a stage of one service."""
    stack = SimpleNamespace(services={"gate-kz": SimpleNamespace(pid=pid)})
    return Stage(SimpleNamespace(brokers={}), stack, SimpleNamespace())  # type: ignore[arg-type]


def restart(stage: Stage, error: Exception | None) -> None:
    """Let the service end and begin again while it is measured, and a figure of the one that is gone fail."""
    with stage.unbroken():
        stage.stack.services["gate-kz"] = SimpleNamespace(pid=1)  # type: ignore[assignment]
        if error is not None:
            raise error


@pytest.mark.parametrize("error", [FileNotFoundError("stat"), None])
def test_a_gate_that_ended_while_it_was_measured_has_no_figures(error: Exception | None) -> None:
    """It begins again by itself, so that a run may go on and say that eight seconds are its latency."""
    stage = staged_pid(os.getpid())
    with stage.unbroken():
        pass
    with pytest.raises(EndedError, match="gate-kz ended"):
        restart(stage, error)


def test_a_gate_that_is_not_there_any_more_has_none_either() -> None:
    """Its restarter waits a moment: meanwhile it has the same number, and no process."""
    with pytest.raises(EndedError, match="gate-kz ended"), staged_pid(2**22 + 1).unbroken():
        pass
