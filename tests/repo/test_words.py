"""Catalogues can be used as they are: compiled from what translators wrote, with the values of the English text."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages import Message

from refbus_gateway.words.languages import LANGUAGES, NAMES
from tools.words import TRANSLATED, UnusableError, in_python, not_current, problems, state, template


def test_compiled_catalogues_are_what_translators_wrote() -> None:
    """`make words` has nothing to compile."""
    assert not_current() == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_names_the_values_of_the_english_text(language: str) -> None:
    """No translation lacks a value or names another one."""
    assert state(language, template()).wrong == ()


def test_every_language_has_a_name_in_its_own_script() -> None:
    """A person finds the own language by its own name."""
    assert set(NAMES) == set(LANGUAGES)


@pytest.mark.parametrize(
    ("english", "translation", "wrong"),
    [
        ("By %(name)s", "%(name)s tomonidan", False),
        ("By %(name)s", "%(ism)s tomonidan", True),
        ("By %(name)s", "Tomonidan", True),
        ("By %(name)s, 5 %%", "%(name)s, 5 %", True),
        (("%(n)s day", "%(n)s days"), ("день", "%(n)s дня", "%(n)s дней"), False),
        (("%(n)s day of %(name)s", "%(n)s days of %(name)s"), ("%(n)s", "%(n)s", "%(n)s"), True),
    ],
)
def test_values_that_differ_are_found(
    english: str | tuple[str, str], translation: str | tuple[str, ...], wrong: bool
) -> None:
    """A value that is lacking, another or broken is a problem; the form for one may leave out the number."""
    assert bool(list(problems(Message(english, translation)))) is wrong


def test_a_text_that_is_made_at_run_time_is_no_message(tmp_path: Path) -> None:
    """An f-string cannot be translated, so the tool refuses it."""
    path = tmp_path / "module.py"
    path.write_text('words.text(f"Hello {name}")\n', encoding="utf-8")
    with pytest.raises(UnusableError):
        list(in_python(path))
