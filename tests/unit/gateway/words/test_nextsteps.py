"""What a page says to do next names a page, a button or a person to call: never a command, an option, a field."""

from __future__ import annotations

import re

import pytest

from refbus.errors import Code, RefbusError
from refbus.explain import CATALOGUE
from refbus_gateway.web.office import Office
from refbus_gateway.words.catalogue import catalogue
from refbus_gateway.words.nextsteps import NEXT, meaning, next_step
from support.tree import texts

COMMAND = re.compile(r"`|--[a-z]|refbus|[a-z]_[a-z]|\bcommand\b")


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_page_names_a_command(code: Code, language: str) -> None:
    """Whatever code it shows, in English and in Russian."""
    told = Office.words_of(RefbusError(code), catalogue(language))
    assert not COMMAND.search(f"{told.meaning} {told.next_step}"), told


def test_a_step_of_its_own_is_written_only_where_it_differs() -> None:
    """What the catalogue says for both stands there and nowhere else."""
    assert {code for code in NEXT if not COMMAND.search(CATALOGUE[code].next_step)} == set()


def test_pages_take_their_words_for_errors_from_one_place() -> None:
    """`words.nextsteps`: no module of the pages asks the catalogue of errors, which speaks to a terminal."""
    asking = re.compile(r"codes\.(meaning|next_step)\(|words\.codes import .*(meaning|next_step)")
    found = {name for name, text in texts("services/refbus_gateway/web", suffix=".py") if asking.search(text)}
    assert found == set()


def test_both_are_in_the_readers_language() -> None:
    """A table that is not in the catalogues would be English for everybody."""
    russian = catalogue("ru")
    for code in NEXT:
        assert next_step(russian, code) != next_step(catalogue("en"), code)
    assert meaning(russian, Code.USAGE) != meaning(catalogue("en"), Code.USAGE)
