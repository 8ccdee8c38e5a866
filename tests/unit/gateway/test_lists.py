"""Lists in parts: what a person is shown at once, what a script gets, and what no part may hide."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import trips
from refbus.core.ids import OrgId
from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands
from support.gateways import Pair, case_file, sent, withdraw_all


@pytest.fixture
def offices(own: Pair, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Give the commands of two offices: the agency has sent three cases, the shelter has received them."""
    for number in range(3):
        sent(own.kz, case_file(about=f"Fictional case {number}; no such person exists."))
    own.exchange()
    return Commands(own.world, capsys)


def numbers(refbus: Commands, org: OrgId, *words: str) -> list[str]:
    """Return the first word of each line that a command prints for people."""
    return [line.split()[0] for line in refbus.run(org, *words).out.splitlines()]


def test_a_person_sees_the_newest_and_how_many_are_left(offices: Commands) -> None:
    """The newest part comes first, oldest on top as ever, with the words that show the next part; none is lost."""
    assert numbers(offices, AGENCY, "case", "list") == ["1", "2", "3"]
    first = offices.run(AGENCY, "case", "list", "--limit", "2").out.splitlines()
    assert [line.split()[0] for line in first[:2]] == ["2", "3"]
    assert first[2:] == ["and 1 older: --page 2 --limit 2"]
    assert numbers(offices, AGENCY, "case", "list", "--limit", "2", "--page", "2") == ["1"]
    assert numbers(offices, AGENCY, "case", "list", "--page", "2") == []
    inbox = ("inbox", "list", "--offline", "--limit", "2")
    assert numbers(offices, SHELTER, *inbox) == ["NOT", "2", "3", "and"]
    assert numbers(offices, SHELTER, *inbox, "--page", "2") == ["NOT", "1"]


def test_a_script_gets_all_unless_it_asks_for_a_part(offices: Commands) -> None:
    """JSON is whole and of the same shape as before; with --limit it is that part."""
    whole = offices.json(AGENCY, "case", "list")
    assert [each["case"] for each in whole] == [1, 2, 3]
    names = {"case", "own", "created_ms", "erased", "file_number", "parties", "referrals", "unread"}
    assert whole[0].keys() == names
    assert (whole[0]["parties"], whole[0]["referrals"]) == ([SHELTER], [1])
    assert offices.json(AGENCY, "case", "list", "--limit", "2") == whole[1:]
    received = offices.json(SHELTER, "inbox", "list", "--offline")
    assert [each["referral"] for each in received["referrals"]] == [1, 2, 3]
    part = offices.json(SHELTER, "inbox", "list", "--offline", "--limit", "1")
    assert part == {**received, "referrals": received["referrals"][2:]}


def test_no_part_hides_a_withdrawal(offices: Commands, own: Pair) -> None:
    """What a person must stop using is told on every page."""
    withdraw_all(own.kz, 1)
    own.exchange()
    told = "refbus inbox acknowledge 1 RESULT"
    for words in ((), ("--limit", "1"), ("--limit", "1", "--page", "2")):
        assert told in offices.run(SHELTER, "inbox", "list", "--offline", *words).out


def test_a_page_costs_the_same_whatever_the_number_of_cases(tmp_path: Path) -> None:
    """At most ten statements besides those that open the home, and no value opened that the page does not show."""
    few, many = 55, 75
    found = {each.name: each.value for each in trips.lists(tmp_path, few, many)}
    assert len(found) == 8
    assert {name: value for name, value in found.items() if "statements" in name and value > 10} == {}
    for name, value in found.items():
        assert value == found[name.replace(f"{few:,}", f"{many:,}")], name
