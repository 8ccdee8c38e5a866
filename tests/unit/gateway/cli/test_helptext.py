"""The help of a command speaks the reader's language; nothing of it stays English, and no line of a list is cut."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from refbus_gateway.cli.helptext import Formatter, as_it_is, first_sentence, peeled
from refbus_gateway.cli.main import COMMANDS, main, with_runtime
from refbus_gateway.cli.runtime import Runtime
from refbus_gateway.words.catalogue import catalogue

ENGLISH = re.compile(r"(?<![-/.\w])[a-z]{2,} [a-z]{2,}(?![-/.\w])")
QUOTED = re.compile(
    r"`[^`]*`|\{[^}]*\}|refbus( [a-z-]+)+|(return|consent|inbox|case) [a-z-]+|--[a-z-]+( [A-Z]+)?", re.DOTALL
)


def walk(command: click.Command, context: click.Context) -> Iterator[click.Context]:
    """Yield the context of a command and of those in it."""
    yield context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from walk(found, found.context_class(found, info_name=name, parent=context))


def helps(language: str) -> dict[str, str]:
    """Return the help of every command in a language."""
    words = catalogue(language)
    root = with_runtime(Runtime({}), words.pgettext)
    return {each.command_path: each.get_help() for each in walk(root, root.context_class(root, info_name="refbus"))}


RUSSIAN = helps("ru")


def test_every_command_is_walked() -> None:
    """Groups, their commands, and single ones."""
    assert len(RUSSIAN) > 130
    assert {path.split()[1] for path in RUSSIAN if " " in path} == set(COMMANDS)


@pytest.mark.parametrize("path", RUSSIAN)
def test_nothing_english_is_left_in_a_help(path: str) -> None:
    """But names of commands, options, files and codes."""
    shown = RUSSIAN[path]
    texts = [each for each in shown.split("\n\n") if "Пример:" not in each]
    left = QUOTED.sub(" ", " ".join(" ".join(texts).split()))
    assert not ENGLISH.findall(left)
    assert "Параметры" in shown


def test_a_help_is_asked_for_in_a_language_anywhere_on_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Before the command, behind --help, or by the surroundings."""
    for arguments, environ in (
        (["--lang", "ru", "inbox", "--help"], {}),
        (["inbox", "accept", "--help", "--lang=ru"], {}),
        (["inbox", "--help"], {"LANG": "ru_RU.UTF-8"}),
    ):
        assert main(arguments, environ=environ) == 0
        assert "Принять направление." in capsys.readouterr().out
    assert main(["inbox", "--help"], environ={}) == 0
    assert "Accept a referral." in capsys.readouterr().out


@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_line_of_a_list_is_cut(language: str) -> None:
    """What a command does is told whole, however narrow the terminal."""
    assert not [path for path, text in helps(language).items() if re.search(r"[a-zа-я]\.\.\.$", text, re.MULTILINE)]


def test_a_text_without_words_stays_english() -> None:
    """A language that has no words for it yet hides nothing."""
    formatter = Formatter(as_it_is, 80, 80)
    formatter.write_text("Do it.\n\n\b\nExample:\n  refbus send 3")
    formatter.write_dl([("--to TEXT", "Who; may be repeated.  [required]")])
    assert formatter.getvalue().split() == (
        ["Do", "it.", "Example:", "refbus", "send", "3", "--to", "TEXT", "Who;", "may", "be", "repeated.", "[required]"]
    )


def test_a_help_is_taken_apart_as_its_messages_are() -> None:
    """The first sentence, which a list shows; a field and what stands behind it."""
    assert first_sentence("Do it. At once. Always.") == ("Do it.", "At once. Always.")
    assert first_sentence("Do it.") == ("Do it.", "")
    assert peeled("Role (a code); may be repeated.") == ("Role", [" (a code)", "; may be repeated"])
