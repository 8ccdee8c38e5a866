"""Questions of a terminal speak the reader's language, and understand its yes and no beside the English ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click
import pytest
from click.testing import CliRunner

from refbus_gateway.cli import prompts
from refbus_gateway.words.catalogue import catalogue
from refbus_gateway.words.languages import LANGUAGES
from support.english import english

_T = TypeVar("_T")


def asked(ask: Callable[[], _T], typed: str) -> tuple[str, _T | None]:
    """Return what stands on the screen after these lines, and the answer; None where the lines ended before it."""
    answers: list[_T] = []
    result = CliRunner().invoke(click.Command("asked", callback=lambda: answers.append(ask())), input=typed)
    return result.output, answers[0] if answers else None


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_words_and_english_words_are_understood(language: str) -> None:
    """By word and by first letter, in small and capital letters."""
    words = catalogue(language)
    for word, answer in ((words.text("yes"), True), (words.text("no"), False), ("yes", True), ("no", False)):
        assert prompts.yes_or_no(words, f" {word.upper()} ") is answer
    assert prompts.yes_or_no(words, words.text("yes")[0]) is True
    assert prompts.yes_or_no(words, "n") is False
    assert prompts.yes_or_no(words, "") is prompts.yes_or_no(words, "?") is None


@pytest.mark.parametrize(("language", "typed"), [("uz-Latn", "y"), ("tk", "y"), ("tk", "Ý")])
def test_a_letter_that_is_yes_in_one_language_and_no_in_the_other_is_neither(language: str, typed: str) -> None:
    """The letter y begins "yoʻq" and "ýok", which are a no: nobody erases a case by it."""
    assert prompts.yes_or_no(catalogue(language), typed) is None


@pytest.mark.parametrize("typed", ["yo'q", "yo`q", "Yoʻq", "yoq"])
def test_an_apostrophe_may_be_typed_as_one_can(typed: str) -> None:
    """No keyboard has all of them."""
    assert prompts.yes_or_no(catalogue("uz-Latn"), typed) is False


@pytest.mark.parametrize(
    ("language", "default", "hint"),
    [
        ("en", False, "[y/N]"),
        ("en", True, "[Y/n]"),
        ("ru", False, "[д/Н]"),
        ("ru", None, "[д/н]"),
        ("kk", False, "[и/Ж]"),
        ("uz-Latn", False, "[ha/Yoʻq]"),
        ("tk", None, "[hawa/ýok]"),
    ],
)
def test_the_hint_is_in_the_readers_letters(language: str, default: bool | None, hint: str) -> None:
    """The default has a capital letter; where a letter could be both, words stand there."""
    screen, _ = asked(lambda: prompts.ask_yes(catalogue(language), "?", default=default), "no\n")
    assert hint in screen


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("д\n", True),
        ("да\n", True),
        ("y\n", True),
        ("н\n", False),
        ("n\n", False),
        ("\n", False),
        ("может\nда\n", True),
        ("", None),
    ],
)
def test_a_question_in_russian_is_answered_in_russian_or_english(typed: str, answer: bool | None) -> None:
    """What is neither is asked again, without an English word; who goes away has answered nothing."""
    words = catalogue("ru")
    screen, found = asked(lambda: prompts.ask_yes(words, "Удалить навсегда?", default=False), typed)
    assert found is answer
    assert english(screen.replace("Aborted!", "")) == []
    assert ("да или нет" in screen) is ("может" in typed)


def test_a_passphrase_is_typed_twice_the_same() -> None:
    """Two that differ are told in the reader's language, and asked for again."""
    words = catalogue("ru")
    screen, found = asked(lambda: prompts.ask_secret(words, "Пароль", confirm=True), "a\nb\nc\nc\n")
    assert found == "c"
    assert words.text("The two passphrases are not the same") in screen
    assert english(screen) == []


def test_a_choice_is_one_of_the_options() -> None:
    """Another answer is told in the reader's language, and asked for again."""
    screen, found = asked(lambda: prompts.ask_choice(catalogue("ru"), "Как", ["ORAL", "WRITTEN"]), "x\nORAL\n")
    assert found == "ORAL"
    assert catalogue("ru").text("%(value)s is not one of %(codes)s.", value="x", codes="ORAL, WRITTEN") in screen
