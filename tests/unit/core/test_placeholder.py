"""Words that a form prints where an answer belongs are never an answer."""

from __future__ import annotations

from typing import Any

import pytest

from refbus.core.placeholder import is_placeholder, placeholder, placeholders


@pytest.mark.parametrize("words", ["the reason", "", "what this file is", "причина"])
def test_what_a_form_prints_is_recognised(words: str) -> None:
    """Marked, and also in other letters, in wide ones, with blanks, or within a longer text."""
    printed = placeholder(words)
    wide = printed.replace("<", "\uff1c").replace(">", "\uff1e")
    for said in (printed, printed.upper(), f"  {printed} ", f"because {printed}!", wide):
        assert is_placeholder(said)


@pytest.mark.parametrize("said", ["a reason", "", "1 << 2", "a >> b << c", "What This File Is Not"])
def test_an_answer_is_none(said: str) -> None:
    """A text with no mark, or with half of one, is what a person wrote."""
    assert not is_placeholder(said)


@pytest.mark.parametrize("said", ["...", " What this  file is", "<when they must erase it>"])
def test_what_earlier_versions_printed_is_recognised(said: str) -> None:
    """They had no mark."""
    assert is_placeholder(said)


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ({"note": "ours", "valid": True, "number": 7, "none": None}, []),
        (placeholder("day"), [""]),
        ({"permit": [{"purposes": ["A", placeholder("B")]}]}, ["permit[0].purposes[1]"]),
        ({"a": (placeholder("x"), [placeholder("y")])}, ["a[0]", "a[1][0]"]),
        ({placeholder("name"): "said"}, [""]),
        ({"outer": {placeholder("name"): placeholder("text")}}, ["outer", f"outer.{placeholder('name')}"]),
    ],
)
def test_every_one_is_found_where_it_stands(value: Any, paths: list[str]) -> None:
    """In texts, lists and objects at any depth, and as the name of a field."""
    assert list(placeholders(value)) == paths
