"""Catalogues can be used as they are: compiled from what translators wrote, with the values of the English text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Message

from refbus_gateway.words.languages import LANGUAGES, NAMES
from support.tree import ROOT, parsed, project_files, walked
from tools.words import TRANSLATED, UnusableError, in_python, not_current, problems, state, template

COMPLETE = ("ru",)
"""Languages in which every message has words."""


def test_compiled_catalogues_are_what_translators_wrote() -> None:
    """`make words` has nothing to compile."""
    assert not_current() == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_names_the_values_of_the_english_text(language: str) -> None:
    """No translation lacks a value or names another one."""
    assert state(language, template()).wrong == ()


@pytest.mark.parametrize("language", COMPLETE)
def test_a_complete_language_stays_complete(language: str) -> None:
    """A new message comes with its words in this language: `python -m tools.words --list LANGUAGE` shows what lacks."""
    assert state(language, template()).missing == ()


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


SHOWN = {"tell", "say", "prompt", "confirm"}
"""Calls of the command line that people read."""
SENTENCE = re.compile(r"[a-z]{3,} [a-z]{2,}")


def bare(path: Path) -> list[str]:
    """Return the English sentences that a module shows without asking a catalogue."""
    found = []
    for node in walked(ast.parse(path.read_text(encoding="utf-8"))):
        name = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name in SHOWN:
            found += [text for argument in node.args for text in _literals(argument)]
    return [text for text in found if SENTENCE.search(text) and not text.lstrip().startswith("refbus ")]


def _literals(node: ast.AST) -> Iterator[str]:
    """Yield the texts of an expression, without those that are arguments of another call."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in () if isinstance(node, ast.Call) else ast.iter_child_nodes(node):
        yield from _literals(child)


@pytest.mark.parametrize("path", project_files("services/refbus_gateway/cli", suffix=".py"), ids=lambda path: path.stem)
def test_what_a_command_says_comes_from_a_catalogue(path: Path) -> None:
    """No sentence is given to a person in English alone."""
    assert bare(path) == []


def test_a_bare_sentence_is_found(tmp_path: Path) -> None:
    """In lists, choices and f-strings too; a command to type is no sentence."""
    path = tmp_path / "module.py"
    path.write_text('session.tell(x, [f"It was sent to {x}.", words().text("All is well")])\nsay("refbus sync now")\n')
    assert bare(path) == ["It was sent to "]


LABELS = {
    "web/casefields.py _LABELS": "fields of the form of a case",
    "web/pages/returns.py _WISH": "fields of the form of a wish",
}
"""Tables of a form's own fields, which stand beside the form."""


def _is_marked(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "mark"


def _is_value_table(node: ast.expr | None) -> bool:
    """Whether this is a table from values to words: a mapping, or pairs that begin with a member of an enumeration."""
    if isinstance(node, ast.Dict):
        return bool(node.values) and all(_is_marked(each) for each in node.values)
    pairs = [each.elts for each in node.elts if isinstance(each, ast.Tuple)] if isinstance(node, ast.Tuple) else []
    return any(len(each) > 1 and isinstance(each[0], ast.Attribute) and _is_marked(each[1]) for each in pairs)


def test_tables_of_words_stand_in_words() -> None:
    """What a value is called is the same on every page, on paper and in a terminal: no page has a table of its own."""
    found = set()
    for path in project_files("services/refbus_gateway/web", suffix=".py"):
        place = path.relative_to(ROOT / "services" / "refbus_gateway").as_posix()
        for node in parsed(path).body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and _is_value_table(node.value):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                found.add(f"{place} {ast.unparse(target)}")
    assert found == set(LABELS)
