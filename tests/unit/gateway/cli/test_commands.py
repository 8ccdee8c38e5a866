"""Bad input at the command line: a code, what it means, the next step; nothing secret, no traceback, nothing lost."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from refbus.core.vocabulary import DataCategory
from refbus.errors import Code
from refbus_gateway.cli.main import COMMANDS, with_runtime
from refbus_gateway.cli.runtime import Runtime
from support.ceremonies import AGENCY, PASSPHRASE, SHELTER
from support.commands import Commands, Ran, file
from support.gateways import World, case_file, consent_file

SECRET = "Тўқима-сир-1987"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Give a world in which the agency has read the directory."""
    made = World(tmp_path_factory.mktemp("commands"))
    made.gateway(AGENCY).close()
    return made


@pytest.fixture
def refbus(world: World, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Give the command."""
    return Commands(world, capsys)


def told(ran: Ran, code: Code) -> Ran:
    """Check that a failure is told as it should be: two lines or more, coded, with a hint, without a traceback."""
    lines = ran.err.splitlines()
    assert [line for line in lines if line.startswith(f"error: {code} ")], ran
    assert lines[-1].startswith("hint:"), ran
    assert "Traceback" not in ran.err + ran.out
    assert SECRET not in ran.err + ran.out
    assert PASSPHRASE not in ran.err + ran.out
    return ran


def every_command(group: click.Group, ctx: click.Context, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command."""
    for name in group.list_commands(ctx):
        found = group.get_command(ctx, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from every_command(found, ctx, (*path, name))
        else:
            yield (*path, name)


def test_every_command_explains_itself_with_an_example(refbus: Commands) -> None:
    """`--help` works for each command, without a home, and shows how it is used."""
    group = with_runtime(Runtime({}, lambda: 0))
    names = list(every_command(group, click.Context(group)))
    assert len(names) > 40
    for words in names:
        shown = refbus.bare(*words, "--help").out
        assert "Example:" in shown, words
        assert " ".join(words) in shown.split("Example:")[1], words


@pytest.mark.parametrize("words", [(), ("case",), ("consent",), ("inbox",), ("return",)])
def test_a_group_alone_shows_what_is_in_it(refbus: Commands, words: tuple[str, ...]) -> None:
    """Its help, line by line, and the exit status of a command that was not given as it should be."""
    shown = refbus.bare(*words, "--help").out
    ran = refbus.bare(*words, ok=False)
    assert (ran.err.strip(), ran.out) == (shown.strip(), "")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [(("cas",), "case"), (("Status",), "status"), (("case", "nw"), "new"), (("inbox", "aks"), "ask")],
)
def test_a_mistyped_command_is_answered_with_the_one_meant(
    refbus: Commands, typed: tuple[str, ...], meant: str
) -> None:
    """It asks "did you mean ...?" at every level, for people and scripts."""
    assert f"Did you mean {meant}?" in told(refbus.bare(*typed, ok=False), Code.USAGE).err
    assert f"Did you mean {meant}?" in refbus.bare(*typed, "--json", ok=False).value["error"]["detail"]


def test_a_command_near_to_none_is_given_no_other(refbus: Commands) -> None:
    """No guess is better than a wild one."""
    assert "Did you mean" not in told(refbus.bare("xyzzyx", ok=False), Code.USAGE).err


def test_the_values_of_an_option_are_named_whole(refbus: Commands) -> None:
    """A list of what can be written is not cut."""
    ran = refbus.run(AGENCY, "emergency", "invoke", "1", "--category", "NOTHING", ok=False)
    told(ran, Code.USAGE)
    assert [str(each) for each in DataCategory if f"'{each}'" not in ran.err] == []


@pytest.mark.parametrize(
    ("arguments", "packages"),
    [
        ("--help", {"cli", "words"}),
        ("inbox list --help", {"cli", "forms", "words"}),
        ("return begin --help", {"cli", "forms", "words"}),
    ],
)
def test_help_loads_what_it_says_and_nothing_else(arguments: str, packages: set[str]) -> None:
    """It is fast: of other libraries click alone is imported, of our own the commands and what their options need."""
    script = "import sys\nfrom refbus_gateway.cli import main\nmain(%r)\nprint(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", script % arguments.split()], capture_output=True, text=True, check=True, env={}
    )
    loaded = ran.stdout.splitlines()[-1].split()
    others = {name.split(".")[0] for name in loaded} - sys.stdlib_module_names - {"__main__"}
    assert {name for name in others if not name.startswith("_")} == {"click", "refbus", "refbus_gateway"}
    assert {name.split(".")[1] for name in loaded if name.startswith("refbus_gateway.")} == packages
    assert not {"email", "importlib.metadata", "importlib.resources", "zipfile", "asyncio", "sqlite3"} & set(loaded)


def test_every_command_is_listed() -> None:
    """The list of the help is the list of the commands."""
    assert set(COMMANDS) >= {"home", "keys", "case", "consent", "send", "inbox", "status", "orgs", "sync", "run"}


IN_DANGER = ("--ground", "MEDICAL_EMERGENCY", "--first", "abcd", "--second", "ef01")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("nonsense",), Code.USAGE),
        (("send",), Code.USAGE),
        (("inbox", "show", "one"), Code.USAGE),
        (("inbox", "list", "--nonsense"), Code.USAGE),
        (("status", "--lang", "xx"), Code.USAGE),
        (("status", "99"), Code.REFERRAL_UNKNOWN),
        (("case", "erase", "99", "--yes"), Code.CASE_UNKNOWN),
        (("send", "99"), Code.CASE_UNKNOWN),
        (("send", "no-such-file.json"), Code.FILE_UNREADABLE),
        (("orgs", "show", "uz-00000000"), Code.ORGANISATION_UNKNOWN),
        (("orgs", "show", "Uz-She1ter1"), Code.ORGANISATION_UNKNOWN),
        (("return", "begin", "1", "--to", "nobody"), Code.CASE_UNKNOWN),
        (("return", "authorise", "99"), Code.REFERRAL_UNKNOWN),
        (("return", "depart", "99", "--expected", "2026-11-02"), Code.USAGE),
        (("return", "template", "nothing"), Code.USAGE),
        (("return", "show", "99"), Code.REFERRAL_UNKNOWN),
        (("consent", "withdraw", "99"), Code.CASE_UNKNOWN),
        (("consent", "amend", "99"), Code.USAGE),
        (("consent", "amend", "99", "--to", "nobody", "--stop", "HEALTH"), Code.ORGANISATION_UNKNOWN),
        (("consent", "show", "99"), Code.CASE_UNKNOWN),
        (("emergency", "invoke", "1", "--to", "nobody", *IN_DANGER), Code.ORGANISATION_UNKNOWN),
        (("emergency", "invoke", "1", "--to", "uz-she1ter1", *IN_DANGER), Code.EMERGENCY_OFF),
        (("emergency", "review", "99", "--result", "UPHELD", "--officer", "abcd"), Code.USAGE),
        (("officers", "add", "--role", "NOBODY"), Code.USAGE),
        (("officers", "remove", "abcd"), Code.USAGE),
        (("case", "disclosures", "99"), Code.CASE_UNKNOWN),
        (("case", "told", "99", "--how", "PHONE"), Code.CASE_UNKNOWN),
        (("stats", "no-such-file.json"), Code.FILE_UNREADABLE),
        (("alarms", "--clear", "99"), Code.USAGE),
        (("inbox", "acknowledge", "99", "STOPPED"), Code.REFERRAL_UNKNOWN),
        (("inbox", "accept", "99", "--responsible-worker-role", "SOCIAL_WORKER"), Code.REFERRAL_UNKNOWN),
        (("inbox", "accept", "1", "--expected-by", "tomorrow"), Code.USAGE),
        (("inbox", "provide", "1", "--file", "no-such-file.json"), Code.FILE_UNREADABLE),
        (("home", "connect", "--bootstrap", "broker.example:9092"), Code.UNSAFE_SETTING),
        (("home", "connect", "--bootstrap", "nonsense"), Code.SETTINGS_INVALID),
        (("keys", "rotate", "--out", "update.json"), Code.USAGE),
        (("restore", "no-such-folder"), Code.FILE_UNREADABLE),
    ],
    ids=lambda value: "" if isinstance(value, Code) else " ".join(value),
)
def test_a_mistake_is_told_with_the_next_step(refbus: Commands, arguments: tuple[str, ...], code: Code) -> None:
    """Whatever was typed, one coded answer with a hint."""
    told(refbus.run(AGENCY, *arguments, ok=False), code)


def test_a_home_that_is_none(refbus: Commands, tmp_path: Path) -> None:
    """HOME_NOT_FOUND for no folder, an empty folder, and none named at all."""
    told(refbus.bare("status", ok=False), Code.HOME_NOT_FOUND)
    told(refbus.bare("--home", str(tmp_path), "status", ok=False), Code.HOME_NOT_FOUND)
    told(refbus.bare("status", "--home", str(tmp_path / "none"), ok=False), Code.HOME_NOT_FOUND)


def test_a_wrong_passphrase(refbus: Commands, tmp_path: Path) -> None:
    """KEYFILE_WRONG_PASSPHRASE, and the passphrase that was tried is not repeated."""
    wrong = Path(file(tmp_path, "passphrase", SECRET + "\n"))
    wrong.chmod(0o600)
    told(refbus.run(AGENCY, "status", "--passphrase-file", str(wrong), ok=False), Code.KEYFILE_WRONG_PASSPHRASE)


def test_a_passphrase_file_that_others_can_read(refbus: Commands, tmp_path: Path) -> None:
    """KEYFILE_UNSAFE before anything is opened with it."""
    loose = Path(file(tmp_path, "passphrase", PASSPHRASE))
    loose.chmod(0o644)
    told(refbus.run(AGENCY, "status", "--passphrase-file", str(loose), ok=False), Code.KEYFILE_UNSAFE)


def test_an_unknown_setting_is_a_mistake(refbus: Commands) -> None:
    """A misspelt REFBUS_ name is told, not passed over."""
    told(refbus.run(AGENCY, "status", ok=False, REFBUS_HOEM="x"), Code.SETTINGS_INVALID)


def test_a_file_of_a_gigabyte_is_refused_by_its_size(refbus: Commands, tmp_path: Path) -> None:
    """TOO_LARGE, judged before it is read."""
    huge = tmp_path / "huge.json"
    with huge.open("wb") as handle:
        handle.truncate(1 << 30)
    for arguments in (("case", "add", str(huge)), ("consent", "grant", "1", "--file", str(huge))):
        ran = refbus.run(AGENCY, *arguments, ok=False)
        assert "TOO_LARGE" in ran.err or "CASE_UNKNOWN" in ran.err
    told(refbus.run(AGENCY, "case", "add", str(huge), ok=False), Code.TOO_LARGE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe{}",
        b'{"format": "refbus-case/1", "a": NaN}',
        b'{"a": 1, "a": 2}',
        b"[" * 5000,
    ],
    ids=["empty", "cut off", "a list", "null", "UTF-16", "NaN", "twice", "deep"],
)
def test_a_file_that_is_no_case(refbus: Commands, tmp_path: Path, content: bytes) -> None:
    """CASE_INVALID for whatever is not a JSON object in UTF-8."""
    told(refbus.run(AGENCY, "case", "add", file(tmp_path, "case.json", content), ok=False), Code.CASE_INVALID)


def test_every_mistake_of_a_case_file_is_listed_at_once(refbus: Commands, tmp_path: Path) -> None:
    """Path and advice for each, never the value; as text and as JSON."""
    path = file(
        tmp_path,
        "case.json",
        case_file(priority="NOW", person={"prs_FirstName": 7, "prs_Gender": SECRET}, services_requested=[]),
    )
    ran = refbus.run(AGENCY, "case", "add", path, ok=False)
    assert [line for line in ran.err.splitlines() if "person.prs_Gender" in line]
    assert [line for line in ran.err.splitlines() if "services_requested" in line]
    assert SECRET not in ran.err
    problems = refbus.run(AGENCY, "case", "add", path, "--json", ok=False).value["problems"]
    assert {"priority", "person.prs_FirstName", "person.prs_Gender"} <= {each["path"] for each in problems}


@pytest.mark.parametrize(
    "name",
    ["Тўқима", "Қазақ әліпбиі", "Ўзбекча ёзув", "Türkmençe ýazuw", "Тоҷикӣ ҳарф", "عربي", "漢字", "e\u0301", "👩‍👧"],
)
def test_text_in_any_script_goes_in_and_is_shown(refbus: Commands, tmp_path: Path, name: str) -> None:
    """Names of the region and beyond are kept letter by letter (in NFC)."""
    path = file(
        tmp_path, "case.json", case_file(person={"prs_FirstName": name, "prs_Birthdate": "1991", "is_minor": False})
    )
    case = refbus.json(AGENCY, "case", "add", path)["case"]
    assert unicodedata.normalize("NFC", name) in refbus.run(AGENCY, "case", "show", str(case)).out


def test_a_consent_form_with_mistakes(refbus: Commands, tmp_path: Path) -> None:
    """Every field that is missing or wrong is named; nothing is filled in."""
    case = file(tmp_path, "case.json", case_file(about="Fictional: consent mistakes"))
    bad = file(
        tmp_path, "consent.json", consent_file(state="YES", informed=["PURPOSE", "NONE"], grantor={"kind": "PARENT"})
    )
    ran = refbus.run(AGENCY, "consent", "grant", case, "--file", bad, ok=False)
    for path in ("state", "informed", "grantor.authority_evidence", "grantor.authority_until"):
        assert [line for line in ran.err.splitlines() if line.strip().startswith(path)], path
    withdrawn = file(tmp_path, "withdrawn.json", consent_file(state="WITHDRAWN"))
    taken = refbus.run(AGENCY, "consent", "grant", case, "--file", withdrawn).out  # a no counts wherever it stands
    assert "refbus consent withdraw" in taken
    assert "REFUSED. It counts from now on" in taken


def test_the_consent_form_asks_and_answers_nothing(refbus: Commands, tmp_path: Path) -> None:
    """The printed form is not a consent: given back as it is, every answer of the person is missing."""
    case = file(tmp_path, "case.json", case_file(about="Fictional: empty form"))
    form = refbus.run(AGENCY, "consent", "new", case).out
    assert json.loads(form)["organisation"] == SHELTER
    ran = refbus.run(AGENCY, "consent", "grant", case, "--file", file(tmp_path, "form.json", form), ok=False)
    assert "state" in ran.err
    assert "interpreter" in ran.err


def test_consent_taken_down_by_questions(refbus: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guided way makes the same record as a file: what was answered, and no more."""
    case = file(tmp_path, "case.json", case_file(about="Fictional: asked", health={"summary": "Fictional"}))
    categories = ["y", "n", "y", "n"]  # HEALTH, IDENTITY, SERVICE_NEEDS; of answers: LOCATION_SAFE
    form = ["referral-1", "ru", "2027-01-01", "2027-06-01", "SELF", "NOT_REQUIRED", "WRITTEN", "n", *"yyyyyyy"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join([*categories, *form, "Any office", "y", "y"]) + "\n"))
    refbus.run(AGENCY, "consent", "grant", case)
    shown = refbus.json(AGENCY, "consent", "show", case)
    assert [each["rules"][0]["data"] for each in shown] == [["HEALTH", "SERVICE_NEEDS"]]
    assert shown[0]["rules"][0]["actions"] == ["DISCLOSE", "REPORT_BACK"]
    assert shown[0]["rules"][1] == {
        "effect": "PERMIT",
        "purposes": ["STATISTICS_NON_IDENTIFYING"],
        "actions": ["DISCLOSE"],
        "data": [],
    }
    for code in (None, Code.CONSENT_CHANGE_DIFFERS):
        stop = ("consent", "amend", case, "--to", SHELTER, "--stop", "STATISTICS_NON_IDENTIFYING", "--later")
        ran = refbus.run(AGENCY, *stop, ok=code is None)
        assert (code or "permits less than before") in ran.out + ran.err
    assert len(refbus.json(AGENCY, "consent", "show", case)[-1]["rules"]) == 1


def test_each_answer_of_a_consent_is_checked_at_once_and_kept(
    refbus: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong is asked again there and then; what was right survives a line that breaks in the middle."""
    case = file(tmp_path, "case.json", case_file(about="Fictional: asked in two sittings"))
    first = ["y", "y", "y", "n", "referral-1", "de", "tg", "soon", "1.9.2026", "1.9.2037", "1.12.2026"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(first) + "\n"))
    broken = refbus.run(AGENCY, "consent", "grant", case, ok=False)
    for told in ("is not one of", "Not a day like", "That is past.", "At most", "What was answered is kept"):
        assert told in broken.err, told
    informed = ["y", "n", *"yyyyy", "y"]
    then = ["y", "1.6.2027", "SELF", "NOT_REQUIRED", "WRITTEN", "n", *informed]
    then += ["<<where the person can withdraw: a place or a line, no person's name>>", "x", "Any office", "y", "n"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(then) + "\n"))
    ran = refbus.run(AGENCY, "consent", "grant", case)
    assert "These are the words of the form." in ran.err
    assert "Write where the person can take it back" in ran.err
    assert "A yes counts only when all of this was explained or asked" in ran.err
    assert "May they receive" not in ran.err
    assert "GIVEN" in ran.out
    monkeypatch.setattr("sys.stdin", io.StringIO("n\nn\nn\n"))
    assert "REFUSED" in refbus.run(AGENCY, "consent", "grant", case).out, "a no asks for nothing else"


def test_what_is_about_one_person_is_written_for_its_owner_alone(refbus: Commands, tmp_path: Path) -> None:
    """A case file and a page are in files that nobody else can read, and a word says to delete them."""
    case = file(tmp_path, "case.json", case_file(about="Fictional: private"))
    number = str(refbus.json(AGENCY, "case", "add", case)["case"])
    for arguments in (("case", "file", number), ("case", "disclosures", number, "--format", "html")):
        printed = refbus.run(AGENCY, *arguments)
        assert "Delete the file" in printed.err
        out = tmp_path / f"{arguments[1]}.out"
        ran = refbus.run(AGENCY, *arguments, "--out", str(out))
        assert ran.out == ""
        assert "for you alone" in ran.err
        assert out.read_text(encoding="utf-8") == printed.out
        assert out.stat().st_mode & 0o777 == 0o600


def test_what_is_wrong_with_a_file_is_said_in_the_language_that_was_asked_for(refbus: Commands, tmp_path: Path) -> None:
    """Each problem on a line of its own; a script reads English."""
    path = file(tmp_path, "case.json", case_file(person={"prs_Birthdate": "yesterday"}))
    ran = refbus.run(AGENCY, "--lang", "ru", "case", "add", path, ok=False)
    assert "нужно: дата, например 31.3.2026" in ran.err
    wrong = refbus.run(AGENCY, "--lang", "ru", "case", "add", path, "--json", ok=False).value
    assert "write a date like" in wrong["problems"][0]["advice"]


def test_an_error_for_a_script_is_one_object(refbus: Commands) -> None:
    """With --json, before or after the command, an error is JSON on standard output."""
    for arguments in (("--json", "status", "99"), ("status", "99", "--json")):
        ran = refbus.run(AGENCY, *arguments, ok=False)
        assert ran.value["error"]["code"] == "REFERRAL_UNKNOWN"
        assert ran.err == ""


def test_a_refusal_by_consent_names_every_reason(refbus: Commands, tmp_path: Path) -> None:
    """Each reason is a line of its own for people, and a list for scripts."""
    case = file(tmp_path, "case.json", case_file(about="Fictional: many reasons"))
    rule = {"purposes": ["MEDICAL"], "actions": ["REPORT_BACK"], "data_categories": ["CONTACT"]}
    refbus.run(AGENCY, "consent", "grant", case, "--file", file(tmp_path, "consent.json", consent_file(permit=[rule])))
    ran = refbus.run(AGENCY, "send", case, ok=False)
    assert ran.err.count("also:") >= 2
    reasons = refbus.run(AGENCY, "send", case, "--json", ok=False).value["error"]["reasons"]
    assert {"ACTION_NOT_COVERED", "CATEGORY_NOT_COVERED", "PURPOSE_NOT_COVERED"} <= set(reasons)


def test_states_are_told_in_the_persons_language(refbus: Commands, tmp_path: Path) -> None:
    """--lang and LANG choose the words for states; codes stay codes."""
    case = file(tmp_path, "case.json", case_file(about="Fictional: language"))
    refbus.run(AGENCY, "consent", "grant", case, "--file", file(tmp_path, "consent.json", consent_file()))
    number = refbus.json(AGENCY, "send", case, "--later")["referral"]
    english = refbus.run(AGENCY, "status", str(number)).out
    russian = refbus.run(AGENCY, "status", str(number), "--lang", "ru").out
    assert refbus.run(AGENCY, "status", str(number), LANG="ru_KZ.UTF-8").out == russian
    assert english != russian
    assert "хранится здесь" in russian
    uzbek = refbus.run(AGENCY, "status", str(number), "--lang", "uz").out
    assert uzbek == refbus.run(AGENCY, "status", str(number), "--lang", "uz-Latn").out != english
    refused = [refbus.run(AGENCY, "status", "999", "--lang", each, ok=False).err for each in ("uz", "uz-Latn", "en")]
    assert refused[0] == refused[1] != refused[2]
