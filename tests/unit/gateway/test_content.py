"""Content of a case comes from a file, from standard input or from a person who is asked; never from an option."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from refbus.core.placeholder import is_placeholder
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from refbus.wire.fields import FieldSpec, Kind
from refbus.wire.payload import payload_fields
from refbus_gateway.cli import questions
from refbus_gateway.cli.content import FieldOption
from refbus_gateway.cli.main import refbus as whole
from refbus_gateway.forms.asked import needed_fields, wish_fields
from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands, file
from support.gateways import World, case_file, consent_file

TEXTS = {
    "recovery restore --name": "name of a colleague",
    "people codes --confirm": "a one-time code",
    "people codes NAME": "name of a colleague",
    "people codes --second": "name of a colleague",
    "recovery make --second": "name of a colleague",
    "audit fsck PLACE": "where a log lies",
    "audit open --log": "where a log lies",
    "audit proof --log": "where a log lies",
    "audit report --event": "id of an event",
    "audit report --from": "a day",
    "audit report --log": "where a log lies",
    "case link --relation": "a code; two numbers of cases stand beside it, and no person",
    "case add --deny": "an organisation",
    "case export --format": "name of a format",
    "case import --format": "name of a format",
    "case update --replaces": "revision of a case file",
    "consent amend --stop": "a data category, taken whatever is typed",
    "counts --from": "a day",
    "desk --share": "name of this computer",
    "emergency invoke --first": "key id of an officer",
    "emergency invoke --second": "key id of an officer",
    "emergency review --officer": "key id of an officer",
    "home connect --bootstrap": "address of the broker",
    "home notify COMMAND": "a command of this computer",
    "keys init --country": "country of this organisation",
    "keys init --label": "name of this organisation",
    "keys init --language": "language of this organisation",
    "keys init --service": "service of this organisation",
    "keys lost --since": "since when a computer is gone",
    "officers add --role": "code of a role",
    "officers remove OFFICER": "key id of an officer",
    "orgs find --country": "where to look",
    "orgs find --for": "whom they must help",
    "orgs find --language": "what to look for",
    "orgs find --service": "what to look for",
    "orgs show ORG_ID": "an organisation",
    "people add --language": "language of a colleague",
    "officers add --second": "name of a colleague, to sign in with",
    "people add --second": "name of a colleague, to sign in with",
    "people add --shown": "what colleagues call somebody",
    "people add NAME": "name of a colleague, to sign in with",
    "people assign NAME": "name of a colleague, to sign in with",
    "people begin --language": "language of a colleague",
    "people begin --shown": "what colleagues call somebody",
    "people begin NAME": "name of a colleague, to sign in with",
    "people cases NAME": "name of a colleague, to sign in with",
    "people lock-out NAME": "name of a colleague, to sign in with",
    "people log --of": "name of a colleague, to sign in with",
    "people passphrase NAME": "name of a colleague, to sign in with",
    "people role --second": "name of a colleague, to sign in with",
    "people role NAME": "name of a colleague, to sign in with",
}
"""Every option or argument that takes text and is no field of an event, with what it says."""
EVERYWHERE = {
    "--as": "who of this organisation asks",
    "--lang": "language of the words",
    "--to": "an organisation",
    "CASE": "number or file of a case",
}


def parameters() -> Iterator[tuple[str, click.Parameter]]:
    """Yield every option and argument of `refbus` with its name."""

    def walk(command: click.Command, name: str) -> Iterator[tuple[str, click.Parameter]]:
        if isinstance(command, click.Group):
            ctx = click.Context(command)
            for word in command.list_commands(ctx):
                found = command.get_command(ctx, word)
                assert found is not None
                yield from walk(found, f"{name} {word}".strip())
            return
        for each in command.params:
            yield f"{name} {each.opts[-1] if each.param_type_name == 'option' else (each.name or '').upper()}", each

    return walk(whole, "")


def leaves(specs: tuple[FieldSpec, ...]) -> Iterator[FieldSpec]:
    """Yield every field that holds data, nested ones too."""
    for spec in specs:
        if spec.kind is Kind.RECORD:
            yield from leaves(spec.fields)
        else:
            yield spec


def test_no_option_carries_content() -> None:
    """A field with a data category or free words is no option; an option that takes other text is named here."""
    carried = [(name, each) for name, each in parameters() if isinstance(each, FieldOption)]
    assert len(carried) > 40
    assert [name for name, each in carried if each.spec.content or each.spec.category] == []
    texts = {
        name
        for name, each in parameters()
        if not isinstance(each, FieldOption) and isinstance(each.type, click.types.StringParamType)
    }
    assert texts - {name for name in texts if name.split()[-1] in EVERYWHERE} == set(TEXTS)


def test_what_is_content_follows_from_the_schema() -> None:
    """Whatever has a category or holds free words is content; a code of the work or a time without one is not."""
    content = [spec for kind in EventType for spec in payload_fields(kind) if spec.content]
    plain = [spec for kind in EventType for spec in payload_fields(kind) if not spec.content]
    assert {"note", "question", "needed_now", "person", "guardian"} <= {spec.name for spec in content}
    assert {"responsible_worker_role", "expected_ms"} <= {spec.name for spec in plain}
    assert [spec.name for spec in plain if spec.category is not None] == []
    assert {spec.kind for spec in plain} <= {Kind.CODED, Kind.ENUM, Kind.NUMBER, Kind.ID, Kind.FLAG, Kind.TEXT}
    assert all({"format", "values"} & spec.attributes.keys() for spec in plain if spec.kind is Kind.TEXT)


class Desk:
    """A referral that has come to the shelter, and the commands to answer it."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.world = World(folder)
        self.refbus = Commands(self.world, capture)
        self.folder = folder
        case = file(folder, "case.json", case_file())
        self.world.gateway(AGENCY).close()
        self.refbus.run(AGENCY, "consent", "grant", case, "--file", file(folder, "consent.json", consent_file()))
        self.refbus.run(AGENCY, "send", case)
        self.world.carry()
        self.refbus.run(SHELTER, "sync")

    def said(self) -> dict[str, Any]:
        """Return what the shelter's newest event says, as it is shown."""
        shown: dict[str, Any] = self.refbus.json(SHELTER, "inbox", "show", "1")["events"][-1]
        return shown


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    """Give a desk."""
    return Desk(tmp_path, capsys)


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Let standard input hold a text."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))


def test_content_comes_from_standard_input(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--file -` reads it, for an answer, a case and a consent alike; too much of it is refused."""
    type_in(monkeypatch, json.dumps({"note": "Fictional: welcome"}))
    desk.refbus.run(SHELTER, "inbox", "accept", "1", "--responsible-worker-role", "LAWYER", "--file", "-")
    assert "Fictional: welcome" in json.dumps(desk.said())
    type_in(monkeypatch, case_file(about="Fictional: typed in").decode())
    number = str(desk.refbus.json(AGENCY, "case", "add", "-")["case"])
    type_in(monkeypatch, consent_file().decode())
    assert desk.refbus.json(AGENCY, "consent", "grant", number, "--file", "-")["state"] == "GIVEN"
    type_in(monkeypatch, " " * 1_100_000)
    assert "TOO_LARGE" in desk.refbus.run(SHELTER, "inbox", "feedback", "1", "--file", "-", ok=False).err


def test_a_field_is_given_once(desk: Desk) -> None:
    """In the file or as an option: both is refused, and an empty place of the form is no answer."""
    form = json.loads(desk.refbus.bare("inbox", "accept", "--form").out)
    assert is_placeholder(form["responsible_worker_role"])
    words = ("inbox", "accept", "1", "--responsible-worker-role", "LAWYER", "--file")
    twice = file(desk.folder, "twice.json", json.dumps({**form, "responsible_worker_role": "LAWYER"}))
    refused = desk.refbus.run(SHELTER, *words, twice, ok=False).err
    assert "USAGE" in refused
    assert "responsible_worker_role" in refused
    filled = file(desk.folder, "filled.json", json.dumps({**form, "responsible_worker_role": None}))
    desk.refbus.run(SHELTER, *words, filled)


def test_every_command_that_takes_a_file_of_fields_prints_its_form(desk: Desk) -> None:
    """Each compulsory place is marked, and the form as it is printed is refused at each of them."""
    with_form = [name.rpartition(" ")[0] for name, _ in parameters() if name.endswith(" --form")]
    assert len(with_form) > 45
    for name in with_form:
        form = json.loads(desk.refbus.bare(*name.split(), "--form").out)
        assert form.pop("help"), name
        assert all(
            value in (None, [], {}) or isinstance(value, dict) or is_placeholder(value) for value in form.values()
        )
    path = file(desk.folder, "form.json", desk.refbus.bare("inbox", "appointment", "--form").out)
    wrong = desk.refbus.run(SHELTER, "inbox", "appointment", "1", "--file", path, "--json", ok=False).value
    assert {each["path"] for each in wrong["problems"]} == {"service", "at_ms"}


def test_a_person_at_a_terminal_is_asked_field_by_field(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes are listed, a wrong answer is asked again, a text has several lines, and nothing is defaulted."""
    typed = [
        "NOBODY",
        "LAWYER",
        "tomorrow",
        "2026-10-01T10:00+05:00",
        "n",
        "",
        "Fictional: welcome",
        "on Monday",
        "",
        "",
    ]
    desk.refbus.at_terminal = True
    type_in(monkeypatch, "\n".join([*typed, ""]))
    ran = desk.refbus.run(SHELTER, "inbox", "accept", "1", "--later")
    assert "SOCIAL_WORKER" in ran.err
    assert "Not one of the codes." in ran.err
    assert "Not a time like" in ran.err
    assert "Fictional: welcome" not in ran.err
    desk.refbus.at_terminal = False
    shown = json.dumps(desk.said(), ensure_ascii=False)
    assert "Fictional: welcome\\non Monday" in shown


@pytest.mark.parametrize("specs", [wish_fields(), needed_fields()], ids=["wish", "needed"])
def test_what_is_compulsory_has_no_default(specs: tuple[FieldSpec, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty answers are asked again until nobody answers any more."""
    type_in(monkeypatch, "\n" * 5)
    with pytest.raises(click.Abort):
        questions.ask_fields(specs, "en")


def test_each_kind_of_field_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups, lists of groups, lists of codes, numbers, days and flags make the document that a file would hold."""
    by_name = {spec.name: spec for spec in payload_fields(EventType.PLAN_AGREED)}
    chosen = tuple(by_name[name] for name in ("legs", "fit_to_travel", "agreed_on", "attachments"))
    leg = ["y", "Fictional A", "", "Fictional B", "", "BUS", "1.10.2026 10:00", "2026-10-01T12:00Z", "n"]
    type_in(monkeypatch, "\n".join([*leg, "maybe", "yes", "soon", "21.9.2026", ""]))
    document = questions.ask_fields(chosen, "en")
    (asked,) = document["legs"]
    assert (asked["from_place"], asked["transport"], asked["departs_ms"]) == ("Fictional A", "BUS", "1.10.2026 10:00")
    assert (document["fit_to_travel"], document["agreed_on"]) == (True, "2026-09-21")
    assert "attachments" not in document


def test_a_wrong_number_is_asked_again_with_one_of_the_country(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In plain words; what is typed then as in the example is taken."""
    by_name = {spec.name: spec for spec in payload_fields(EventType.BEST_INTERESTS_DETERMINED)}
    phone = next(spec for each in by_name.values() for spec in each.fields if spec.name == "phone")
    type_in(monkeypatch, "call me\n+996 700 123 456\n")
    assert questions.ask_fields([phone], "en", "kg") == {"phone": "+996700123456"}
    told = capsys.readouterr().err
    assert "write it with + and the country, like +996 700 123 456" in told
    assert "Not" not in told


def test_scripts_are_never_asked(desk: Desk) -> None:
    """Without a terminal, or with --json, what is missing is a mistake and no question."""
    wrong = desk.refbus.run(SHELTER, "inbox", "feedback", "1", "--json", ok=False).value
    assert wrong["error"]["code"] == Code.CASE_INVALID
    assert [each["path"] for each in wrong["problems"]] == ["note"]
