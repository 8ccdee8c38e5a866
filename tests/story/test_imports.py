"""Cases of another system come in: what would come over is told first, and nothing is kept or sent without a yes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refbus.errors import Code
from refbus_gateway.actions import erasure, imports
from refbus_gateway.cases import casework
from refbus_gateway.exchange.facts import as_content
from refbus_gateway.forms.case_routing import FORMAT
from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands, file
from support.desks import desk_of
from support.gateways import World, case_file, consent_file
from support.imported import FILES, SERVICES, TWICE


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a world in which the agency has read the directory."""
    made = World(tmp_path)
    made.gateway(AGENCY).close()
    return made


@pytest.fixture
def refbus(world: World, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Give the command."""
    return Commands(world, capsys)


def answers(folder: Path) -> str:
    """Write what the other system does not say."""
    known = {**SERVICES, "recipient": {"organisation": SHELTER}}
    return file(folder, "answers.json", json.dumps(known))


def test_nothing_is_kept_before_a_yes(refbus: Commands, tmp_path: Path) -> None:
    """The report comes first; with --yes whoever can be kept is, once, and can be found by the number there."""
    source = str(FILES / "primero-referral.json")
    seen = refbus.json(AGENCY, "case", "import", source, "--answers", answers(tmp_path))
    assert seen["format"] == "primero"
    assert seen["kept"] == []
    assert refbus.json(AGENCY, "case", "list") == []
    kept = refbus.json(AGENCY, "case", "import", source, "--answers", answers(tmp_path), "--yes")["kept"]
    (case,) = refbus.json(AGENCY, "case", "list")
    assert ([case["case"]], case["file_number"]) == (kept, "00a1170")
    again = refbus.json(AGENCY, "case", "import", source, "--answers", answers(tmp_path), "--yes")
    assert (again["kept"], again["persons"][0]["known_as"]) == ([], kept[0])


def test_a_file_number_is_kept_once(refbus: Commands, tmp_path: Path) -> None:
    """Two rows with one number are refused with both named, and only the third is kept; the file again keeps nobody."""
    table, known = file(tmp_path, "twice.csv", TWICE), answers(tmp_path)
    ran = refbus.run(AGENCY, "case", "import", table, "--answers", known, "--yes")
    assert "row 2 and row 3 have the same file number" in ran.out
    assert [case["file_number"] for case in refbus.json(AGENCY, "case", "list")] == ["A-2"]
    again = refbus.json(AGENCY, "case", "import", table, "--answers", known, "--yes")
    assert (again["kept"], [one["known_as"] for one in again["persons"]]) == ([], [None, None, 1])
    other = file(tmp_path, "other.csv", TWICE.replace("A-1,Sample", "A-2,Sample").replace("A-2,Another", "A-3,Another"))
    third = refbus.json(AGENCY, "case", "import", other, "--answers", known, "--yes")
    assert ([one["known_as"] for one in third["persons"]], len(third["kept"])) == ([None, 1, None], 2)


def test_whoever_was_kept_after_the_report_is_not_kept_again(world: World) -> None:
    """Two workers look at the same file, and both say yes: each person is kept once."""
    own = world.gateway(AGENCY)
    desk, actor = desk_of(world, own)
    known = {**SERVICES, "recipient": {"organisation": SHELTER}}
    first, second = (
        imports.preview(desk, actor, TWICE.encode(), answers=known | more) for more in ({}, {"about": "x"})
    )
    assert [len(imports.keep(desk, actor, seen).kept) for seen in (first, second)] == [1, 0]
    own.close()


PRIMERO = {"case_id_display": "00a1", "name_first": "Fictional"}
ADULTS = {**SERVICES, "recipient": {"organisation": SHELTER}, "person": {"is_minor": False}}
ADULTS["adult_judgement"] = {"reason": "Fictional: papers were seen", "judged_by_role": "SOCIAL_WORKER"}
CHILD = {"about": "age = 14; registration_date = 2026-06-01", "is_minor": True}
ADULT = {"about": "age = 36", "prs_Birthdate": "1990-04-03", "is_minor": False, "judged": True}
OPEN = {"about": "age = 12", "prs_Birthdate": "2008", "is_minor": False, "judged": True}


def kept_before(told: dict[str, Any]) -> bytes:
    """Return the case file that an earlier program made: the age in the note, and a child for certain told as one."""
    known = {name: value for name, value in ADULTS.items() if name not in {"person", "adult_judgement"}}
    person = {name: value for name, value in told.items() if name not in {"about", "judged"}}
    case = {"format": FORMAT, **known, "file_number": "00a1", "reference": "00a1", "about": told["about"]}
    case |= {"adult_judgement": ADULTS["adult_judgement"]} if told.get("judged") else {}
    return as_content({**case, "person": {"prs_FirstName": "Fictional", **person}})


@pytest.mark.parametrize("erased", [True, False], ids=["erased", "kept"])
@pytest.mark.parametrize(
    ("facts", "before"),
    [
        ({"age": 14, "registration_date": "2026-06-01"}, CHILD),
        ({"date_of_birth": "1990-04-03", "age": 36}, ADULT),
        ({"date_of_birth": "2008", "age": 12}, OPEN),
    ],
    ids=["a child", "an adult", "an open birth date"],
)
def test_whoever_an_earlier_program_kept_is_found(
    world: World, facts: dict[str, Any], before: dict[str, Any], erased: bool
) -> None:
    """The same file after an update keeps nobody twice, and brings back nobody who was erased."""
    own = world.gateway(AGENCY)
    desk, actor = desk_of(world, own)
    with own.store.write() as tx:
        case = casework.add_case(own, tx, kept_before(before))
        if not erased:  # the worker changed the number there, so that only the name of the case can find it
            changed = json.loads(kept_before(before)) | {"file_number": "changed"}
            casework.update_case(own, tx, case, as_content(changed))
    if erased:
        erasure.erase(desk, actor, case.id)
    (told,) = (seen := imports.preview(desk, actor, primero(facts), answers=ADULTS)).report.persons
    assert told.known_as == (None if erased else case.id)
    apart = [Code.AGE_CONTRADICTS] if before is OPEN else []
    assert [each.code for each in told.problems] == apart + ([Code.KEY_DESTROYED] if erased else [])
    assert imports.keep(desk, actor, seen).kept == ()
    own.close()


@pytest.mark.parametrize(
    "facts", [{"date_of_birth": "1990-04-03", "age": 36}, {"age": 14}, {"age": 30, "registration_date": "2026"}]
)
def test_whoever_was_erased_does_not_come_back_on_another_day(world: World, facts: dict[str, Any]) -> None:
    """Whether or not the day of import was in the case."""
    own = world.gateway(AGENCY)
    desk, actor = desk_of(world, own)
    (case,) = imports.keep(desk, actor, imports.preview(desk, actor, primero(facts), answers=ADULTS)).kept
    erasure.erase(desk, actor, case)
    for hours in (0, 50):
        world.clock.move(hours=hours)
        seen = imports.preview(desk, actor, primero(facts), answers=ADULTS)
        assert [each.code for each in seen.report.persons[0].problems] == [Code.KEY_DESTROYED]
    own.close()


def primero(facts: dict[str, Any]) -> bytes:
    """Return a file of Primero with one person."""
    return json.dumps({"data": [PRIMERO | facts]}).encode()


def test_a_consent_there_permits_nothing_here(refbus: Commands, tmp_path: Path) -> None:
    """A case whose file said that the person consents is not sent: the person is asked here."""
    source = str(FILES / "fhir-bundle.json")
    ran = refbus.run(AGENCY, "case", "import", source, "--answers", answers(tmp_path), "--yes")
    assert "a consent of another system is none here" in ran.out
    sent = refbus.run(AGENCY, "send", "1", ok=False)
    assert Code.NO_CONSENT in sent.err


def test_whoever_lacks_something_becomes_a_draft(refbus: Commands, tmp_path: Path) -> None:
    """Without answers nobody can be kept, and the command says so; drafts are for whoever wrote them alone."""
    source = str(FILES / "htcds-plain.xlsx")
    ran = refbus.run(AGENCY, "case", "import", source, "--yes", ok=False)
    assert "services_requested" in ran.out
    refbus.run(AGENCY, "case", "import", source, "--drafts", str(tmp_path / "drafts"))
    draft = tmp_path / "drafts" / "001.json"
    assert draft.stat().st_mode & 0o077 == 0
    completed = {**json.loads(draft.read_text(encoding="utf-8")), **SERVICES}
    refbus.run(AGENCY, "case", "add", file(tmp_path, "completed.json", json.dumps(completed)))


def test_a_table_of_ones_own_is_read_with_a_mapping(refbus: Commands, tmp_path: Path) -> None:
    """A table that nobody knows here is refused, and read with a file that says what its columns mean."""
    source = str(FILES / "nrm-form.csv")
    refused = refbus.run(AGENCY, "case", "import", source, ok=False)
    assert Code.UNKNOWN_VALUE in refused.err
    mapping = str(FILES / "nrm-form.mapping.json")
    kept = refbus.json(AGENCY, "case", "import", source, "--mapping", mapping, "--answers", answers(tmp_path), "--yes")
    assert kept["kept"] == [1]
    person = refbus.json(AGENCY, "case", "file", "1")["person"]
    assert (person["prs_Citizenship"], person["prs_PrimaryLanguage"]) == (["UZ"], "uzb")


def test_a_file_that_is_too_large_is_not_read(refbus: Commands, tmp_path: Path) -> None:
    """A hundred megabytes are refused by their size alone."""
    source = tmp_path / "large.csv"
    with source.open("wb") as large:
        large.truncate(100 * 1024 * 1024)
    assert Code.TOO_LARGE in refbus.run(AGENCY, "case", "import", str(source), ok=False).err


@pytest.mark.parametrize("wanted", ["refbus-csv", "htcds", "fhir-r4"])
def test_an_own_case_goes_out_for_its_worker_alone(refbus: Commands, tmp_path: Path, wanted: str) -> None:
    """The file is private, comes in again elsewhere, and has no consent; a received case does not go out so."""
    kept = file(tmp_path, "case.json", json.dumps({**json.loads(case_file()), "file_number": "A-1"}))
    refbus.run(AGENCY, "case", "add", kept)
    out = tmp_path / "out"
    told = refbus.run(AGENCY, "case", "export", "1", "--format", wanted, "--out", str(out))
    assert "delete it when you no longer need it" in told.out
    assert out.stat().st_mode & 0o077 == 0
    seen = refbus.json(SHELTER, "case", "import", str(out), "--answers", answers(tmp_path))
    assert seen["format"] == wanted
    assert seen["persons"][0]["refused"] == []
    assert Code.USAGE in refbus.run(AGENCY, "case", "export", "1", "--format", "no", "--out", str(out), ok=False).err


def test_a_received_case_is_not_exported(refbus: Commands, tmp_path: Path) -> None:
    """What another organisation sent goes on by a referral, with consent, and in no other way."""
    case = file(tmp_path, "case.json", case_file())
    refbus.run(AGENCY, "consent", "grant", case, "--file", file(tmp_path, "consent.json", consent_file()))
    refbus.run(AGENCY, "send", case)
    refbus.world.carry()
    refbus.run(SHELTER, "sync")
    received = refbus.json(SHELTER, "case", "list")[0]["case"]
    out = str(tmp_path / "out")
    ran = refbus.run(SHELTER, "case", "export", str(received), "--format", "htcds", "--out", out, ok=False)
    assert Code.CASE_UNKNOWN in ran.err
    assert not Path(out).exists()


def test_somebody_who_was_erased_keeps_nobody_else_out(refbus: Commands, tmp_path: Path) -> None:
    """The file is brought again after one of its persons was erased: that one stays out, a new one comes in."""
    heads = "fictional,responsible_worker_role,file_number,person.is_minor,services_requested"
    rows = [f"true,CASE_MANAGER,{number},false,SocialCare" for number in ("A-1", "A-2")]
    known = answers(tmp_path)
    first = file(tmp_path, "first.csv", "\n".join((heads, rows[0])))
    (case,) = refbus.json(AGENCY, "case", "import", first, "--answers", known, "--yes")["kept"]
    refbus.run(AGENCY, "erase", str(case), "--yes", "--later")
    both = file(tmp_path, "both.csv", "\n".join((heads, *rows)))
    again = refbus.json(AGENCY, "case", "import", both, "--answers", known, "--yes")
    assert [[each["code"] for each in one["problems"]] for one in again["persons"]] == [[Code.KEY_DESTROYED], []]
    assert len(again["kept"]) == 1
