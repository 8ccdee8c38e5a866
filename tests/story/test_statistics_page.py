"""The page of statistics, its commands as printed: two nodes publish half a year, one adds up what the other tells."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.clock import machine_ms
from refbus.core.ids import CountryCode
from support.ceremonies import PASSPHRASE
from support.gateways import case_file, consent_file, sent
from support.howto import Page, Shell, environment
from support.nodes import Road

NEXT_YEAR_MS = 1_800_000_000_000
"""In January 2027: the half-year of the page is over."""


@pytest.fixture
def settings(own: Road, tmp_path: Path) -> dict[str, str]:
    """Give the settings of the gate of kz and of an office beside it, in the year after that of the page."""
    passphrase, clock = tmp_path / "passphrase", tmp_path / "clock"
    passphrase.write_text(PASSPHRASE + "\n", encoding="utf-8")
    passphrase.chmod(0o600)
    clock.write_text(f"0 {NEXT_YEAR_MS - machine_ms()}\n", encoding="ascii")
    return {
        **_of_gate(own, "kz"),
        "REFBUS_GATE_PASSPHRASE_FILE": str(passphrase),
        "REFBUS_CLOCK_FILE": str(clock),
        "REFBUS_HOME": str(own.lab.paths.home(own.agency)),
        "REFBUS_PASSPHRASE_FILE": str(passphrase),
    }


def _of_gate(road: Road, country: str) -> dict[str, str]:
    home = road.lab.paths.gate(CountryCode(country))
    return {"REFBUS_COUNTRY": country, "REFBUS_GATE_HOME": str(home)} | {
        f"REFBUS_BOOTSTRAP_{country.upper()}": "127.0.0.1:9"  # nothing of the page asks a broker
    }


@pytest.fixture
def shell(settings: dict[str, str], tmp_path: Path) -> Iterator[Shell]:
    """Give the shell of a node operator."""
    folder = tmp_path / "desk"
    folder.mkdir()
    made = Shell(folder, settings)
    yield made
    made.close()


def test_an_edition_is_published_by_the_page_alone(own: Road, shell: Shell, settings: dict[str, str]) -> None:
    """Every command works as printed; a few courses are counted and not told, at home neither."""
    for number in range(3):
        sent(own.kz, case_file(about=f"Fictional: number {number}"), consent_file(statistics=True))
    own.settle()
    host = "python -m refbus_gate statistics 2026-H2 uz-2026-2.json"
    asked = environment(**{**settings, **_of_gate(own, "uz")})
    subprocess.run(["bash", "-c", host], cwd=shell.folder, env=asked, check=True)
    shell.follow(Page.read("operators/statistics.md"))
    edition, home = (
        json.loads((shell.folder / name).read_text(encoding="utf-8")) for name in ("kz-2026-2.json", "at-home.json")
    )
    assert (edition["country"], edition["year"], edition["half"]) == ("kz", 2026, 2)
    assert home["format"] == "refbus/statistics-home/1"
    assert {table["total"] for table in (*edition["tables"], *home["tables"])} == {None}
