"""What a measured stack is made of: nothing that only a demonstration has, and no broker that nobody needs."""

from __future__ import annotations

from pathlib import Path

from bench.events import DESTINATION, ORIGIN
from bench.stage import without_show
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
