"""An organisation counts its own cases: every case once in its period, and for others only those who agreed."""

from __future__ import annotations

import csv
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from refbus.core.units import DAY_MS
from refbus.errors import Code
from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands, file
from support.gateways import World, case_file, consent_file


@pytest.fixture
def refbus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Give the command in a world in which the agency has read the directory."""
    world = World(tmp_path)
    world.gateway(AGENCY).close()
    return Commands(world, capsys)


def add(refbus: Commands, folder: Path, number: int, **fields: Any) -> str:
    """Keep a case of the agency; what is not given is as in every test."""
    content = {**json.loads(case_file()), "file_number": f"A-{number}", "fictional": False, **fields}
    path = file(folder, f"case-{number}.json", json.dumps(content))
    refbus.run(AGENCY, "case", "add", path)
    return path


def counted(refbus: Commands, *options: str) -> dict[tuple[str, str, str], int]:
    """Return what is counted, by period, split and value."""
    found = refbus.json(AGENCY, "counts", *options)
    return {(row["period"], row["by"], row["value"]): row["count"] for row in found["rows"]}


def test_each_case_counts_by_what_it_says(refbus: Commands, tmp_path: Path) -> None:
    """Gender, age, citizenship, exploitation, sector and referrer come from the case; what it does not say is told."""
    trafficking = {
        "vic_TypeOfExploitation": ["ForcedLabour", "Servitude"],
        "vic_ForcedLabourIndustry": ["F_Construction"],
    }
    person = {"prs_Gender": "Masculine", "prs_Birthdate": "1988", "prs_Citizenship": ["UZ"]}
    add(refbus, tmp_path, 1, person=person, trafficking=trafficking, source_of_referral="x_HOTLINE")
    add(refbus, tmp_path, 2, person={"prs_Gender": "Masculine"}, trafficking={}, source_of_referral="NGO")
    found = counted(refbus)
    assert found["", "SEX", "Masculine"] == 2
    assert (found["", "AGE", "35-49"], found["", "AGE", "NOT_KNOWN"]) == (1, 1)
    assert (found["", "EXPLOITATION", "ForcedLabour"], found["", "EXPLOITATION", "Servitude"]) == (1, 1)
    assert (found["", "SECTOR", "F_Construction"], found["", "SECTOR", "NOT_KNOWN"]) == (1, 1)
    assert (found["", "REFERRER", "x_HOTLINE"], found["", "REFERRER", "NGO"]) == (1, 1)
    assert found["", "OUTCOME", "DRAFT"] == 2


def test_a_stated_age_counts_in_its_band(refbus: Commands, tmp_path: Path) -> None:
    """By the day on which it was stated and that on which the case came; two bands that are possible are none."""
    for number, aged in enumerate(({"stated_age": 15}, {"stated_age": 16, "stated_age_to": 19}, {"stated_age": 11})):
        add(refbus, tmp_path, number, person={"prs_Gender": "Feminine", "stated_age_on": "2026-03-01", **aged})
    found = counted(refbus)
    assert (found["", "AGE", "12-17"], found["", "AGE", "NOT_KNOWN"]) == (1, 2)


def test_a_period_has_its_first_and_its_last_day(refbus: Commands, tmp_path: Path) -> None:
    """A case counts on the day on which it was taken in, and by half-years each is by itself."""
    add(refbus, tmp_path, 1)
    refbus.world.clock.now_ms += 200 * DAY_MS
    add(refbus, tmp_path, 2)
    found = refbus.json(AGENCY, "counts", "--halves")
    assert list(found["periods"].values()) == [1, 1]
    first, second = found["periods"]
    assert first < second
    year, half = second.split("-H")
    begin = f"1.{1 if half == '1' else 7}.{year}"
    assert refbus.json(AGENCY, "counts", "--from", begin)["periods"] == {"": 1}
    assert refbus.json(AGENCY, "counts", "--to", "1.1.2000")["periods"] == {}
    assert Code.USAGE in refbus.run(AGENCY, "counts", "--from", "soon", ok=False).err


def test_practice_and_erased_cases_are_apart(refbus: Commands, tmp_path: Path) -> None:
    """A case of nobody counts only when practice is asked for; of an erased one only that it was."""
    add(refbus, tmp_path, 1, fictional=True)
    add(refbus, tmp_path, 2)
    refbus.run(AGENCY, "case", "erase", "2", "--yes", "--later")
    found = refbus.json(AGENCY, "counts")
    assert (found["periods"], found["erased"], found["rows"]) == ({}, 1, [])
    assert refbus.json(AGENCY, "counts", "--practice")["periods"] == {"": 1}


def test_for_others_only_who_agreed_is_counted(refbus: Commands, tmp_path: Path) -> None:
    """Without a consent that permits statistics without identity a case is left out; a withdrawn one leaves it out."""
    agreed = add(refbus, tmp_path, 1)
    other = add(refbus, tmp_path, 2)
    for path, counted in ((agreed, True), (other, False)):
        form = json.loads(consent_file()) | {"statistics": counted}
        refbus.run(AGENCY, "consent", "grant", path, "--file", file(tmp_path, "consent.json", json.dumps(form)))
    assert refbus.json(AGENCY, "counts")["periods"] == {"": 2}
    assert refbus.json(AGENCY, "counts", "--consented")["periods"] == {"": 1}
    refbus.run(AGENCY, "consent", "withdraw", "1", "--later")
    assert refbus.json(AGENCY, "counts", "--consented")["periods"] == {}


def test_what_became_of_a_case_is_where_its_referral_stands(refbus: Commands, tmp_path: Path) -> None:
    """A referral that was sent and not answered yet is told as such."""
    case = add(refbus, tmp_path, 1)
    refbus.run(AGENCY, "consent", "grant", case, "--file", file(tmp_path, "consent.json", consent_file()))
    refbus.run(AGENCY, "send", case)
    refbus.world.carry()
    refbus.run(SHELTER, "sync")
    assert counted(refbus)["", "OUTCOME", "REQUESTED"] == 1
    assert refbus.json(SHELTER, "counts")["periods"] == {}, "what others sent is theirs to count"


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_table_is_for_whoever_made_it_alone(refbus: Commands, tmp_path: Path, kind: str) -> None:
    """Every count is in it, in words and codes, and no other kind of file is written."""
    add(refbus, tmp_path, 1)
    out = tmp_path / f"counts.{kind}"
    told = refbus.run(AGENCY, "counts", "--out", str(out), "--lang", "ru")
    assert out.stat().st_mode & 0o077 == 0
    assert "Small numbers" not in told.out
    content = out.read_bytes()
    rows = (
        list(csv.reader(content.decode("utf-8-sig").splitlines()))
        if kind == "csv"
        else [
            [str(cell or "") for cell in row] for row in openpyxl.load_workbook(BytesIO(content)).worksheets[0].values
        ]
    )
    assert rows[0] == ["period", "by", "code", "name", "count"]
    counts = refbus.json(AGENCY, "counts")["rows"]
    assert [row[1:3] + row[4:] for row in rows[2:]] == [
        [each["by"], each["value"], str(each["count"])] for each in counts
    ]
    assert Code.USAGE in refbus.run(AGENCY, "counts", "--out", str(tmp_path / "a.doc"), ok=False).err
