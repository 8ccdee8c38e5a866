"""The command in Russian: no English sentence in a help, in what is wrong with a command line, in an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from refbus_gateway.cli.main import main, with_runtime
from refbus_gateway.cli.runtime import Runtime
from support.english import english

WRONG = (
    ("seend",),
    ("send",),
    ("send", "--caze", "3"),
    ("send", "a", "b", "c"),
    ("inbox", "shov", "3"),
    ("inbox", "show"),
    ("inbox", "show", "three"),
    ("inbox", "show", "--event"),
    ("sync", "--timeout", "0"),
    ("sync", "--timeout", "long"),
    ("sync", "--now"),
    ("emergency", "decide"),
    ("inbox", "withdrawn", "3", "PERHAPS"),
    ("orgs", "find", "--country", "Atlantis"),
    ("home", "connect", "--bootstrap", "x:1", "--tls", "/nowhere"),
    ("audit", "verify", "/nowhere", "--policy", "/nowhere"),
    ("audit", "verify"),
    ("case", "list", "--home", "/nowhere"),
    ("stats", "/nowhere"),
    ("desk", "--port", "99999"),
    ("people", "add"),
    ("recovery",),
)
"""What people type: a command, an option or a value that there is not, and what is missing."""


def commands() -> Iterator[tuple[str, ...]]:
    """Yield each command, and each group of them."""
    root = with_runtime(Runtime({}))
    waiting: list[tuple[tuple[str, ...], click.Command]] = [((), root)]
    while waiting:
        name, command = waiting.pop()
        yield name
        if isinstance(command, click.Group):
            context = click.Context(command)
            for each in command.list_commands(context):
                found = command.get_command(context, each)
                assert found is not None
                waiting.append(((*name, each), found))


@pytest.fixture(autouse=True)
def _nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no command find a home."""
    monkeypatch.chdir(tmp_path)


def told(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command writes on both channels, where the language is Russian."""
    main(arguments, environ={"LANG": "ru_RU.UTF-8"})
    out = capsys.readouterr()
    return " ".join(f"{out.out}\n{out.err}".split())


@pytest.mark.parametrize("name", sorted(commands()), ids=" ".join)
def test_a_help_is_in_russian(name: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Options and arguments stay as they are typed, and examples, which have no remarks; every sentence is Russian."""
    shown, _, example = told((*name, "--help"), capsys).partition("Пример:")
    assert english(shown) == []
    assert "#" not in example, "a remark in an example would be in English"


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_a_wrong_command_line_is_told_in_russian(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong, what was meant, and what to do next."""
    assert english(told(arguments, capsys)) == []
