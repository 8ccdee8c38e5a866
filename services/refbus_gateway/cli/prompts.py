"""Questions of a terminal in the language of whoever answers. click asks in English alone, so it only reads lines here.

Yes and no are answered in the reader's words, by word or first letter, and in English. A letter that is a yes in one of
the two and a no in the other counts as neither: it is asked again.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

import click

from refbus.output import say
from refbus_gateway.words.catalogue import Catalogue

_YES: Final = frozenset({"y", "yes", "true"})
_NO: Final = frozenset({"n", "no", "false"})
_MARKS: Final = dict.fromkeys(map(ord, "'`‘’ʻʼ"))
"""Marks that people write as they can, or leave out: yo'q, yo`q, yoq."""


def ask_text(question: str, *, default: str | None = None, suffix: str = ": ", hidden: bool = False) -> str:
    """Return a line that was typed; without `default` one that is not empty. Raises click.Abort when nobody answers."""
    typed: str = click.prompt(
        question, default=default, hide_input=hidden, prompt_suffix=suffix, show_default=False, err=True
    )
    return typed


def ask_secret(words: Catalogue, question: str, *, confirm: bool = False) -> str:
    """Return what was typed unseen, with `confirm` twice the same. Raises click.Abort."""
    while True:
        typed = ask_text(question, hidden=True)
        if not confirm or ask_text(words.text("The same again"), hidden=True) == typed:
            return typed
        say(words.text("The two passphrases are not the same"), err=True)


def ask_yes(words: Catalogue, question: str, *, default: bool | None = None) -> bool:
    """Return whether the answer is yes; an empty one is `default`, or is no answer. Raises click.Abort."""
    asked = f"{question} [{_hint(words, default)}]"
    while True:
        typed = ask_text(asked, default=None if default is None else "")
        answer = yes_or_no(words, typed) if typed.strip() else default
        if answer is not None:
            return answer
        say(words.text("Not %(form)s.", form=words.text("yes or no")), err=True)


def ask_choice(words: Catalogue, question: str, options: Iterable[str]) -> str:
    """Return one of the options, as it was typed. Raises click.Abort."""
    given = [str(each) for each in options]
    while True:
        typed = ask_text(f"{question} ({', '.join(given)})").strip()
        if typed in given:
            return typed
        say(words.text("%(value)s is not one of %(codes)s.", value=typed, codes=", ".join(given)), err=True)


def yes_or_no(words: Catalogue, typed: str) -> bool | None:
    """Return what was answered, None for what is neither or could be both."""
    answer = _folded(typed)
    yes, no = _folded(words.text("yes")), _folded(words.text("no"))
    is_yes = answer in {yes, yes[:1]} or answer in _YES
    is_no = answer in {no, no[:1]} or answer in _NO
    return None if is_yes == is_no else is_yes


def _hint(words: Catalogue, default: bool | None) -> str:
    """Return what to type: first letters, or words where a letter could be both; the default with a capital letter."""
    yes, no = words.text("yes"), words.text("no")
    if yes_or_no(words, yes[:1]) is True and yes_or_no(words, no[:1]) is False:
        yes, no = yes[:1], no[:1]
    return f"{_capital(yes) if default is True else yes}/{_capital(no) if default is False else no}"


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.strip().casefold()).translate(_MARKS)
    return "".join(each for each in plain if not unicodedata.combining(each))
