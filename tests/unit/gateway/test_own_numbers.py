"""What people at a desk see beside our own numbers: the number of their own file, and the time of their country."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refbus.core.times import show_time
from refbus.errors import Code
from refbus_gateway.forms.casefile import case_fields, parse_case
from refbus_gateway.forms.problems import CaseInvalidError
from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands, file
from support.directories import NOW_MS
from support.gateways import World, case_file, consent_file

NUMBER = "Ф-2026/117"


@pytest.fixture
def refbus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Give the command at an agency that has sent a case with a file number of its own."""
    world = World(tmp_path)
    world.gateway(AGENCY).close()
    made = Commands(world, capsys)
    case = file(tmp_path, "case.json", case_file(file_number=NUMBER))
    made.run(AGENCY, "consent", "grant", case, "--file", file(tmp_path, "consent.json", consent_file()))
    made.run(AGENCY, "send", case)
    return made


def test_lists_name_the_workers_own_file(refbus: Commands) -> None:
    """Status, lists and the case itself, for people and for scripts; a copy has it too, an erased case has not."""
    assert f"case 1 (file {NUMBER})" in refbus.run(AGENCY, "status").out
    assert refbus.json(AGENCY, "status")["referrals"][0]["file_number"] == NUMBER
    for words in (("case", "list"), ("case", "show", "1"), ("inbox", "list", "--all")):
        assert NUMBER in refbus.run(AGENCY, *words).out, words
    assert refbus.json(AGENCY, "case", "list")[0]["file_number"] == NUMBER
    refbus.run(AGENCY, "case", "erase", "1", "--yes")
    assert refbus.json(AGENCY, "case", "list")[0]["file_number"] is None


def test_the_file_number_never_leaves_the_home(refbus: Commands) -> None:
    """It is no field of the payload, the recipient does not see it, and in the home it is sealed."""
    assert "file_number" not in {spec.name for spec in case_fields()}
    refbus.world.carry()
    refbus.run(SHELTER, "sync")
    shown = refbus.run(SHELTER, "inbox", "show", "1").out
    assert "Fictional: needs a dentist." in shown
    assert NUMBER not in shown
    assert refbus.json(SHELTER, "case", "list")[0]["file_number"] is None
    stored = [path.read_bytes() for path in refbus.world.home(AGENCY).path.rglob("*") if path.is_file()]
    assert not [content for content in stored if NUMBER.encode() in content]


@pytest.mark.parametrize("number", [7, "", "two\nlines", "x" * 41])
def test_a_file_number_is_one_short_line(number: object) -> None:
    """Anything else is refused with its place."""
    with pytest.raises(CaseInvalidError) as refused:
        parse_case(case_file(file_number=number), now_ms=NOW_MS)
    assert {problem.path for problem in refused.value.problems} == {"file_number"}
    assert refused.value.code is Code.CASE_INVALID


def test_people_see_the_time_of_their_country_and_scripts_utc(refbus: Commands) -> None:
    """Kazakhstan is five hours ahead; JSON has milliseconds of UTC."""
    assert "UTC+05:00" in refbus.run(AGENCY, "case", "list").out
    listed = refbus.json(AGENCY, "case", "list")[0]
    assert listed["created_ms"] == refbus.world.clock()
    assert show_time(listed["created_ms"], 300) in refbus.run(AGENCY, "case", "list").out
    assert show_time(0, 300) == "1970-01-01 05:00 UTC+05:00"
    assert show_time(0) == "1970-01-01 00:00 UTC"


def test_people_see_an_appointment_by_their_own_clock(refbus: Commands, tmp_path: Path) -> None:
    """A time in a course is shown as it is in the reader's country; JSON has it as UTC and in ms."""
    refbus.world.carry()
    refbus.run(SHELTER, "sync")
    refbus.run(SHELTER, "inbox", "accept", "1", "--responsible-worker-role", "LAWYER")
    booked = file(tmp_path, "booked.json", json.dumps({"service": "Legal", "at_ms": "2026-10-01T10:00+05:00"}))
    refbus.run(SHELTER, "inbox", "appointment", "1", "--file", booked)
    assert "2026-10-01 10:00 UTC+05:00" in refbus.run(SHELTER, "inbox", "show", "1").out
    events = refbus.json(SHELTER, "inbox", "show", "1")["events"]
    (event,) = (each for each in events if each["type"] == "ServiceAppointmentBooked")
    assert event["times"] == {"Service appointment booked": {"At": 1_790_830_800_000}}
    assert event["content"]["Service appointment booked"]["At"] == "2026-10-01 05:00 UTC"
