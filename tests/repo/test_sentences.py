"""Pages are read by people in a hurry, many of them not in their first language."""

from __future__ import annotations

import pytest

from support.tree import ROOT
from tools.sentences import MOST_WORDS, long_sentences, pages

PAGES = pages()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_sentence_is_too_long(page: object) -> None:
    """No sentence of a page has more than thirty-five words: `python -m tools.sentences` lists them."""
    assert hasattr(page, "read_text")
    assert list(long_sentences(page.read_text(encoding="utf-8"))) == []


def test_a_long_sentence_is_found_wherever_it_stands() -> None:
    """In a paragraph, an item and a cell; not in code, and not two short ones together."""
    long = " ".join(["word"] * (MOST_WORDS + 1)) + "."
    short = " ".join(["word"] * (MOST_WORDS - 1)) + "."
    text = f"# {long}\n{short} {short}\n\n- {long}\n- {short}\n\n| a |\n|---|\n| {long} |\n\n```\n{long}\n```\n"
    assert list(long_sentences(text)) == [long, long]
    assert list(long_sentences(f"{long}\n{short}")) == [long]
