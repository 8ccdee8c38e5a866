"""The JSON of values: names as scripts know them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from refbus_gateway.actions.shape import json_of


@dataclass(frozen=True)
class Said:
    """A value with a name that is a word of Python."""

    from_: str
    ids: tuple[bytes, ...]


def test_a_word_of_python_is_a_name_in_json() -> None:
    """`from_` is "from"; bytes are hex."""
    assert json_of(Said("kz-agency01", (b"\x01\xff",))) == {"from": "kz-agency01", "ids": ["01ff"]}


def test_what_no_action_may_return_has_no_json() -> None:
    """An object of the program is no value."""
    with pytest.raises(TypeError):
        json_of(object())
