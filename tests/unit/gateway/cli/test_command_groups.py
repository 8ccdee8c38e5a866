"""The groups of the command that set up and look after a home."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from refbus.core.ids import OrgId
from refbus.core.placeholder import placeholders
from refbus.errors import Code, SetupError
from refbus.said import said
from refbus.trust.member.enrolment import check_answer, make_challenge
from refbus.trust.publisher import changes
from refbus_gateway.home.folder import Home
from refbus_gateway.store import alarms
from refbus_gateway.sync.daemon import Daemon
from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands, file
from support.gateways import Pair, World, case_file, consent_file


@pytest.fixture
def refbus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Give the command in a world whose agency has read the directory."""
    world = World(tmp_path)
    world.gateway(AGENCY).close()
    return Commands(world, capsys)


def test_a_home_from_nothing_to_its_first_directory(refbus: Commands, tmp_path: Path) -> None:
    """init, answer, trust, directory, connect, notify, show: what an administrator types on the first day."""
    world, place = refbus.world, tmp_path / "newcomer"

    def run(*arguments: str) -> str:
        environ = {"REFBUS_HOME": str(place), "REFBUS_PASSPHRASE_FILE": str(refbus.passphrase)}
        return refbus.bare(*arguments, environ=environ).out

    made = json.loads(
        run(
            "keys",
            "init",
            "--country",
            "uz",
            "--label",
            "Fictional",
            "--service",
            "Legal",
            "--out",
            str(tmp_path / "r"),
            "--json",
        )
    )
    request = Path(made["request"]).read_bytes()
    assert (tmp_path / "r").read_bytes() == request
    challenge, pending = make_challenge(request)
    run("keys", "answer", file(tmp_path, "challenge.json", challenge), "--out", str(tmp_path / "answer.json"))
    publication = world.lab.publication(world.clock())
    changes.enrol(publication, check_answer(pending, (tmp_path / "answer.json").read_bytes(), request))
    world.lab.publish(publication)
    run("home", "trust", str(world.lab.paths.root))
    assert "is in force" in run("home", "directory", str(world.lab.paths.repository))
    run("home", "connect", "--bootstrap", "127.0.0.1:9092")
    run("home", "notify", "--every", "60", "--", "notify-send", "Referral Bus")
    shown = json.loads(run("home", "show", "--json"))
    assert (shown["org_id"], shown["bootstrap"]) == (made["org_id"], "127.0.0.1:9092")
    assert shown["notify_command"] == ["notify-send", "Referral Bus"]
    keys = json.loads(run("keys", "show", "--json"))["keys"]
    assert [key["usable"] for key in keys] == [True, True]
    assert json.loads(run("orgs", "show", str(SHELTER), "--json"))["role"] == "NGO"


def test_keys_are_rotated_by_a_file_for_the_ceremony(refbus: Commands, tmp_path: Path) -> None:
    """The update holds public keys only; nothing is destroyed before its time."""
    refbus.run(AGENCY, "keys", "rotate", "--kem", "--signing", "--out", str(tmp_path / "update.json"))
    update = json.loads((tmp_path / "update.json").read_bytes())
    assert (len(update["signing_keys"]), len(update["kem_keys"])) == (1, 1)
    assert refbus.json(AGENCY, "keys", "prune") == {"destroyed": []}
    assert sum(key["listed"] for key in refbus.json(AGENCY, "keys", "show")["keys"]) == 2


def test_a_backup_and_its_return(refbus: Commands, tmp_path: Path) -> None:
    """It comes back on a clean computer as it was; a home that is sound keeps what came later."""
    first = refbus.json(AGENCY, "case", "add", file(tmp_path, "one.json", case_file(about="Fictional: one")))["case"]
    refbus.run(AGENCY, "backup", str(tmp_path / "backup"))
    second = refbus.json(AGENCY, "case", "add", file(tmp_path, "two.json", case_file(about="Fictional: two")))["case"]
    restored = refbus.json(AGENCY, "restore", str(tmp_path / "backup"))
    assert (restored["org_id"], restored["kept_store"], restored["proven"]) == (AGENCY, True, True)
    assert {each["case"] for each in refbus.json(AGENCY, "case", "list")} == {first, second}
    elsewhere = str(tmp_path / "elsewhere")
    restored = refbus.json(AGENCY, "--home", elsewhere, "restore", str(tmp_path / "backup"))
    assert (restored["home"], restored["kept_store"], restored["before"]) == (elsewhere, False, None)
    assert [each["case"] for each in refbus.json(AGENCY, "--home", elsewhere, "case", "list")] == [first]


def test_a_case_is_updated_and_erased(refbus: Commands, tmp_path: Path) -> None:
    """Erasing asks first, cannot be undone, and the list says so."""
    number = str(refbus.json(AGENCY, "case", "add", file(tmp_path, "one.json", case_file()))["case"])
    edited = case_file(reason_details="Fictional: edited")
    refbus.run(AGENCY, "case", "update", number, file(tmp_path, "edited.json", edited))
    assert "Fictional: edited" in refbus.run(AGENCY, "case", "show", number).out
    assert "nothing of it can be read here" in refbus.run(AGENCY, "case", "erase", number, "--yes").out
    assert "erased" in refbus.run(AGENCY, "case", "list").out
    assert "KEY_DESTROYED" in refbus.run(AGENCY, "case", "show", number, ok=False).err


def test_an_empty_case_file_explains_every_field(refbus: Commands) -> None:
    """`case new` prints a form whose help names each field."""
    form = json.loads(refbus.bare("case", "new").out)
    assert form["format"] == "refbus-case/1"
    explained = {name.removesuffix("[]") for name in form["help"]}
    assert set(form) - {"format"} <= explained


@pytest.mark.parametrize("arguments", [("case", "new"), ("return", "template", "plan")])
def test_an_empty_file_is_explained_in_the_language_of_whoever_fills_it(
    refbus: Commands, arguments: tuple[str, ...]
) -> None:
    """Each field, and what must be filled stays marked; names of fields and codes are the same everywhere."""
    english = json.loads(refbus.bare(*arguments).out)
    for language, letters in (("ru", "[а-я]"), ("uz", "[a-z]")):
        form = json.loads(refbus.bare(*arguments, "--lang", language).out)
        assert form.keys() == english.keys()
        assert list(placeholders({**form, "help": {}})) == list(placeholders({**english, "help": {}}))
        same = [name for name, text in english["help"].items() if form["help"][name] == text]
        assert (same, [name for name, text in form["help"].items() if not re.search(letters, text)]) == ([], [])


def test_an_alarm_is_told_with_its_next_step_and_cleared(refbus: Commands) -> None:
    """Each alarm has a number, a code and what to do; clearing leaves the others."""
    gateway = refbus.world.gateway(AGENCY)
    with gateway.store.write() as tx:
        for code in (Code.INBOX_GAP, Code.CLOCK_SKEW):
            alarms.raise_alarm(tx, code, said("records %(first)s to %(last)s", first=1, last=2), gateway.now_ms())
    gateway.close()
    shown = refbus.run(AGENCY, "alarms").out
    assert "INBOX_GAP  records 1 to 2" in shown
    assert "INBOX_GAP  записи с 1 по 2" in refbus.run(AGENCY, "alarms", "--lang", "ru").out
    assert "2 alarms" in refbus.run(AGENCY, "status").out
    left = refbus.json(AGENCY, "alarms", "--clear", "1")
    assert [each["code"] for each in left] == ["CLOCK_SKEW"]


def test_the_daemon_stops_when_it_is_told(refbus: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """`refbus run` holds the home's line, serves metrics, and ends cleanly on SIGTERM."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    real = Daemon.run
    second: list[Code] = []

    def run(daemon: Daemon, stop: Callable[[], bool]) -> None:
        try:
            with refbus.world.home(AGENCY).exclusive():
                pass
        except SetupError as error:
            second.append(error.code)
        os.kill(os.getpid(), signal.SIGTERM)
        real(daemon, stop)

    monkeypatch.setattr(Daemon, "run", run)
    try:
        ran = refbus.run(AGENCY, "run", "--json", REFBUS_METRICS_PORT="0")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    first, last = ran.out.splitlines()
    assert second == [Code.HOME_IN_USE]
    assert json.loads(first)["metrics_port"] > 0
    assert json.loads(last) == {"running": False}


def test_an_option_beside_a_file_is_never_passed_over(refbus: Commands, tmp_path: Path) -> None:
    """What is in both is refused by its name, the same value too, before anything is looked for."""
    content = json.dumps({"valid_until_ms": "10.12.2026 08:00"})
    given = ("--file", file(tmp_path, "risks.json", content), "--valid-until", "2026-12-10 08:00")
    told = refbus.run(AGENCY, "return", "assess", "1", *given, ok=False).err
    assert told.startswith("error: USAGE ")
    assert "given twice, in the file and as an option: valid_until_ms" in told


def test_an_answer_can_come_from_a_file(refbus: Commands, tmp_path: Path) -> None:
    """Long answers are typed into a file with the same fields; files of evidence go that way too."""
    world = refbus.world
    case = file(tmp_path, "case.json", case_file())
    refbus.run(AGENCY, "consent", "grant", case, "--file", file(tmp_path, "consent.json", consent_file()))
    refbus.run(AGENCY, "send", case)
    world.carry()
    refbus.run(SHELTER, "sync")
    accepted = {"responsible_worker_role": "LAWYER", "meeting": {"place": "Fictional office"}}
    refbus.run(SHELTER, "inbox", "accept", "1", "--file", file(tmp_path, "answer.json", json.dumps(accepted)))
    booked_at = {"service": "Legal", "at_ms": "2026-10-01T10:00+05:00"}
    refbus.run(SHELTER, "inbox", "appointment", "1", "--file", file(tmp_path, "b.json", json.dumps(booked_at)))
    world.carry()
    refbus.run(AGENCY, "sync")
    shown = refbus.json(AGENCY, "inbox", "show", "1")
    assert shown["state"] == "ACCEPTED"
    assert "Fictional office" in json.dumps(shown["events"], ensure_ascii=False)
    booked = next(each["event"] for each in shown["events"] if each["type"] == "ServiceAppointmentBooked")
    there = refbus.json(SHELTER, "inbox", "show", "1")["events"]
    mine = next(each["event"] for each in there if each["type"] == "ServiceAppointmentBooked")
    refbus.run(SHELTER, "inbox", "missed", "1", "--appointment-event", str(mine))
    assert booked
    assert "REFERRAL_UNKNOWN" in refbus.run(SHELTER, "inbox", "missed", "1", "--appointment-event", "999", ok=False).err


def test_who_must_never_know_is_kept_here(refbus: Commands, tmp_path: Path) -> None:
    """`case add --deny` notes an organisation; sending to it is refused whatever a consent says."""
    case = file(tmp_path, "case.json", case_file())
    refbus.run(AGENCY, "case", "add", case, "--deny", SHELTER)
    refbus.run(AGENCY, "consent", "grant", case, "--file", file(tmp_path, "consent.json", consent_file()))
    assert "EXPLICIT_DENY" in refbus.run(AGENCY, "send", case, ok=False).err
    assert OrgId(SHELTER).encode() not in b"".join(each.value for each in refbus.world.bus.records("kz.outbox"))


def test_the_daemon_asks_for_the_passphrase_while_an_interrupt_still_ends_it(
    refbus: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at the question stops the command; only a running daemon takes it as the order to finish."""
    seen: list[object] = []

    def ask(*_args: object, **_options: object) -> str:
        seen.append(signal.getsignal(signal.SIGINT))
        raise click.Abort

    monkeypatch.setattr("click.prompt", ask)
    home = str(refbus.world.lab.paths.home(AGENCY))
    before = signal.getsignal(signal.SIGINT)
    assert refbus.bare("run", environ={"REFBUS_HOME": home}, ok=False).err.strip() == "stopped"
    assert seen == [before]


def test_a_change_of_somebody_else_is_not_lost(refbus: Commands, tmp_path: Path) -> None:
    """Two edit the same case: the second is told, takes the case of today, and both changes stand."""
    number = str(refbus.json(AGENCY, "case", "add", file(tmp_path, "case.json", case_file()))["case"])

    def edited(name: str, **changes: object) -> str:
        document = json.loads(refbus.run(AGENCY, "case", "file", number).out)
        return file(tmp_path, name, json.dumps({**document, **changes}, ensure_ascii=False))

    first = edited("first.json", reason_details="Fictional: first")
    second = edited("second.json", needs_details="Fictional: second")
    told = refbus.json(AGENCY, "case", "update", number, first)
    for late in (second, file(tmp_path, "old.json", case_file(needs_details="Fictional: third"))):
        refused = refbus.run(AGENCY, "case", "update", number, late, ok=False)
        assert "CASE_CHANGED" in refused.err
        assert told["revision"] in refused.err
    refbus.run(AGENCY, "case", "update", number, edited("again.json", needs_details="Fictional: second"))
    shown = refbus.run(AGENCY, "case", "show", number).out
    assert "Fictional: first" in shown
    assert "Fictional: second" in shown
    now = json.loads(refbus.run(AGENCY, "case", "file", number).out)["revision"]
    plain = file(tmp_path, "plain.json", case_file(reason_details="Fictional: mine"))
    refbus.run(AGENCY, "case", "update", number, plain, "--replaces", now)
    assert "Fictional: second" not in refbus.run(AGENCY, "case", "show", number).out


def test_a_command_looks_three_times_whether_its_home_is_whole(
    own: Pair, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anybody is asked for a passphrase, before it is tried, and before the home is opened."""
    looks, require = list[Path](), Home.require

    def look(home: Home) -> None:
        looks.append(home.path)
        require(home)

    monkeypatch.setattr(Home, "require", look)
    Commands(own.world, capsys).run(AGENCY, "status")
    assert looks == [own.world.lab.paths.home(AGENCY)] * 3
